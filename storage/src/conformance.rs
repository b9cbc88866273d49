//! The conformance suite that every [`Store`] passes.
use crate::Store;

/// Runs every check against `store`, which must be empty; panics at the first
/// promise that is broken.
pub async fn suite(store: &dyn Store) {
    todo!("{store:?}")
}
