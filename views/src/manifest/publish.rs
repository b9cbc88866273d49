//! Publishing a manifest: create if absent, and settle what is unknown.

use storage::{Created, Store, StoreError, layout, sealed};

use super::Manifest;
use super::newest::{read, write_hint};
use crate::error::{Result, ViewError};

/// Times an unknown outcome that left nothing is tried again.
const ATTEMPTS: usize = 3;

impl Manifest {
    /// Publishes this manifest under its number.
    ///
    /// # Errors
    /// `Overtaken` if another build has the number; the store's, `Unknown`
    /// included: then it may or may not be published, and nothing may be deleted.
    pub(crate) async fn publish(&self, store: &dyn Store) -> Result<()> {
        let key = layout::manifest(self.number);
        let bytes = sealed::seal(self).map_err(|why| ViewError::corrupt(&key, why))?;
        let bytes = bytes::Bytes::from(bytes);
        let mut outcome = Ok(());
        for _ in 0..ATTEMPTS {
            outcome = match store.create(&key, bytes.clone()).await {
                Ok(Created::Created) => Ok(()),
                Ok(Created::Exists) => self.compare(store).await,
                Err(unknown @ StoreError::Unknown { .. }) => match self.compare(store).await {
                    Err(ViewError::Store(StoreError::NotFound { .. })) => Err(unknown.into()),
                    settled => settled,
                },
                Err(other) => Err(other.into()),
            };
            if !matches!(outcome, Err(ViewError::Store(StoreError::Unknown { .. }))) {
                break;
            }
        }
        outcome?;
        write_hint(store, self.number).await;
        Ok(())
    }

    /// Whether the manifest that has this number is this one.
    async fn compare(&self, store: &dyn Store) -> Result<()> {
        match read(store, self.number).await {
            Ok(found) if found.nonce == self.nonce => Ok(()),
            Ok(_) | Err(ViewError::Corrupt { .. }) => Err(ViewError::Overtaken { number: self.number }),
            Err(other) => Err(other),
        }
    }

    /// A nonce for one build.
    pub(crate) fn fresh_nonce() -> String {
        format!("{:016x}", rand::random::<u64>())
    }
}
