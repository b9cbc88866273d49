//! The types a configuration value can have. Each reads itself from text, says what it allows, and shows itself
//! again in the form it reads. Nothing here knows a key, a file or a flag.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// A value that a key can hold.
pub(crate) trait Setting: Sized + fmt::Display {
    /// How `--help` calls the value.
    const PLACEHOLDER: &'static str;

    /// Reads the value, or says in a few words what is wrong with it.
    fn read(text: &str) -> Result<Self, String>;

    /// What is allowed, as the end of a sentence: "allowed: ...".
    fn allowed() -> String;
}

/// A value that may be left unset, written as the empty text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Maybe<T>(pub(crate) Option<T>);

impl<T: fmt::Display> fmt::Display for Maybe<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_ref().map_or(Ok(()), |value| value.fmt(f))
    }
}

impl<T: Setting> Setting for Maybe<T> {
    const PLACEHOLDER: &'static str = T::PLACEHOLDER;

    fn read(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self(None));
        }
        T::read(text).map(|value| Self(Some(value)))
    }

    fn allowed() -> String {
        T::allowed()
    }
}

/// A folder on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Folder(pub(crate) PathBuf);

impl fmt::Display for Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.display().fmt(f)
    }
}

impl Setting for Folder {
    const PLACEHOLDER: &'static str = "DIR";

    fn read(text: &str) -> Result<Self, String> {
        if text.contains('\0') {
            return Err("a path holds no NUL".into());
        }
        Ok(Self(PathBuf::from(text)))
    }

    fn allowed() -> String {
        "a folder on this machine".into()
    }
}

/// Yes or no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Switch(pub(crate) bool);

impl fmt::Display for Switch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Setting for Switch {
    const PLACEHOLDER: &'static str = "BOOL";

    fn read(text: &str) -> Result<Self, String> {
        text.parse().map(Self).map_err(|_| "it is neither".into())
    }

    fn allowed() -> String {
        "true or false".into()
    }
}

/// A server that speaks HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint(pub(crate) String);

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Setting for Endpoint {
    const PLACEHOLDER: &'static str = "URL";

    fn read(text: &str) -> Result<Self, String> {
        match text.split_once("://") {
            Some(("http" | "https", host)) if !host.is_empty() && !host.starts_with('/') => Ok(Self(text.to_owned())),
            _ => Err("it is no URL of a server".into()),
        }
    }

    fn allowed() -> String {
        "https://HOST or http://HOST:PORT".into()
    }
}

/// A plain word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Word(pub(crate) String);

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Setting for Word {
    const PLACEHOLDER: &'static str = "NAME";

    fn read(text: &str) -> Result<Self, String> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        if !text.is_empty() && text.bytes().all(plain) {
            Ok(Self(text.to_owned()))
        } else {
            Err("it is no word".into())
        }
    }

    fn allowed() -> String {
        "ASCII letters, digits, '-' and '_'".into()
    }
}

/// A TCP address to listen on; names are resolved when it is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address(pub(crate) String);

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Setting for Address {
    const PLACEHOLDER: &'static str = "ADDR";

    fn read(text: &str) -> Result<Self, String> {
        let (host, port) = text.rsplit_once(':').ok_or("it has no port")?;
        if host.is_empty() {
            return Err("it has no host".into());
        }
        port.parse::<u16>().map_err(|_| format!("{port:?} is no port"))?;
        Ok(Self(text.to_owned()))
    }

    fn allowed() -> String {
        "HOST:PORT, as in 127.0.0.1:7070 or [::1]:7070; port 0 takes a free one".into()
    }
}

/// Where HTTP is served, if at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Web {
    /// Nowhere.
    Off,
    /// Here.
    At(Address),
}

impl fmt::Display for Web {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::At(address) => address.fmt(f),
        }
    }
}

impl Setting for Web {
    const PLACEHOLDER: &'static str = Address::PLACEHOLDER;

    fn read(text: &str) -> Result<Self, String> {
        if text == "off" {
            return Ok(Self::Off);
        }
        Address::read(text).map(Self::At)
    }

    fn allowed() -> String {
        format!("{}; or off", Address::allowed())
    }
}

/// A whole number within bounds, both inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Whole<const LEAST: u64, const MOST: u64>(pub(crate) u64);

impl<const LEAST: u64, const MOST: u64> fmt::Display for Whole<LEAST, MOST> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<const LEAST: u64, const MOST: u64> Setting for Whole<LEAST, MOST> {
    const PLACEHOLDER: &'static str = "N";

    fn read(text: &str) -> Result<Self, String> {
        let digits = text.replace('_', "");
        let value = digits.parse().map_err(|_| "it is no whole number".to_owned())?;
        within(value, LEAST, MOST).map(Self)
    }

    fn allowed() -> String {
        format!("a whole number from {LEAST} to {MOST}")
    }
}

/// A number of bytes within bounds, both inclusive; written with a binary (`KiB`) or decimal (`kB`) unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size<const LEAST: u64, const MOST: u64>(pub(crate) u64);

const SIZE_UNITS: [(&str, u64); 10] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("KB", 1_000),
    ("B", 1),
];

impl<const LEAST: u64, const MOST: u64> fmt::Display for Size<LEAST, MOST> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&show_in_units(self.0, &SIZE_UNITS[..4], "B"))
    }
}

impl<const LEAST: u64, const MOST: u64> Setting for Size<LEAST, MOST> {
    const PLACEHOLDER: &'static str = "SIZE";

    fn read(text: &str) -> Result<Self, String> {
        let bytes = read_in_units(text, &SIZE_UNITS, Some(1))?;
        within(bytes, LEAST, MOST).map(Self)
    }

    fn allowed() -> String {
        format!("a size from {} to {}", Self(LEAST), Self(MOST))
    }
}

/// A length of time within bounds in milliseconds, both inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span<const LEAST: u64, const MOST: u64>(pub(crate) Duration);

const SPAN_UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("ms", 1), ("m", 60_000), ("s", 1_000)];

impl<const LEAST: u64, const MOST: u64> fmt::Display for Span<LEAST, MOST> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut units = SPAN_UNITS;
        units.sort_by_key(|unit| std::cmp::Reverse(unit.1));
        let millis = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        f.write_str(&show_in_units(millis, &units, "s"))
    }
}

impl<const LEAST: u64, const MOST: u64> Setting for Span<LEAST, MOST> {
    const PLACEHOLDER: &'static str = "TIME";

    fn read(text: &str) -> Result<Self, String> {
        let millis = read_in_units(text, &SPAN_UNITS, None)?;
        within(millis, LEAST, MOST).map(|millis| Self(Duration::from_millis(millis)))
    }

    fn allowed() -> String {
        let [least, most] = [LEAST, MOST].map(|millis| Self(Duration::from_millis(millis)));
        format!("a time from {least} to {most}: a number and its unit, ms, s, m, h or d")
    }
}

/// Reads `12MiB`, `1.5 GiB`, or a bare number where the bare unit is known.
fn read_in_units(text: &str, units: &[(&str, u64)], bare: Option<u64>) -> Result<u64, String> {
    let split = text.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '_')).unwrap_or(text.len());
    let (number, unit) = (text[..split].replace('_', ""), text[split..].trim());
    if number.is_empty() {
        return Err("it begins with no number".into());
    }
    let scale = match units.iter().find(|(name, _)| *name == unit) {
        Some((_, scale)) => *scale,
        None if unit.is_empty() => bare.ok_or("it has no unit")?,
        None => return Err(format!("{unit:?} is no unit")),
    };
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(scale).ok_or_else(|| "it is too large".into());
    }
    let fraction: f64 = number.parse().map_err(|_| format!("{number:?} is no number"))?;
    // A fraction of a unit is rounded to whole bytes or milliseconds.
    Ok((fraction * scale as f64).round() as u64)
}

/// Writes a value in the largest unit that holds it whole; zero in the given one.
fn show_in_units(value: u64, units: &[(&str, u64)], zero: &str) -> String {
    match units.iter().find(|(_, scale)| value > 0 && value.is_multiple_of(*scale)) {
        Some((name, scale)) => format!("{}{name}", value / scale),
        None => format!("{value}{zero}"),
    }
}

fn within(value: u64, least: u64, most: u64) -> Result<u64, String> {
    if (least..=most).contains(&value) { Ok(value) } else { Err("it is out of bounds".into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    type AnySize = Size<0, { u64::MAX }>;
    type AnySpan = Span<0, { u64::MAX }>;

    #[test]
    fn sizes_read_binary_and_decimal_units_and_bare_bytes() {
        for (text, bytes) in
            [("64MiB", 64 << 20), ("1.5 GiB", 3 << 29), ("2kB", 2_000), ("4096", 4096), ("1_000 B", 1_000)]
        {
            assert_eq!(AnySize::read(text), Ok(Size(bytes)), "{text}");
        }
        for text in ["", "MiB", "12 parsecs", "1..2MiB", "99999999999TiB", "-1B"] {
            assert!(AnySize::read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn times_need_a_unit() {
        assert_eq!(AnySpan::read("20ms").unwrap().0, Duration::from_millis(20));
        assert_eq!(AnySpan::read("1.5h").unwrap().0, Duration::from_secs(5400));
        assert!(AnySpan::read("20").is_err());
        assert!(AnySpan::read("1 fortnight").is_err());
    }

    #[test]
    fn bounds_are_refused_and_named() {
        assert!(Whole::<1, 10>::read("11").is_err());
        assert!(Size::<1, 10>::read("1KiB").is_err());
        assert!(Span::<1_000, 10_000>::read("1ms").is_err());
        assert_eq!(Span::<1_000, 60_000>::allowed(), "a time from 1s to 1m: a number and its unit, ms, s, m, h or d");
    }

    #[test]
    fn a_server_is_named_with_its_protocol() {
        for good in ["https://minio.example", "http://127.0.0.1:9000"] {
            assert!(Endpoint::read(good).is_ok(), "{good}");
        }
        for bad in ["minio.example:9000", "ftp://x", "https://", "http:///x"] {
            assert!(Endpoint::read(bad).is_err(), "{bad}");
        }
        assert_eq!((Switch::read("true"), Word::read("eu-west-1").is_ok()), (Ok(Switch(true)), true));
        assert!(Switch::read("yes").is_err() && Word::read("eu west").is_err());
    }

    #[test]
    fn addresses_need_host_and_port() {
        for good in ["127.0.0.1:7070", "[::1]:0", "localhost:65535"] {
            assert!(Address::read(good).is_ok(), "{good}");
        }
        for bad in ["7070", ":7070", "localhost", "localhost:70700"] {
            assert!(Address::read(bad).is_err(), "{bad}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_shown_reads_back(value: u64) {
            let size: AnySize = Size(value);
            proptest::prop_assert_eq!(AnySize::read(&size.to_string()), Ok(size));
            let span: AnySpan = Span(Duration::from_millis(value));
            proptest::prop_assert_eq!(AnySpan::read(&span.to_string()), Ok(span));
        }
    }
}
