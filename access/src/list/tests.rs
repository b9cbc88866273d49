//! The file, and its changes.

use std::fs;

use super::*;
use crate::new_token;

struct File(tempfile::TempDir);

impl File {
    fn new(text: &str) -> Self {
        let file = Self(tempfile::tempdir().unwrap());
        file.write(text);
        file
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("access.toml")
    }

    fn write(&self, text: &str) {
        fs::write(self.path(), text).unwrap();
    }

    fn access(&self) -> Result<Access, AccessError> {
        Access::read(self.path())
    }
}

fn now() -> Micros {
    "2026-06-01T00:00:00Z".parse().unwrap()
}

fn entry(name: &str, token: &Secret, more: &str) -> String {
    format!("[[access]]\nname = {name:?}\ntoken = \"{}\"\nscope = [\"ingest\"]\n{more}\n", Fingerprint::of(token))
}

#[test]
fn a_token_allows_what_its_entry_says_and_no_other_does() {
    let (one, two) = (new_token([1; 32]), new_token([2; 32]));
    let file = File::new(&(entry("a", &one, "services = [\"pay*\"]") + &entry("b", &two, "")));
    let access = file.access().unwrap();
    let (a, b) = (access.token(&one, now()).unwrap(), access.token(&two, now()).unwrap());
    assert_eq!((a.name(), a.has(Scope::Ingest), a.has(Scope::Read)), ("a", true, false));
    assert!(a.reaches("payment") && !a.reaches("repay") && !a.all_services() && b.all_services());
    for wrong in [new_token([3; 32]), Secret::new(""), Secret::new(&Fingerprint::of(&one).to_string())] {
        assert_eq!(access.token(&wrong, now()).unwrap_err(), Denied::Unknown);
    }
    let id = "x".parse().unwrap();
    assert_eq!((a.client(&id).unwrap().as_str(), b.client(&id).unwrap().as_str()), ("a\u{1f}x", "b\u{1f}x"));
}

#[test]
fn a_token_ends_when_it_expires() {
    let token = new_token([1; 32]);
    let file = File::new(&entry("a", &token, "expires = \"2026-06-01T00:00:00.000001Z\""));
    let access = file.access().unwrap();
    let grant = access.token(&token, now()).unwrap();
    let later = now().saturating_add(1);
    assert!(grant.counts(now()) && !grant.counts(later));
    assert_eq!(access.token(&token, later).unwrap_err(), Denied::Unknown);
}

#[test]
fn a_certificate_stands_for_its_entry_alone() {
    let file = File::new("[[access]]\nname = \"g\"\ncertificate = \"G.example\"\nscope = [\"read\"]\n");
    let access = file.access().unwrap();
    let grant = access.certificate(&["x".into(), "g.Example".into()], now()).unwrap();
    assert!(grant.has(Scope::Read) && access.knows_certificates());
    assert_eq!(access.certificate(&["h.example".into()], now()).unwrap_err(), Denied::Unknown);
    assert_eq!(access.certificate(&[], now()).unwrap_err(), Denied::Unknown);
}

#[test]
fn what_leaves_the_file_ends_and_what_stays_goes_on() {
    let (one, two) = (new_token([1; 32]), new_token([2; 32]));
    let file = File::new(&(entry("a", &one, "") + &entry("b", &two, "")));
    let access = file.access().unwrap();
    let (a, b) = (access.token(&one, now()).unwrap(), access.token(&two, now()).unwrap());
    assert!(!access.look().unwrap());

    file.write(&entry("b", &two, ""));
    assert!(access.look().unwrap());
    assert!(!a.counts(now()) && b.counts(now()));
    assert!(access.token(&one, now()).is_err() && access.token(&two, now()).is_ok());

    file.write(&entry("b", &two, "services = [\"x\"]"));
    assert!(access.look().unwrap());
    assert!(!b.counts(now()), "it allows something else now");
    assert!(!access.token(&two, now()).unwrap().reaches("y"));
}

#[test]
fn a_file_that_is_wrong_changes_nothing() {
    let token = new_token([1; 32]);
    let file = File::new(&entry("a", &token, ""));
    let access = file.access().unwrap();
    for wrong in ["[[access]]\nname", "", "[[acces]]\n"].map(|text| (text, text.is_empty())) {
        file.write(wrong.0);
        assert_eq!(access.look().is_ok(), wrong.1, "{}", wrong.0);
    }
    file.write(&entry("a", &token, ""));
    access.look().unwrap();
    fs::remove_file(file.path()).unwrap();
    assert!(access.look().is_err());
    assert!(access.token(&token, now()).is_ok(), "what was read last stays in force");
}

#[test]
fn what_is_wrong_is_named_and_never_shown() {
    let token = new_token([1; 32]);
    let plain = format!("[[access]]\nname = \"a\"\ntoken = \"{}\"\nscope = [\"read\"]\n", token.expose());
    for (text, says) in [
        (plain.as_str(), "64 lower-case hex digits"),
        ("[[access]]\nname = \"a:b\"\ncertificate = \"c\"\nscope = [\"read\"]", "1 to 32 ASCII"),
        ("[[access]]\nname = \"a\"\nscope = [\"read\"]", "a token or a certificate"),
        ("[[access]]\nname = \"a\"\ncertificate = \"c\"\nscope = []", "scope is empty"),
        ("[[access]]\nname = \"a\"\ncertificate = \"c\"\nscope = [\"write\"]", "no scope"),
        ("[[access]]\nname = \"a\"\ncertificate = \"c\"\nscope = [\"read\"]\nservice = [\"x\"]", "line 5"),
        ("[[access]]\nname = \"a\"\ncertificate = \"c\"\nscope = [\"read\"]\nexpires = \"soon\"", "expires"),
        (&format!("{0}{0}", entry("a", &token, "")), "before it"),
    ] {
        let error = File::new(text).access().unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
        assert!(!error.contains(token.expose()), "{error}");
    }
}

#[test]
fn without_a_file_there_is_nothing_to_show() {
    assert!(Access::open().is_open() && !Access::open().look().unwrap());
    assert_eq!(Access::open().token(&new_token([0; 32]), now()).unwrap_err(), Denied::Unknown);
}
