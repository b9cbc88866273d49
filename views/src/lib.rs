//! Batch and realtime views, manifest, merge, query and verification.
