//! The files behind the answers: Doubles, and the manifest's content hash.

use bytes::Bytes;
use schema::Minute;

use super::{Difference, Pass};
use crate::chain::Link;
use crate::doubles;
use crate::error::{Result, ViewError};
use crate::manifest::Manifest;
use crate::query::View;

impl Pass<'_> {
    /// Checks the Doubles of every view file behind the answers.
    pub(super) async fn check_files(&mut self) -> Result<()> {
        let plan = self.plan;
        let selection = self.verify.query.selection();
        for (service, partition) in plan.partitions(&selection) {
            let key = partition.key(service);
            let bytes = self.reader.store.read(&key).await?;
            self.check_doubles(View::Batch, key.as_str(), bytes)?;
        }
        for link in plan.chains.iter().flat_map(|chain| &chain.links) {
            if let Link::View(view) = link {
                self.check_doubles(View::Realtime, &view.name(), view.bytes(self.reader).await?)?;
            }
        }
        if let Some(manifest) = &plan.manifest
            && manifest.content != Manifest::hash_content(&manifest.services)
        {
            self.file(&format!("manifest {}", manifest.number), "its content hash is not that of its partitions");
        }
        Ok(())
    }

    fn check_doubles(&mut self, view: View, name: &str, bytes: Bytes) -> Result<()> {
        self.verdict.files += 1;
        let mut wrong = Vec::new();
        match doubles::check(name, bytes, &mut |double| wrong.push(double)) {
            Err(ViewError::Corrupt { name, why }) => self.file(&name, why),
            other => other?,
        }
        for double in wrong {
            self.difference(Difference::Row {
                view,
                service: double.service,
                minute: Minute::new(double.minute).unwrap_or(Minute::MAX),
                column: double.column,
                expected: format!("{:?}", double.expected),
                found: format!("{:?}", double.found),
            });
        }
        Ok(())
    }
}
