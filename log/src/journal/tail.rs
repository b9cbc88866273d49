//! The tail of a journal: what follows the last good frame.
//!
//! Takes the bytes from there to the end of the file and tells three cases
//! apart. Nothing but reserved zeros: the journal ends. A frame that was being
//! written when the power went: the journal ends too, that commit was never
//! acknowledged. Anything else was once whole, may have been acknowledged, and
//! must be refused.
//!
//! What must hold: a write that a crash interrupted leaves a **hole**, bytes that never reached the disk and read as the
//! zeros that were reserved there: its front is missing, or its end, or whole sectors (512 bytes). No whole frame has
//! such a hole: it begins with a magic, ends with an end mark, and 512 zeros in a row do not occur in one. So a bad
//! frame without a hole was whole once. (A lone zero at the very front or end is no matter: magic and end mark are
//! constants, and a frame counts without them if the checksums fit.)

use super::frame::{self, ALIGN, HEADER, Header};

/// What follows the last good frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tail {
    /// Reserved zeros, or the end of the file.
    Empty,
    /// What a crash left of one frame that was being written.
    Torn,
}

const SECTOR: u64 = 512;

/// Judges `tail`, the bytes from file offset `offset`, where no good frame
/// begins, to the end of the file.
///
/// # Errors
/// What is wrong, when this cannot be what a crash leaves.
pub(super) fn judge(tail: &[u8], offset: u64) -> Result<Tail, &'static str> {
    let used = used(tail);
    if used == 0 {
        return Ok(Tail::Empty);
    }
    let mut later = (ALIGN..used).step_by(ALIGN);
    if later.any(|at| frame::begins_whole(&tail[at..])) {
        return Err("a good record follows a bad one");
    }
    match Header::parse(tail) {
        // A record's space is durably reserved before it is written.
        Some(header) if tail.len() < header.length => Err("the file is cut off within a record"),
        None if tail.len() < HEADER => Err("the file is cut off within a record"),
        Some(header) if used > header.length => Err("bytes follow a bad record"),
        Some(header) if could_be_torn(&tail[..header.length], offset) => Ok(Tail::Torn),
        Some(_) => Err("a record fails its checksum"),
        None if tail[0] == 0 => Ok(Tail::Torn),
        None if used < HEADER && frame::is_magic_prefix(&tail[..used]) => Ok(Tail::Torn),
        None => Err("a record's header fails its checksum"),
    }
}

/// How many bytes there are up to the last that is not zero. What is reserved is long: compared a page at a time.
fn used(tail: &[u8]) -> usize {
    const PAGE: &[u8] = &[0; 4096];
    let zero_pages = tail.rchunks_exact(PAGE.len()).take_while(|page| *page == PAGE).count();
    let rest = &tail[..tail.len() - zero_pages * PAGE.len()];
    rest.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)
}

/// Whether `bytes`, which lie at file offset `offset` and were written at once over zeros or behind the end, have a hole
/// such as an interrupted write leaves. When whole they neither begin nor end with a zero, nor contain 512 in a row.
pub(crate) fn could_be_torn(bytes: &[u8], offset: u64) -> bool {
    let mut rest = bytes;
    let mut at = offset;
    while !rest.is_empty() {
        let to_next_sector = (SECTOR - at % SECTOR) as usize;
        let (sector, after) = rest.split_at(rest.len().min(to_next_sector));
        if sector.iter().all(|byte| *byte == 0) {
            return true;
        }
        at += sector.len() as u64;
        rest = after;
    }
    bytes.first() == Some(&0) || bytes.last() == Some(&0)
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use proptest::prelude::*;

    use super::frame::Kind;
    use super::*;

    fn frame_of(body: &[u8]) -> Vec<u8> {
        frame::frame(Kind::Commit, body).unwrap()
    }

    /// A body as ours are: never 512 zeros in a row.
    fn bodies() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(prop_oneof![3 => any::<u8>(), 1 => Just(0)], 0..3000)
    }

    fn sectors(frame: &[u8], offset: u64) -> Vec<Range<usize>> {
        let starts = (0..frame.len()).filter(|at| *at == 0 || (offset + *at as u64).is_multiple_of(SECTOR));
        let starts: Vec<_> = starts.chain([frame.len()]).collect();
        starts.windows(2).map(|pair| pair[0]..pair[1]).collect()
    }

    proptest! {
        #[test]
        fn a_whole_frame_is_found_again(body in bodies()) {
            let frame = frame_of(&body);
            let header = Header::parse(&frame).unwrap();
            prop_assert_eq!(&frame[header.check(&frame).unwrap()], &body[..]);
            prop_assert_eq!(frame.len() % ALIGN, 0);
        }

        #[test]
        fn what_an_interrupted_write_leaves_is_torn(
            body in bodies(), place in 0..64_u64, cut: prop::sample::Index, kept in any::<u64>(), how in 0..3,
        ) {
            let offset = place * ALIGN as u64;
            let mut tail = frame_of(&body);
            let cut = cut.index(tail.len());
            match how {
                0 => tail[cut..].fill(0),
                1 => tail[..cut].fill(0),
                _ => {
                    for (index, sector) in sectors(&tail, offset).into_iter().enumerate() {
                        if kept >> (index % 64) & 1 == 0 {
                            tail[sector].fill(0);
                        }
                    }
                }
            }
            tail.extend([0; 100]);
            prop_assert!(frame::begins_whole(&tail) || judge(&tail, offset).is_ok());
        }

        #[test]
        fn a_frame_of_which_one_byte_changed_is_whole_or_refused(
            body in bodies(), place in 0..64_u64, at: prop::sample::Index, byte: u8,
        ) {
            let mut tail = frame_of(&body);
            let at = at.index(tail.len());
            tail[at] = byte;
            tail.extend([0; 100]);
            prop_assert!(frame::begins_whole(&tail) || judge(&tail, place * ALIGN as u64).is_err());
        }

        #[test]
        fn a_good_frame_behind_a_bad_one_is_refused(first in bodies(), second in bodies(), lost in 0..3_usize) {
            let mut tail = frame_of(&first);
            let bad = tail.len().div_ceil(lost + 1);
            tail[..bad].fill(0);
            tail.extend(frame_of(&second));
            prop_assert!(judge(&tail, 0).is_err());
        }
    }

    #[test]
    fn reserved_zeros_are_the_end() {
        assert_eq!(judge(&[0; 4096], 16), Ok(Tail::Empty));
        assert_eq!(judge(&[], 16), Ok(Tail::Empty));
    }
}
