//! Flag over environment over file over default: which layer each key's value comes from.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::keys::{KEYS, Key, Settings, key};
use crate::advice::Advice;

/// Where a value was set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The table's own default.
    Default,
    /// A configuration file.
    File(PathBuf),
    /// An environment variable.
    Environment(String),
    /// A flag, without its dashes.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => path.display().fmt(f),
            Self::Environment(variable) => variable.fmt(f),
            Self::Flag(flag) => write!(f, "--{flag}"),
        }
    }
}

/// A configuration file that was read: known keys only, values as text.
#[derive(Debug)]
pub(crate) struct File {
    path: PathBuf,
    values: Vec<(&'static Key, String)>,
}

/// Names the file, as `--config` does.
pub(crate) const FILE_VARIABLE: &str = "HOURGLASS_CONFIG";

/// Where a file is looked for when none is named; the first that is there counts.
pub(crate) const PLACES: [&str; 2] = ["hourglass.toml", "/etc/hourglass/hourglass.toml"];

impl File {
    /// The file named, else the first of [`PLACES`], else none.
    pub(crate) fn find(named: Option<&Path>) -> Result<Option<Self>> {
        let place = || PLACES.iter().map(Path::new).find(|path| path.exists());
        named.or_else(place).map(Self::read).transpose()
    }

    /// Reads and checks a file.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the configuration file {}", path.display()))?;
        let table: toml::Table = text.parse().with_context(|| format!("{} is not TOML", path.display()))?;
        let mut file = Self { path: path.to_owned(), values: Vec::new() };
        file.take("", &table)?;
        Ok(file)
    }

    /// How many keys it sets.
    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    fn get(&self, key: &Key) -> Option<(&Path, &str)> {
        let found = self.values.iter().find(|(of, _)| of.name == key.name);
        found.map(|(_, text)| (self.path.as_path(), text.as_str()))
    }

    /// Takes a table's values; a table inside it continues the key's name after a dot.
    fn take(&mut self, prefix: &str, table: &toml::Table) -> Result<()> {
        for (name, value) in table {
            let name = format!("{prefix}{name}");
            match (key(&name), value) {
                (None, toml::Value::Table(inner)) if !inner.is_empty() || is_table(&name) => {
                    self.take(&format!("{name}."), inner)?;
                }
                (None, _) => return Err(unknown_key(&name, value, &self.path)),
                (Some(key), value) => {
                    let origin = Origin::File(self.path.clone());
                    let text = as_text(value)
                        .ok_or_else(|| not_allowed(key, &value.to_string(), &origin, "it has the wrong type"))?;
                    self.values.push((key, check(key, &text, &origin)?));
                }
            }
        }
        Ok(())
    }
}

/// Whether there are keys below this name.
fn is_table(name: &str) -> bool {
    KEYS.iter().any(|key| key.name.strip_prefix(name).is_some_and(|rest| rest.starts_with('.')))
}

/// The text of a key's variable, if it is set.
///
/// # Errors
/// It is no text.
fn readable(variable: &str, value: Option<OsString>) -> Result<Option<String>> {
    let text = value.map(OsString::into_string).transpose();
    text.map_err(|bytes| anyhow::anyhow!("{variable} = {bytes:?} is not UTF-8"))
}

/// A scalar as a user would have written it in a flag; a list joined by commas.
fn as_text(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Boolean(truth) => Some(truth.to_string()),
        toml::Value::Array(items) => {
            let items = items.iter().map(|item| item.as_str());
            items.collect::<Option<Vec<_>>>().map(|all| all.join(","))
        }
        _ => None,
    }
}

/// Every key with its value and where that came from.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    values: Vec<(&'static Key, String, Origin)>,
}

impl Config {
    /// Lays flags over environment over file over defaults, and checks every value that was set.
    pub(crate) fn layer(
        flags: &[(&'static Key, String)],
        variable: impl Fn(&str) -> Option<OsString>,
        file: Option<&File>,
    ) -> Result<Self> {
        let mut values = Vec::with_capacity(KEYS.len());
        for key in KEYS {
            let flag = flags.iter().find(|(of, _)| of.name == key.name);
            let (text, origin) = if let Some((_, text)) = flag {
                (text.clone(), Origin::Flag(key.flag()))
            } else if let Some(text) = readable(&key.variable(), variable(&key.variable()))? {
                (text, Origin::Environment(key.variable()))
            } else if let Some((path, text)) = file.and_then(|file| file.get(key)) {
                (text.to_owned(), Origin::File(path.to_owned()))
            } else {
                (key.default.to_owned(), Origin::Default)
            };
            values.push((key, check(key, &text, &origin)?, origin));
        }
        Ok(Self { values })
    }

    /// Each key, its value in normal form, and where it came from, in the table's order.
    pub(crate) fn values(&self) -> &[(&'static Key, String, Origin)] {
        &self.values
    }

    /// Whether the key was set, by whatever layer.
    pub(crate) fn sets(&self, name: &str) -> bool {
        self.values.iter().any(|(key, _, origin)| key.name == name && *origin != Origin::Default)
    }

    /// The typed values.
    pub(crate) fn settings(&self) -> Result<Settings> {
        Settings::read(|name| {
            let found = self.values.iter().find(|(key, ..)| key.name == name);
            found.map(|(_, text, _)| text.clone()).unwrap_or_default()
        })
        .map_err(anyhow::Error::msg)
    }
}

/// The `HOURGLASS_*` variables that are set but are no key's: most likely misspelt.
pub(crate) fn strays(variables: impl Iterator<Item = String>) -> Vec<String> {
    let known = |name: &String| name == FILE_VARIABLE || KEYS.iter().any(|key| key.variable() == **name);
    let ours = variables.filter(|name| name.starts_with("HOURGLASS_"));
    ours.filter(|name| !known(name)).collect()
}

fn check(key: &Key, text: &str, origin: &Origin) -> Result<String> {
    (key.normal)(text).map_err(|why| not_allowed(key, text, origin, &why))
}

fn not_allowed(key: &Key, text: &str, origin: &Origin, why: &str) -> anyhow::Error {
    anyhow::anyhow!("{} = {text:?}, set by {origin}: {why}", key.name).advise(format!("allowed: {}", (key.allowed)()))
}

fn unknown_key(name: &str, value: &toml::Value, path: &Path) -> anyhow::Error {
    let near = KEYS.iter().min_by_key(|key| distance(key.name, name));
    let near = near.filter(|key| distance(key.name, name) <= 3);
    let guess = near.map_or_else(String::new, |key| format!("did you mean {}? ", key.name));
    let all: Vec<_> = KEYS.iter().map(|key| key.name).collect();
    anyhow::anyhow!("{name} = {value} in {}: there is no such key", path.display())
        .advise(format!("{guess}allowed: {}", all.join(", ")))
}

/// The edit distance of two short names (Levenshtein, one row).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let change = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> Result<File> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hourglass.toml");
        std::fs::write(&path, text).unwrap();
        File::read(&path)
    }

    fn listen(config: &Config) -> (String, Origin) {
        let found = config.values().iter().find(|(key, ..)| key.name == "listen.address");
        found.map(|(_, text, origin)| (text.clone(), origin.clone())).unwrap()
    }

    #[test]
    fn flag_over_environment_over_file_over_default() {
        let file = file("[listen]\naddress = \"file:1\"").unwrap();
        let flag = [(key("listen.address").unwrap(), "flag:1".to_owned())];
        let variable = |name: &str| (name == "HOURGLASS_LISTEN_ADDRESS").then(|| "env:1".into());

        let all = Config::layer(&flag, variable, Some(&file)).unwrap();
        assert_eq!(listen(&all), ("flag:1".into(), Origin::Flag("listen".into())));
        let no_flag = Config::layer(&[], variable, Some(&file)).unwrap();
        assert_eq!(listen(&no_flag).0, "env:1");
        let only_file = Config::layer(&[], |_| None, Some(&file)).unwrap();
        assert_eq!(listen(&only_file).0, "file:1");
        let nothing = Config::layer(&[], |_| None, None).unwrap();
        assert_eq!(listen(&nothing), ("127.0.0.1:7070".into(), Origin::Default));
    }

    #[test]
    fn a_file_may_nest_or_dot_its_keys_and_write_numbers_truths_and_lists() {
        let file = file(
            "metrics = [\"cpu\", \"ram=used\"]\ns3.path_style = false\nbuffer.messages = 7\n[listen]\nbytes = \"64MiB\"\nconnections = 9",
        )
        .unwrap();
        let settings = Config::layer(&[], |_| None, Some(&file)).unwrap().settings().unwrap();
        assert_eq!(settings.buffer_messages.0, 7);
        assert_eq!(settings.listen_connections.0, 9);
        assert!(!settings.s3_path_style.0);
        assert_eq!(settings.listen_bytes.0, 64 << 20);
        assert_eq!(settings.metrics.to_string(), "cpu,ram=used");
    }

    #[test]
    fn what_is_unknown_or_not_allowed_is_refused_with_key_value_and_what_is_allowed() {
        let said = |text| {
            let error = file(text).unwrap_err();
            format!("{error:#} / {}", crate::advice::advice(&error).unwrap())
        };
        let misspelt = said("[listen]\nadress = \"x:1\"");
        assert!(misspelt.contains("listen.adress = \"x:1\""), "{misspelt}");
        assert!(misspelt.contains("did you mean listen.address?"), "{misspelt}");
        let wrong = said("buffer.linger = \"20\"");
        assert!(wrong.contains("buffer.linger = \"20\""), "{wrong}");
        assert!(wrong.contains("allowed: a time from 0s to 10s"), "{wrong}");
        assert!(said("buffer.messages = true").contains("buffer.messages = \"true\""));
        assert!(said("buffer.messages = 1.5").contains("wrong type"));
        assert!(said("listen = 7070").contains("there is no such key"));
        assert!(said("[lisen]").contains("lisen = {"), "an empty table is a key, too");
        assert_eq!(file("[listen]").unwrap().len(), 0);
    }

    #[test]
    fn a_variable_that_is_no_text_is_refused_by_name() {
        use std::os::unix::ffi::OsStringExt;
        let garbage = |name: &str| (name == "HOURGLASS_DATA").then(|| OsString::from_vec(vec![b'/', 0xff]));
        let error = Config::layer(&[], garbage, None).unwrap_err().to_string();
        assert!(error.contains("HOURGLASS_DATA") && error.contains("UTF-8"), "{error}");
    }

    #[test]
    fn a_misspelt_variable_is_noticed() {
        let set = ["HOURGLASS_LISTEN_ADRESS", "HOURGLASS_DATA", "HOURGLASS_CONFIG", "PATH"].map(str::to_owned);
        assert_eq!(strays(set.into_iter()), ["HOURGLASS_LISTEN_ADRESS"]);
    }
}
