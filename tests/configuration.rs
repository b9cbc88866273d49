//! The promise: a setting comes from the flag, the environment, the file or the default, in this order, and one that is
//! wrong is refused by name with what is allowed; the reference in the docs and the example file are the table that the
//! binary reads.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::fs;
use std::path::Path;

use support::{Ended, hourglass, run};

#[track_caller]
fn refused(ended: &Ended, says: &[&str]) {
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{}", ended.stderr);
    for word in says {
        assert!(ended.stderr.contains(word), "{word:?} in {}", ended.stderr);
    }
}

#[test]
fn configuration_comes_from_flag_environment_file_or_default() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hourglass.toml");
    fs::write(&file, "data = \"from-file\"\n[listen]\naddress = \"127.0.0.1:1\"\n[refresh]\nevery = \"7s\"\n").unwrap();
    let show = ["config", "show", "--config", file.to_str().unwrap(), "--data", "from-flag"];
    let output = hourglass(show).env("HOURGLASS_REFRESH_EVERY", "8s").output().unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    let line = |key: &str| shown.lines().find(|line| line.starts_with(key)).unwrap_or_else(|| panic!("{key}: {shown}"));
    assert!(line("data = \"from-flag\"").ends_with("# --data"));
    assert!(line("refresh.every = \"8s\"").ends_with("# HOURGLASS_REFRESH_EVERY"));
    assert!(line("listen.address = \"127.0.0.1:1\"").ends_with("hourglass.toml"));
    assert!(line("buffer.messages = \"50\"").ends_with("# default"));

    let check = |text: &str| {
        fs::write(&file, text).unwrap();
        run(folder.path(), &format!("config check {}", file.display()))
    };
    assert!(check("listen.address = \"127.0.0.1:1\"\n").fine().stdout.contains("1 key"));
    refused(
        &check("listen.adress = \"127.0.0.1:1\"\n"),
        &["listen.adress", "127.0.0.1:1", "did you mean listen.address"],
    );
    refused(&check("buffer.messages = 0\n"), &["buffer.messages", "\"0\"", "from 1 to"]);
}

#[test]
fn the_reference_in_the_docs_is_the_table() {
    let reference = run(Path::new("."), "config reference").fine().stdout;
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/configuration.md");
    let written = fs::read_to_string(&docs).unwrap_or_default();
    assert!(written == reference, "out of date: hourglass config reference > docs/configuration.md");
}

/// Key and default of each row of the reference; no default where the key is unset.
fn table() -> Vec<(String, Option<String>)> {
    let reference = run(Path::new("."), "config reference").fine().stdout;
    let rows = reference.lines().filter_map(|line| line.strip_prefix("| `"));
    let cells = |row: &str| {
        let (key, rest) = row.split_once('`').unwrap();
        let default = rest.split(" | ").nth(1).unwrap();
        let default = default.strip_prefix('`').map(|default| default.trim_end_matches('`').to_owned());
        (key.to_owned(), default)
    };
    rows.map(cells).collect()
}

#[test]
fn the_example_file_has_every_key_with_its_default() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/hourglass.toml");
    let text = fs::read_to_string(&example).unwrap();
    assert!(text.lines().all(|line| line.is_empty() || line.starts_with('#')), "it changes nothing as it comes");
    let is_setting = |line: &str| line.as_bytes().get(1).is_some_and(u8::is_ascii_lowercase);
    let settings: Vec<&str> = text.lines().filter(|line| is_setting(line)).map(|line| &line[1..]).collect();

    let table = table();
    let in_table: Vec<&str> = table.iter().map(|(key, _)| key.as_str()).collect();
    let in_file: Vec<&str> = settings.iter().map(|line| line.split_once(" = ").unwrap().0).collect();
    assert_eq!(in_file, in_table, "deploy/hourglass.toml has the keys of `hourglass config reference`, in its order");
    for (line, (key, default)) in settings.iter().zip(&table) {
        let value = line.split_once(" = ").unwrap().1.trim_matches('"');
        assert!(default.as_deref().is_none_or(|default| default == value), "{key} = {value}, by default {default:?}");
    }

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hourglass.toml");
    fs::write(&file, settings.join("\n")).unwrap();
    let checked = run(folder.path(), &format!("config check {}", file.display())).fine();
    assert!(checked.stdout.contains(&format!("{} keys", table.len())), "{}", checked.stdout);
}
