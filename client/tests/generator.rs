//! Generated messages: the same on every run, all of them valid, and the same messages in every variety.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use hourglass_client::{Generator, Profile, Variety, service_names};
use proptest::prelude::*;
use schema::{Metrics, Micros, Next, Parser, ServiceName};
use sha2::{Digest, Sha256};

const VARIETIES: [Variety; 3] = [Variety::One, Variety::Eight, Variety::Shuffled];
const START: i64 = 1_763_715_600_000_000;

fn profile(variety: Variety, seed: u64, services: usize, messages: u64) -> Profile {
    Profile {
        seed,
        stream: 0,
        services: service_names(services),
        messages,
        start: Micros::new(START).unwrap(),
        span: 86_400_000_000,
        variety,
    }
}

fn all(profile: &Profile) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut generator = Generator::new(profile).unwrap();
    assert_eq!(generator.fill(&mut bytes, u64::MAX), profile.messages);
    assert_eq!(generator.remaining(), 0);
    bytes
}

/// Service, time and values of every line; a line that is no message ends the test.
fn parsed(bytes: &[u8]) -> Vec<(String, Micros, String)> {
    let mut parser = Parser::new(&Metrics::default());
    bytes
        .split_inclusive(|&byte| byte == b'\n')
        .map(|line| match parser.next(line) {
            Next::Message { message, start: 0, end } if line[end..] == *b"\n" => {
                (message.service.to_owned(), message.time, format!("{:?}", message.values))
            }
            other => panic!("{other:?}: {}", String::from_utf8_lossy(line)),
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn every_variety_of_a_profile_holds_the_same_valid_messages(
        seed in any::<u64>(), services in 1usize..12, messages in 1u64..300,
    ) {
        let [one, eight, shuffled] = VARIETIES.map(|variety| parsed(&all(&profile(variety, seed, services, messages))));
        prop_assert_eq!(&one, &eight);
        prop_assert_eq!(&one, &shuffled);
        for (i, (_, time, _)) in (0u64..).zip(&one) {
            let exact = START + (u128::from(i) * 86_400_000_000 / u128::from(messages)) as i64;
            prop_assert_eq!(time.get(), exact / 1000 * 1000);
        }
    }

    #[test]
    fn how_a_stream_is_asked_for_does_not_change_it(
        seed in any::<u64>(), counts in prop::collection::vec(0u64..50, 1..20),
    ) {
        for variety in VARIETIES {
            let profile = profile(variety, seed, 4, 200);
            let mut pieces = Vec::new();
            let mut generator = Generator::new(&profile).unwrap();
            counts.iter().for_each(|&count| { generator.fill(&mut pieces, count); });
            generator.fill(&mut pieces, u64::MAX);
            prop_assert!(pieces == all(&profile));
        }
    }

    #[test]
    fn a_service_may_have_any_name(name in "[^\\p{Cc}]{1,30}") {
        let services = vec![ServiceName::new(&name).unwrap()];
        for variety in VARIETIES {
            let bytes = all(&Profile { services: services.clone(), ..profile(variety, 1, 1, 20) });
            prop_assert!(parsed(&bytes).iter().all(|(service, ..)| *service == name));
        }
    }
}

#[test]
fn generated_bytes_never_change() {
    // Benchmarks of different days compare because of this. A change of the generator changes it on purpose.
    let digests = VARIETIES.map(|variety| {
        let digest = Sha256::digest(all(&profile(variety, 42, 4, 10_000)));
        digest[..4].iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    });
    assert_eq!(digests, ["c08620f4", "d2003bd5", "0a867569"]);
}

#[test]
fn a_line_has_about_141_bytes() {
    let mean = all(&profile(Variety::One, 42, 4, 100_000)).len() as f64 / 100_000.0;
    assert!((140.0..=142.0).contains(&mean), "{mean}");
}

#[test]
fn four_hundred_services_all_appear() {
    let mut names: Vec<String> =
        parsed(&all(&profile(Variety::One, 7, 400, 10_000))).into_iter().map(|m| m.0).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 400);
    assert!(names.contains(&"checkout".to_owned()) && names.contains(&"accounts-100".to_owned()));
}

#[test]
fn streams_of_one_seed_differ_in_messages_and_agree_on_services() {
    let one = profile(Variety::One, 7, 1, 100);
    let other = Profile { stream: 1, ..one.clone() };
    let (one, other) = (all(&one), all(&other));
    assert_ne!(one, other);
    let total = |bytes: &[u8]| {
        let line: serde_json::Value =
            serde_json::from_slice(&bytes[..bytes.iter().position(|&b| b == b'\n').unwrap()]).unwrap();
        line["RAM"]["Total"].clone()
    };
    assert_eq!(total(&one), total(&other));
}

#[test]
fn what_cannot_be_generated_is_refused() {
    let good = profile(Variety::One, 1, 1, 1);
    assert!(Generator::new(&Profile { services: Vec::new(), ..good.clone() }).is_err());
    assert!(Generator::new(&Profile { start: Micros::MIN, ..good.clone() }).is_err());
    assert!(Generator::new(&Profile { span: u64::MAX, ..good }).is_err());
}
