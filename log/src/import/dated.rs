//! Dated files being written.

#[derive(Debug)]
pub(super) struct StagedFile;
