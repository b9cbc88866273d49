//! The work itself: the batch views of one store.
//!
//! In: build options. Out: a published manifest, and superseded files gone. Must hold: what `views` reports as
//! overtaken is an outcome, everything else it refuses is an error.

use std::sync::Arc;

use async_trait::async_trait;
use schema::Micros;
use storage::{Clock, Store};
use views::{BuildOptions, Built, Manifest, Retired, Retirer, ViewError, rebuild};

use crate::error::SchedulerError;
use crate::rebuild::{Outcome, Work};

/// Builds and retires the batch views of a store.
#[derive(Debug)]
pub struct Batch {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    options: BuildOptions,
    retirer: Retirer,
}

impl Batch {
    /// Builds with `options`; what is superseded goes `grace` microseconds later. A tick without news reads no view
    /// file: the check is for who asks for a rebuild.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, options: BuildOptions, grace: i64) -> Self {
        let options = BuildOptions { check: false, ..options };
        Self { store, clock, options, retirer: Retirer::new(grace) }
    }
}

/// The last tick that was built: ticks after it have been missed. Before any tick if there is no build, or none that
/// can be read.
///
/// # Errors
/// The store's.
pub async fn last_built(store: &dyn Store) -> Result<Micros, SchedulerError> {
    match Manifest::newest(store).await {
        Ok(newest) => Ok(newest.map_or(Micros::MIN, |manifest| manifest.latest_tick)),
        Err(ViewError::Corrupt { .. }) => Ok(Micros::MIN),
        Err(error) => Err(error.into()),
    }
}

#[async_trait]
impl Work for Batch {
    type Built = Built;

    async fn rebuild(&mut self) -> Result<Outcome<Built>, SchedulerError> {
        match rebuild(Arc::clone(&self.store), Arc::clone(&self.clock), self.options.clone()).await {
            Ok(built) if built.published => Ok(Outcome::Published(built)),
            Ok(_) => Ok(Outcome::Unchanged),
            Err(ViewError::Overtaken { .. }) => Ok(Outcome::Overtaken),
            Err(error) => Err(error.into()),
        }
    }

    async fn retire(&mut self) -> Result<Retired, SchedulerError> {
        Ok(self.retirer.run(&*self.store, self.clock.steady()).await?)
    }
}
