//! rebuild.
