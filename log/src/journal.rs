//! The commit journal: what was made durable, commit by commit.
//!
//! One file a generation, `journal/gen-<g:010>.journal`. It opens with a
//! snapshot of everything the monitor knows (the [`Opening`]) and then holds
//! one [`Record`] a commit. A commit is durable once its log bytes and its
//! record are both synced; commits are serial, so only the last record, and
//! its log bytes, can be anything but durable.
//!
//! # Format
//! All integers little endian. The file is a sequence of frames, each 16-byte
//! aligned, followed by reserved zeros up to the end of the file. A record's space is
//! durably reserved before its log bytes are written; a closed journal has none
//! left (see `strays.rs`, which tells an interrupted commit from a lost journal).
//!
//! ```text
//! frame   0  4   magic: 89 'H' 'G' 'O' (opening) or 89 'H' 'G' 'C' (commit)
//!         4  4   length of the whole frame, a multiple of 16
//!         8  4   length of the body
//!        12  4   CRC-32C of bytes 0..12
//!        16  b   body
//!         …      zeros up to length-8
//!        -8  4   CRC-32C of bytes 0..length-8
//!        -4  4   end mark: 'E' 'N' 'D' '\n'
//! ```
//! A frame counts when both checksums fit. The end mark adds nothing to that;
//! it is there so that no whole frame ends in a zero byte (see `journal/tail.rs`,
//! which tells a torn frame from a corrupted one).
//!
//! ```text
//! commit body            8   commit number, one more than the one before
//!                        8   seq of the log file
//!                        8   offset in it where the batch begins (from)
//!                        8   offset where it ends (to)
//!                        4   CRC-32C of those log bytes
//!                        4   date of the log file, days since 1970
//!                        8   length of the queue once the batch's rows are in it
//!                        4   CRC-32C of those rows
//!                        8   messages in the batch
//!                        8   least Timestamp, microseconds (0 without messages)
//!                        8   greatest Timestamp
//!                        …   rejects of this batch, clients that were in it
//!                            (their totals after it), services first seen in it
//! opening body           2   format version, 1
//!                        1+n monitor id
//!                        8   incarnation
//!                        8   generation
//!                        8   seq at which it starts (offset 0): the cut before
//!                        8   tick that opened it, microseconds
//!                        8   number of the last commit before it
//!                        8   messages ever accepted before it
//!                        8   length of the queue's header
//!                        …   rejects ever, all clients, all services
//!                        1   1 if the generation before is described, else 0
//!                        8   its seq, like ours       8   its tick
//!                        …   its last mark and its log files
//! rejects                2   count, then each: 1 code, 8 number
//! clients                4   count, then each: 1+n id, 8 consumed, 8 rejected
//! services               4   count, then each: 1+n name
//! mark                   8   generation      8 seq       8 offset   4 date
//!                        8   journal offset  8 commit    8 queue    8 messages
//! log files              4   count, then each: 8 seq, 4 date, 8 length,
//!                            4 CRC-32C, 8 messages, 8 least, 8 greatest
//! ```
//! `1+n` is a byte with the length, then that many bytes of UTF-8.
//!
//! A record's `from` is the `to` of the one before, or offset 0 of the next
//! seq: a batch never spans two log files. A batch without accepted messages
//! has `from` = `to`.

mod file;
mod frame;
mod opening;
mod record;
mod scan;
mod tail;
mod wire;

pub(crate) use file::JournalFile;
pub(crate) use opening::{Closed, Opening};
pub(crate) use record::Record;
pub(crate) use scan::{Scanner, Step};
pub(crate) use tail::{Tail, could_be_torn};
