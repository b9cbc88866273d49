//! Examples, and every step of random expressions held against a plain model.

mod model;

use proptest::prelude::*;

use super::super::catalogue::names;
use super::super::expression::Expression;
use super::super::parse::parse;
use super::super::selector::MINUTE;
use super::*;
use model::{Model, Moment};

/// Of each service and name, a value for some of the minutes from 1 on.
fn samples(services: &[(&str, &[Option<f64>])]) -> Samples {
    let names = names(&"a".parse().unwrap());
    let columns = |minutes: &[Option<f64>]| {
        let there = || (1..).zip(minutes).filter_map(|(minute, value)| Some((minute * MINUTE, (*value)?)));
        let times = there().map(|(time, _)| time).collect();
        // Another value for each name, so that none is taken for another.
        let column = |place: usize| there().map(|(_, value)| value + 100.0 * place as f64).collect();
        Columns { times, values: (0..names.len()).map(column).collect() }
    };
    let services = services.iter().map(|(service, minutes)| ((*service).into(), columns(minutes))).collect();
    Samples { services, names }
}

fn plan(text: &str) -> Plan {
    match parse(text) {
        Ok(Expression::Steps(plan)) => plan,
        other => panic!("{text}: {other:?}"),
    }
}

fn few() -> Samples {
    samples(&[("x", &[Some(1.0), Some(2.0), None, Some(4.0)]), ("y", &[Some(5.0), None, None, Some(3.0)])])
}

/// What it comes to at the end of minute 4, as text: `{labels}=value …`.
fn at_four(text: &str) -> String {
    match evaluate(&plan(text), &few(), &Steps::at(4 * MINUTE)) {
        Ok(Value::Scalar(numbers)) => format!("{}", numbers[0]),
        Ok(Value::Vector(series)) => {
            let there = series.iter().filter_map(|one| Some((&one.labels, one.points[0]?)));
            there.map(|(labels, value)| format!("{labels}={value}")).collect::<Vec<_>>().join(" ")
        }
        Err(failure) => failure.told().to_owned(),
    }
}

#[test]
fn expressions_come_to_what_prometheus_says() {
    // The columns: a_max is the value, a_mean 100 more, a_sum 200 more, messages 300 more.
    for (text, answer) in [
        (
            "hourglass_a_max",
            "{__name__=\"hourglass_a_max\", service=\"x\"}=4 {__name__=\"hourglass_a_max\", service=\"y\"}=3",
        ),
        ("hourglass_a_max{service=\"x\"} offset 1m", "{__name__=\"hourglass_a_max\", service=\"x\"}=2"),
        ("hourglass_a_max{service=\"x\"} @ 60", "{__name__=\"hourglass_a_max\", service=\"x\"}=1"),
        ("-hourglass_a_max{service!=\"x\"}", "{service=\"y\"}=-3"),
        ("max_over_time(hourglass_a_max[4m])", "{service=\"x\"}=4 {service=\"y\"}=5"),
        ("max_over_time(hourglass_a_max[3m])", "{service=\"x\"}=4 {service=\"y\"}=3"),
        ("count_over_time(hourglass_a_max[4m])", "{service=\"x\"}=3 {service=\"y\"}=2"),
        ("last_over_time(hourglass_a_max{service=\"x\"}[1m])", "{__name__=\"hourglass_a_max\", service=\"x\"}=4"),
        ("quantile_over_time(0.5, hourglass_a_max[4m])", "{service=\"x\"}=2 {service=\"y\"}=4"),
        ("avg_over_time(hourglass_a_max{service=\"y\"}[10m])", "{service=\"y\"}=4"),
        ("sum(hourglass_a_max)", "{}=7"),
        ("avg by (service) (hourglass_a_max)", "{service=\"x\"}=4 {service=\"y\"}=3"),
        ("sum by (service) ({__name__=~\"hourglass_a_(max|mean)\"})", "{service=\"x\"}=108 {service=\"y\"}=106"),
        ("min without (service) (hourglass_a_max)", "{}=3"),
        ("count(hourglass_a_max > 3)", "{}=1"),
        ("topk(1, hourglass_a_max)", "{__name__=\"hourglass_a_max\", service=\"x\"}=4"),
        (
            "bottomk(9, hourglass_a_max)",
            "{__name__=\"hourglass_a_max\", service=\"y\"}=3 {__name__=\"hourglass_a_max\", service=\"x\"}=4",
        ),
        ("topk(-1, hourglass_a_max)", ""),
        ("topk(1, -(hourglass_a_max - hourglass_a_max))", "{service=\"x\"}=-0"),
        ("quantile(0.5, hourglass_a_max)", "{}=3.5"),
        ("hourglass_a_mean / hourglass_a_max", "{service=\"x\"}=26 {service=\"y\"}=34.333333333333336"),
        ("hourglass_a_max > 3", "{__name__=\"hourglass_a_max\", service=\"x\"}=4"),
        ("3 < bool hourglass_a_max", "{service=\"x\"}=1 {service=\"y\"}=0"),
        (
            "hourglass_a_max < hourglass_a_mean",
            "{__name__=\"hourglass_a_max\", service=\"x\"}=4 {__name__=\"hourglass_a_max\", service=\"y\"}=3",
        ),
        ("hourglass_a_max == on(service) hourglass_a_max", "{service=\"x\"}=4 {service=\"y\"}=3"),
        ("sum(hourglass_a_max) / on() count(hourglass_a_max)", "{}=3.5"),
        ("7 % 4 + 2 ^ 3 ^ 0", "5"),
        ("1 + 1", "2"),
        ("scalar(hourglass_a_max{service=\"x\"}) + time()", "244"),
        ("scalar(hourglass_a_max)", "NaN"),
        ("vector(1)", "{}=1"),
        ("round(hourglass_a_max / 3, 0.5)", "{service=\"x\"}=1.5 {service=\"y\"}=1"),
        ("clamp(hourglass_a_max, 1, 3.5)", "{service=\"x\"}=3.5 {service=\"y\"}=3"),
        ("clamp(hourglass_a_max, 2, 1)", ""),
        ("ceil(clamp_min(hourglass_a_max, 3.5))", "{service=\"x\"}=4 {service=\"y\"}=4"),
        (
            "sort(hourglass_a_max) > 0",
            "{__name__=\"hourglass_a_max\", service=\"y\"}=3 {__name__=\"hourglass_a_max\", service=\"x\"}=4",
        ),
        (
            "sum_over_time(hourglass_a_sum[10m]) / sum_over_time(hourglass_messages[10m])",
            "{service=\"x\"}=0.6692392502756339 {service=\"y\"}=0.6710526315789473",
        ),
        ("hourglass_nothing", ""),
    ] {
        assert_eq!(at_four(text), answer, "{text}");
    }
}

#[test]
fn what_matches_more_than_one_is_refused() {
    for (text, why) in [
        ("-{service=\"x\"}", "{service=\"x\"} stands for several series"),
        ("sum_over_time({service=\"x\"}[5m])", "the same labelset"),
        ("hourglass_a_max / on() hourglass_a_max", "match group {} on the right"),
        ("hourglass_a_max / on() sum(hourglass_a_max)", "match group {} on the left"),
        ("topk(NaN, hourglass_a_max)", "not a number"),
    ] {
        assert!(at_four(text).contains(why), "{text}: {}", at_four(text));
    }
}

#[test]
fn a_sample_counts_for_five_minutes_and_then_no_more() {
    let text = "hourglass_a_max{service=\"y\"}";
    let seen = |millis: i64| evaluate(&plan(text), &few(), &Steps::at(millis)).unwrap() != Value::Vector(Vec::new());
    assert!(!seen(MINUTE - 1) && seen(MINUTE) && seen(9 * MINUTE - 1) && !seen(9 * MINUTE));
}

#[test]
fn too_much_is_refused_before_it_is_made() {
    let names: Vec<String> = (0..100).map(|n| format!("service-{n}")).collect();
    let services: Vec<(&str, &[Option<f64>])> = names.iter().map(|name| (name.as_str(), &[Some(1.0)][..])).collect();
    let steps = Steps::over(0, 11_000_000, 1000).unwrap();
    let samples = samples(&services);
    let refused = |text: &str| evaluate(&plan(text), &samples, &steps).unwrap_err().told().to_owned();
    assert!(evaluate(&plan("hourglass_a_max"), &samples, &steps).is_ok());
    assert!(refused("hourglass_a_max + hourglass_a_mean").contains("too many points: 2200200"));

    let many: Vec<Option<f64>> = vec![Some(1.0); 10_000];
    let steps = Steps::over(600_000_000, 611_000_000, 1000).unwrap();
    let samples = self::samples(&[("x", &many)]);
    let quantile = evaluate(&plan("quantile_over_time(0.5, hourglass_a_max[30d])"), &samples, &steps).unwrap_err();
    assert!(quantile.told().contains("too many samples"), "{}", quantile.told());
    assert!(evaluate(&plan("max_over_time(hourglass_a_max[30d])"), &samples, &steps).is_ok());
}

/// Vectors, as text; no NaN comes of them.
fn vectors() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        Just("hourglass_a_max"),
        Just("hourglass_a_mean{service!=\"x\"}"),
        Just("hourglass_messages{service=~\"x|z\"}"),
        Just("{__name__=~\"hourglass_a_.*\"}"),
        Just("{service!~\"y\",service=~\".+\"}"),
    ];
    let shift = prop_oneof![Just(""), Just(" offset 90s"), Just(" @ 240"), Just(" @ end() offset -1m")];
    let fold = prop_oneof![
        Just("avg_over_time("),
        Just("sum_over_time("),
        Just("min_over_time("),
        Just("max_over_time("),
        Just("count_over_time("),
        Just("last_over_time("),
        Just("quantile_over_time(0.3, "),
    ];
    let range = prop_oneof![Just("[1m]"), Just("[150s]"), Just("[7m]")];
    let leaf = prop_oneof![
        (name.clone(), shift.clone()).prop_map(|(name, shift)| format!("{name}{shift}")),
        (fold, name, range, shift).prop_map(|(fold, name, range, shift)| format!("{fold}{name}{range}{shift})")),
    ];
    leaf.prop_recursive(3, 12, 2, |inner| {
        let aggregation = prop_oneof![
            Just("sum"),
            Just("avg by (service)"),
            Just("min without (service)"),
            Just("max by (__name__)"),
            Just("count without ()"),
        ];
        let few = prop_oneof![
            Just("topk(2, "),
            Just("topk by (service) (1, "),
            Just("bottomk(1, "),
            Just("quantile by (service) (0.6, "),
        ];
        let matching = prop_oneof![Just(""), Just("on (service) "), Just("ignoring (service) "), Just("on () ")];
        let operator = prop_oneof![Just("+"), Just("-"), Just("> "), Just("<= bool "), Just("!= ")];
        prop_oneof![
            (aggregation, inner.clone()).prop_map(|(aggregation, of)| format!("{aggregation} ({of})")),
            (few, inner.clone()).prop_map(|(few, of)| format!("{few}{of})")),
            inner.clone().prop_map(|of| format!("-({of})")),
            inner.clone().prop_map(|of| format!("abs({of})")),
            (inner.clone(), operator.clone()).prop_map(|(of, operator)| format!("({of}) {operator} 2")),
            (inner.clone(), operator, matching, inner)
                .prop_map(|(left, operator, matching, right)| format!("({left}) {operator} {matching}({right})")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn every_step_of_a_range_is_what_the_plain_model_says(
        text in vectors(),
        minutes in prop::collection::vec(prop::collection::vec(prop::option::weighted(0.7, -4i32..5), 0..12), 3),
        start in 0i64..400, step in 7i64..200, count in 1i64..8,
    ) {
        let minutes: Vec<Vec<Option<f64>>> =
            minutes.iter().map(|row| row.iter().map(|value| value.map(f64::from)).collect()).collect();
        let services: Vec<(&str, &[Option<f64>])> =
            ["x", "y", "z"].into_iter().zip(minutes.iter().map(Vec::as_slice)).collect();
        let (samples, plan) = (samples(&services), plan(&text));
        let steps = Steps::over(start * 1000, (start + step * (count - 1)) * 1000, step * 1000).unwrap();
        let moments: Option<Vec<Moment>> = steps.times().iter().map(|time| {
            Model { plan: &plan, samples: &samples, steps: &steps, time: *time }.vector(&plan.node)
        }).collect();
        let Ok(Value::Vector(series)) = evaluate(&plan, &samples, &steps) else {
            prop_assert!(moments.is_none(), "{text} is refused");
            return Ok(());
        };
        prop_assert!(moments.is_some(), "{text} is not refused");
        for (place, moment) in moments.unwrap().iter().enumerate() {
            let there: Vec<_> = series.iter().filter_map(|one| Some((one.labels.clone(), one.points[place]?))).collect();
            let found: Moment = there.iter().cloned().collect();
            prop_assert_eq!(there.len(), found.len(), "{} has labels twice", &text);
            prop_assert_eq!(&found, moment, "{} at step {}", &text, place);
        }
    }
}
