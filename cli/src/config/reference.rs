//! The table of keys as people read it: effective values (`config show`) and the reference in Markdown.

use std::fmt::Write as _;

use super::keys::KEYS;
use super::layers::{Config, PLACES};

/// Every key's effective value and where it came from, as TOML that can be used as a file.
pub(crate) fn show(config: &Config) -> String {
    let lines: Vec<_> = config
        .values()
        .iter()
        .map(|(key, text, origin)| {
            // An unset value stays a comment: empty text is allowed in no other key.
            let line = format!("{} = {}", key.name, toml::Value::String(text.clone()));
            let line = if text.is_empty() { format!("# {line}") } else { line };
            (line, origin)
        })
        .collect();
    let width = lines.iter().map(|(line, _)| line.chars().count()).max().unwrap_or(0);
    let mut out = String::new();
    for (line, origin) in lines {
        let _ = writeln!(out, "{line:width$}  # {origin}");
    }
    out
}

/// The reference of all keys, in Markdown.
pub(crate) fn markdown() -> String {
    let mut out = format!(
        "# Configuration\n\n\
         A value comes from its flag, else its environment variable, else the file, else the default. The file is\n\
         `--config FILE`, else `HOURGLASS_CONFIG`, else `./{}`, else `{}`. A key or value\n\
         that is not allowed is refused at start; of a variable `HOURGLASS_*` that is no key's only a warning is logged,\n\
         as the environment may have been set for other programs. `hourglass config show` prints every effective value\n\
         and where it came from. This page is written by `hourglass config reference`.\n\n\
         | key, flag, variable | default | allowed | what it is |\n|---|---|---|---|\n",
        PLACES[0], PLACES[1]
    );
    for key in KEYS {
        let default = match key.default {
            "" => "unset".to_owned(),
            text => format!("`{text}`"),
        };
        let _ = writeln!(
            out,
            "| `{}`<br>`--{}`<br>`{}` | {default} | {} | {} |",
            key.name,
            key.flag(),
            key.variable(),
            (key.allowed)().replace('|', "\\|"),
            key.doc().replace('|', "\\|"),
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, File};

    #[test]
    fn what_is_shown_is_a_file_that_means_the_same() {
        let config = Config::layer(&[], |_| None, None).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shown.toml");
        std::fs::write(&path, show(&config)).unwrap();
        let again = Config::layer(&[], |_| None, Some(&File::read(&path).unwrap())).unwrap();
        for (shown, read) in config.values().iter().zip(again.values()) {
            assert_eq!(shown.1, read.1, "{}", shown.0.name);
        }
    }
}
