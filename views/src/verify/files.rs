//! The files behind the answers: their bytes, Doubles, and the content hashes.

use bytes::Bytes;
use log::LogError;
use schema::{Minute, Source};

use super::Difference;
use super::pass::Pass;
use crate::chain::Link;
use crate::cuts;
use crate::doubles;
use crate::error::{Result, ViewError};
use crate::manifest::{self, Manifest};
use crate::query::View;
use crate::view_file;

impl Pass<'_> {
    /// Checks every view file behind the answers: its bytes against what names it, its Doubles.
    pub(super) async fn check_files(&mut self) -> Result<()> {
        let plan = self.plan;
        for partition in &plan.partitions {
            let key = partition.key();
            let bytes = self.reader.store.read(&key).await?;
            if let Some(why) = partition.differs(&bytes) {
                self.file(&key, why);
            }
            self.check_doubles(View::Batch, key.as_str(), bytes)?;
        }
        for link in plan.chains().iter().flat_map(|chain| &chain.links) {
            if let Link::View(view) = link {
                let (name, bytes) = (view.name(), view.bytes(self.reader).await?);
                if let Some(why) = view_file::differs(&bytes) {
                    self.file(&name, why);
                }
                self.check_doubles(View::Realtime, &name, bytes)?;
            }
        }
        self.check_imports().await?;
        let Some(manifest) = plan.manifest() else { return Ok(()) };
        if manifest.content != Manifest::hash_content(&manifest.pages) {
            self.file(&format!("manifest {}", manifest.number), "its content hash is not that of its pages");
        }
        for page in manifest.pages_of(&self.verify.query.selection()) {
            if page.content != manifest::hash_content(&page.read(&*self.reader.store).await?) {
                self.file(&page.key(), "its content hash is not that of its partitions");
            }
        }
        Ok(())
    }

    /// Checks every cut of every import: no answer needs those of a withdrawn
    /// one, but a rebuild of everything does.
    async fn check_imports(&mut self) -> Result<()> {
        let (store, manifest) = (&*self.reader.store, self.plan.manifest());
        for source in cuts::sources(store).await? {
            let Source::Import(import) = &source else { continue };
            let covered = manifest.and_then(|manifest| manifest.import(import)).map(|covered| covered.cut);
            let read = async {
                if let Some(last) = covered {
                    cuts::up_to(store, &source, last).await?;
                }
                cuts::after(store, &source, covered).await
            };
            match read.await {
                Ok(_) => {}
                Err(ViewError::Cut { name, why }) => self.file(&name, why),
                Err(ViewError::Log(LogError::Document { key, source })) => self.file(&key, source.to_string()),
                Err(other) => return Err(other),
            }
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
