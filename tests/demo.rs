//! The promise: `hourglass demo` shows every role at work, and ends with 0 only if nothing differs.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use support::run;

#[test]
fn the_demo_rotates_rebuilds_answers_and_verifies() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("demo");
    let ended = run(&data, "demo --data DATA --seconds 32").fine();

    let said = &ended.stdout;
    for service in ["checkout", "payments", "shipping"] {
        assert!(said.contains(service), "{service} is in the table: {said}");
    }
    let last = said.lines().last().unwrap();
    assert!(last.starts_with("verified:") && last.contains("no difference"), "{last}");
    assert!(ended.stderr.contains("durable"), "progress is told: {}", ended.stderr);

    // What it left behind is a store like any other.
    run(&data, "verify --data DATA").fine();
    let status = run(&data, "status --data DATA --format json").fine().stdout;
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    assert!(status["batch"]["manifest"].as_u64().unwrap() >= 3, "three rebuilds: {status}");
}
