//! The structure of a JSON object or array, byte by byte: is it whole, may it become so, or is it none?
//!
//! In: its bytes from the opening bracket. Out: a verdict after each. Must hold: what the receiver's parser reads as
//! JSON is never broken here, and ends at the same byte; what stands between brackets, quotes, commas and colons is not
//! looked at.

/// Deeper nesting is no message, and broken.
const MAX_DEPTH: u32 = 64;

/// How far an object or array has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Its end is not here.
    Open,
    /// This byte ends it.
    Whole,
    /// With this byte it cannot become JSON.
    Broken,
}

/// What was read so far.
#[derive(Clone, Copy, Debug)]
pub(super) struct Structure {
    depth: u32,
    /// A bit an open bracket, the innermost lowest: is it an object's?
    objects: u64,
    expected: Expected,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    /// A value; a closing bracket too if `may_close`.
    Value {
        may_close: bool,
    },
    /// A key; a closing brace too if `may_close`.
    Key {
        may_close: bool,
    },
    Colon,
    /// A comma or a closing bracket.
    More,
    /// The rest of a number or literal, or what [`More`](Self::More) is.
    Scalar,
    /// The rest of a string.
    Text {
        key: bool,
        escaped: bool,
    },
}

impl Default for Structure {
    fn default() -> Self {
        Self { depth: 0, objects: 0, expected: Expected::Value { may_close: false } }
    }
}

impl Structure {
    /// Takes the next byte. Not to be asked behind the end, or where it is broken.
    #[inline]
    pub(super) fn step(&mut self, byte: u8) -> Verdict {
        let expected = match (self.expected, byte) {
            (Expected::Text { .. }, b'\n') => return Verdict::Broken,
            (Expected::Text { key, escaped: true }, _) => Expected::Text { key, escaped: false },
            (Expected::Text { key, .. }, b'\\') => Expected::Text { key, escaped: true },
            (Expected::Text { key: true, .. }, b'"') => Expected::Colon,
            (Expected::Text { key: false, .. }, b'"') => Expected::More,
            (Expected::Text { .. }, _) => return Verdict::Open,
            (Expected::Scalar, b' ' | b'\t' | b'\r' | b'\n') => Expected::More,
            (_, b' ' | b'\t' | b'\r' | b'\n') => return Verdict::Open,
            (Expected::Value { .. }, b'"') => Expected::Text { key: false, escaped: false },
            (Expected::Key { .. }, b'"') => Expected::Text { key: true, escaped: false },
            (Expected::Colon, b':') => Expected::Value { may_close: false },
            (Expected::Value { .. }, b'{' | b'[') => return self.open(byte == b'{'),
            (Expected::Value { may_close: true } | Expected::More | Expected::Scalar, b']') => {
                return self.close(false);
            }
            (Expected::Key { may_close: true } | Expected::More | Expected::Scalar, b'}') => return self.close(true),
            (Expected::More | Expected::Scalar, b',') if self.in_object() => Expected::Key { may_close: false },
            (Expected::More | Expected::Scalar, b',') => Expected::Value { may_close: false },
            (
                Expected::Value { .. } | Expected::Scalar,
                b'+' | b'-' | b'.' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z',
            ) => Expected::Scalar,
            _ => return Verdict::Broken,
        };
        self.expected = expected;
        Verdict::Open
    }

    fn in_object(self) -> bool {
        self.objects & 1 == 1
    }

    fn open(&mut self, object: bool) -> Verdict {
        if self.depth == MAX_DEPTH {
            return Verdict::Broken;
        }
        self.depth += 1;
        self.objects = self.objects << 1 | u64::from(object);
        self.expected = match object {
            true => Expected::Key { may_close: true },
            false => Expected::Value { may_close: true },
        };
        Verdict::Open
    }

    fn close(&mut self, object: bool) -> Verdict {
        if self.in_object() != object {
            return Verdict::Broken;
        }
        self.depth -= 1;
        self.objects >>= 1;
        self.expected = Expected::More;
        if self.depth == 0 { Verdict::Whole } else { Verdict::Open }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use schema::{Metrics, Next, Parser, Reject};

    use super::*;

    fn end(bytes: &[u8]) -> Option<usize> {
        let mut structure = Structure::default();
        let (at, verdict) = bytes
            .iter()
            .map(|&byte| structure.step(byte))
            .enumerate()
            .find(|(_, verdict)| *verdict != Verdict::Open)?;
        (verdict == Verdict::Whole).then_some(at + 1)
    }

    #[test]
    fn what_is_json_is_whole_at_its_last_byte() {
        let deepest = format!("{}{}", "{\"a\":".repeat(63) + "{", "}".repeat(64));
        for whole in [
            "{}",
            "[]",
            "{ \"a\" : 1 , \"b\" : [ ] , \"c\" : [ null , -1.5E+7, {\"}\" : \"\\\"]\" } ] }",
            "[NaN,-Infinity,true]",
            &deepest,
        ] {
            assert_eq!(end(whole.as_bytes()), Some(whole.len()), "{whole}");
            assert_eq!(end(format!("{whole}]}}").as_bytes()), Some(whole.len()), "{whole}");
        }
        for broken in
            ["{1}", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "[,]", "[1 2]", "[}", "{\"a\":1]", "[\"\n\"]", "{\"a\":'1'}"]
        {
            assert_eq!(end(broken.as_bytes()), None, "{broken}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        #[test]
        fn what_the_parser_reads_as_json_ends_where_it_says(
            parts in prop::collection::vec(prop::sample::select(
                &["{", "}", "[", "]", ",", ":", "\"", "\"a\"", "\"a\":", "\\", "1", "-2e5", "NaN", "null", " ", "\"b\":{}", "\"c\":[1]"][..],
            ), 0..12),
        ) {
            let line = format!("{{{}}}\n", parts.concat());
            if let Next::Message { end: at, .. } | Next::Reject { end: at, reason: Reject::MissingField } =
                Parser::new(&Metrics::default()).next(line.as_bytes())
            {
                prop_assert_eq!(end(line.as_bytes()), Some(at), "{}", line);
            }
        }
    }
}
