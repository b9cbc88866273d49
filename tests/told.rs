//! The promise: what goes wrong is told, by name, with what to do next; what cannot be told does no harm.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use rustix::process::Signal;
use support::{AckingClient, Hourglass, hourglass, run, until};

const LINE: &str = r#"{"serviceName":"a","Timestamp":1763715600123,"CPU":0.5,"RAM":0.5,"Disk":0.5}"#;
const RANGE: &str = "--from 2025-11-21T09:00:30Z --to 2025-11-21T09:00:31Z";

fn call(words: &[&str], files: &[&Path]) -> Output {
    let files = files.iter().map(|file| file.to_str().unwrap());
    hourglass(words.iter().copied().chain(files)).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A store with one message, imported and built.
fn built(folder: &Path) -> (PathBuf, String) {
    let (data, file) = (folder.join("data"), folder.join("a.ndjson"));
    fs::write(&file, LINE).unwrap();
    let said = text(&call(&["import", "--data", data.to_str().unwrap()], &[&file]).stdout);
    run(&data, "rebuild --data DATA").fine();
    (data, said.split_whitespace().find(|word| word.len() == 64).unwrap().to_owned())
}

#[test]
fn a_full_stderr_stops_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (data, _) = built(folder.path());
    let full = || Stdio::from(fs::OpenOptions::new().write(true).open("/dev/full").unwrap());
    let data = data.to_str().unwrap();
    let query = hourglass(["query", "--data", data, "--from", "2025-11-21", "--format", "csv"]).stderr(full()).output();
    let query = query.unwrap();
    assert_eq!((query.status.code(), text(&query.stdout).lines().count()), (Some(0), 2));
    let refused = hourglass(["query", "--data", data, "--from", "-1h", "--to", "-2h"]).stderr(full()).output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    let logs = hourglass(["status", "--data", data]).env("HOURGLASS_STRAY", "1").stderr(full()).output().unwrap();
    assert_eq!(logs.status.code(), Some(0));
}

#[test]
fn each_file_is_imported_or_told_and_the_others_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let (data, _) = built(folder.path());
    let [again, missing, new] = ["a.ndjson", "missing.ndjson", "b.ndjson"].map(|name| folder.path().join(name));
    fs::write(&new, LINE.replace("\"a\"", "\"b\"")).unwrap();
    let ended = call(&["import", "--data", data.to_str().unwrap()], &[&again, &missing, &new]);
    assert_eq!(ended.status.code(), Some(2));
    let (stdout, stderr) = (text(&ended.stdout), text(&ended.stderr));
    assert!(stdout.contains("b.ndjson") && stdout.lines().count() == 1, "{stdout}");
    for said in ["a.ndjson is not imported", "withdraw it first", "missing.ndjson is not imported", "2 of 3 files"] {
        assert!(stderr.contains(said), "{said:?} in {stderr}");
    }
    assert_eq!(stderr.matches("--undo").count(), 1, "how to withdraw it is said once: {stderr}");
    run(&data, "rebuild --data DATA").fine();
    assert_eq!(run(&data, "cat --data DATA").fine().stdout.lines().count(), 2);
    assert_eq!(fs::read_dir(data.join("import")).unwrap().count(), 0, "nothing staged is left");
}

#[test]
fn undoing_says_what_it_undoes() {
    let folder = tempfile::tempdir().unwrap();
    let typo = folder.path().join("typo");
    let hash = "0".repeat(64);
    let nowhere = run(&typo, &format!("import --data DATA --undo {hash}"));
    assert_eq!(nowhere.code, Some(2));
    assert!(nowhere.stderr.contains("there is no store"), "{}", nowhere.stderr);
    assert!(!typo.exists(), "a typo creates nothing");

    let (data, built) = built(folder.path());
    let unknown = run(&data, &format!("import --data DATA --undo {hash}"));
    assert!(unknown.code == Some(2) && unknown.stderr.contains("has no import"), "{}", unknown.stderr);
    let undo = format!("import --data DATA --undo {built}");
    assert!(run(&data, &undo).fine().stdout.contains("until the next rebuild"));
    let twice = run(&data, &undo);
    assert!(twice.code == Some(2) && twice.stderr.contains("withdrawn already"), "{}", twice.stderr);

    let file = folder.path().join("c.ndjson");
    fs::write(&file, LINE.replace("\"a\"", "\"c\"")).unwrap();
    let said = text(&call(&["import", "--data", data.to_str().unwrap()], &[&file]).stdout);
    let hash = said.split_whitespace().find(|word| word.len() == 64).unwrap();
    let undone = run(&data, &format!("import --data DATA --undo {hash}")).fine().stdout;
    assert!(undone.contains("no rebuild had included it"), "{undone}");
}

#[test]
fn cat_and_verify_show_the_range_they_take_and_services_that_never_sent() {
    let folder = tempfile::tempdir().unwrap();
    let (data, _) = built(folder.path());
    for command in ["cat", "verify"] {
        let ended = run(&data, &format!("{command} --data DATA {RANGE} --service a --service nope")).fine();
        let range = "2025-11-21T09:00:00.000000Z to 2025-11-21T09:01:00.000000Z";
        assert!(ended.stderr.contains(range), "{command}: {}", ended.stderr);
        assert!(ended.stderr.contains("nope: no message"), "{command}: {}", ended.stderr);
        assert!(!ended.stderr.contains("a: no message"), "{command}: {}", ended.stderr);
    }
    assert_eq!(run(&data, &format!("cat --data DATA {RANGE}")).fine().stdout.lines().count(), 1);
    let query = run(&data, "query --data DATA --to 2025-11-21T09:30Z --service nope --service a --format csv").fine();
    assert_eq!(query.stdout.lines().count(), 2, "an end alone is the end of an hour");
    assert!(query.stderr.contains("\nnope: no message"), "{}", query.stderr);
}

#[test]
fn a_deep_verification_needs_a_monitors_files() {
    let folder = tempfile::tempdir().unwrap();
    let (data, _) = built(folder.path());
    let ended = run(&data, "verify --data DATA --deep");
    assert_eq!(ended.code, Some(2));
    assert!(
        ended.stderr.contains("no monitor's data folder") && ended.stderr.contains("--data DIR"),
        "{}",
        ended.stderr
    );
    drop(Hourglass::start(&data, "up --data DATA"));
    run(&data, "verify --data DATA --deep").fine();
}

#[test]
fn a_data_folder_writes_to_one_store_and_makes_none_in_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let [data, one, other] = ["data", "one", "other"].map(|name| folder.path().join(name));
    let with = |store: &Path, line: &str| run(&data, &format!("{line} --data DATA --store {}", store.display()));
    drop(Hourglass::start(&data, &format!("up --data DATA --store {}", one.display())));
    fs::create_dir(&other).unwrap();
    built(&other);

    let stores =
        [(other.join("data/store"), "is not the one that"), (folder.path().join("unmounted"), "there is no store")];
    for (store, why) in stores {
        for line in ["up", "monitor", "query", "status", "rebuild", "import /dev/null"] {
            let refused = with(&store, line);
            assert_eq!(refused.code, Some(2), "{line}: {refused:?}");
            assert!(refused.stderr.contains(why) && refused.stderr.contains("--store URL"), "{}", refused.stderr);
        }
    }
    assert!(!folder.path().join("unmounted").exists());
    with(&one, "status").fine();
}

#[test]
fn the_quarantine_is_asked_by_whole_minutes_too() {
    let folder = tempfile::tempdir().unwrap();
    let (data, _) = built(folder.path());
    let file = folder.path().join("bad.ndjson");
    fs::write(&file, "rubbish").unwrap();
    assert!(call(&["import", "--data", data.to_str().unwrap()], &[&file]).status.success());
    let kept = run(&data, "cat --data DATA --quarantine").fine().stdout;
    let time = serde_json::from_str::<serde_json::Value>(&kept).unwrap()["time"].as_str().unwrap().to_owned();
    let whole = &time[..time.len() - "00.000000Z".len()];
    let inside = run(&data, &format!("cat --data DATA --quarantine --from {whole}59.9Z --to {whole}59.9Z")).fine();
    assert_eq!(inside.stdout, kept);
    assert_eq!(run(&data, &format!("cat --data DATA --quarantine --to {whole}00Z")).fine().stdout, "");
}

#[test]
fn a_damaged_view_is_a_difference_however_few_services_are_verified() {
    let folder = tempfile::tempdir().unwrap();
    let (data, _) = built(folder.path());
    let mut folders = vec![data.join("store/views/batch")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            match entry.is_dir() {
                true => folders.push(entry),
                false => {
                    let mut bytes = fs::read(&entry).unwrap();
                    let end = bytes.len();
                    bytes[end - 40] ^= 0xff;
                    fs::remove_file(&entry).unwrap();
                    fs::write(&entry, bytes).unwrap();
                }
            }
        }
    }
    let all = run(&data, "verify --data DATA");
    let one = run(&data, "verify --data DATA --service a");
    assert_ne!(all.code, Some(0), "{}{}", all.stdout, all.stderr);
    assert_eq!((all.code, all.stdout), (one.code, one.stdout));
}

#[test]
fn times_in_the_coverage_are_written_like_all_others() {
    let folder = tempfile::tempdir().unwrap();
    let (data, _) = built(folder.path());
    let answers = [
        run(&data, "query --data DATA --from 2025-11-21 --format json").fine().stdout,
        run(&data, "status --data DATA --format json").fine().stdout,
    ];
    for answer in answers {
        let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(answer["coverage"]["imports"][0]["latest"], "2025-11-21T09:00:00.123000Z");
    }
}

#[test]
fn a_lost_batch_view_is_noticed_and_says_how_it_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let (data, _) = built(folder.path());
    let day = data.join("store/views/batch/service=a/date=2025-11-21");
    let month = data.join("store/views/batch/service=a/month=2025-11");
    let folder = if day.exists() { day } else { month };
    let view = fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
    fs::remove_file(view).unwrap();
    let status = run(&data, "status --data DATA --check");
    assert!(status.code == Some(1) && status.stdout.contains("is gone"), "{}", status.stdout);
    let query = run(&data, "query --data DATA --from 2025-11-21");
    assert!(query.code == Some(2) && query.stderr.contains("hourglass rebuild --full"), "{}", query.stderr);
    run(&data, "rebuild --data DATA --full").fine();
    run(&data, "status --data DATA --check").fine();
    run(&data, "verify --data DATA").fine();
}

#[test]
fn lateness_is_judged_by_the_schedule_that_runs() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let up = Hourglass::start(data, "up --data DATA --schedule 0_0_1_1_*");
    until("the status to be healthy", || run(data, "status --data DATA --check").code == Some(0));
    let kept = fs::read_to_string(data.join("schedule.json")).unwrap();
    assert_eq!(kept, r#"{"cron":"0 0 1 1 *","timezone":"UTC"}"#);
    run(data, "status --data DATA --schedule 0_*_*_*_*").fine();
    assert!(up.drained().0.success());
}

#[test]
fn a_random_client_id_is_told_however_quiet() {
    let folder = tempfile::tempdir().unwrap();
    let up = Hourglass::start(folder.path(), "up --data DATA");
    let load = run(folder.path(), &format!("client load --quiet --connect {} --messages 1 --ack", up.address)).fine();
    assert!(load.stderr.contains("client load-"), "{}", load.stderr);
}

#[test]
fn a_cause_is_told_once_and_the_variable_of_the_file_is_known() {
    let folder = tempfile::tempdir().unwrap();
    let refused = run(folder.path(), "client load --connect 127.0.0.1:1 --messages 1").stderr;
    assert_eq!(refused.matches("refused").count(), 1, "{refused}");
    let file = folder.path().join("any.toml");
    fs::write(&file, "").unwrap();
    let show = hourglass(["config", "show"]).env("HOURGLASS_CONFIG", &file).output().unwrap();
    assert!(show.status.success() && show.stderr.is_empty(), "{}", text(&show.stderr));
}

#[test]
fn a_second_signal_ends_at_once() {
    for command in ["up", "monitor"] {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path();
        let up = Hourglass::start(data, &format!("{command} --data DATA"));
        let mut client = AckingClient::connect(up.address, "me").unwrap();
        assert!(client.send([LINE]) && client.await_ack(1));
        // Stopped, so that both signals are there when it goes on: one drains, the other ends it.
        up.signal(Signal::STOP);
        up.signal(Signal::INT);
        up.signal(Signal::TERM);
        up.signal(Signal::CONT);
        let (status, log) = up.ended();
        assert_eq!(status.code(), Some(2), "{log}");
        assert!(log.contains("a second signal ends at once"), "{log}");
        assert_eq!(run(data, "cat --data DATA").fine().stdout.lines().count(), 1, "what was acknowledged is there");
    }
}

#[test]
fn the_version_has_the_commit() {
    let version = run(Path::new("."), "--version").fine().stdout;
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let git = std::process::Command::new("git").args(["-C", root, "rev-parse", "--short=12", "HEAD"]).output();
    let Some(git) = git.ok().filter(|git| git.status.success()) else {
        return support::skip("no git, or no repository: there is no commit to have");
    };
    let words: Vec<_> = version.split_whitespace().collect();
    assert_eq!(words.len(), 3, "{version}");
    let commit = words[2].trim_matches(['(', ')']);
    assert_eq!(commit.len(), text(&git.stdout).trim().len(), "{version}");
    // The binary may be older than the last commit, but is of one that is there.
    let known = std::process::Command::new("git").args(["-C", root, "cat-file", "-e", commit]).status().unwrap();
    assert!(known.success(), "{version}");
}
