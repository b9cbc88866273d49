//! Selectors: which series, and which of their samples.
//!
//! What must hold: a window ends at a step, or where `offset` and `@` put it, and is open on its left, so that windows
//! side by side share no sample.

use std::collections::BTreeSet;
use std::ops::Range;

use promql_parser::label::{MatchOp, Matcher};
use schema::{Minute, ServiceName};

use super::labels::{NAME, SERVICE};
use super::steps::Steps;

/// How old the newest sample may be, in milliseconds, as in Prometheus.
const LOOKBACK: i64 = 5 * MINUTE;
/// Milliseconds of a minute.
pub(super) const MINUTE: i64 = 60_000;

/// Which series, and where their windows are.
#[derive(Debug)]
pub(super) struct Selector {
    pub(super) matchers: Vec<Matcher>,
    /// How long a window is, in milliseconds; none where the newest sample is meant.
    pub(super) range: Option<i64>,
    /// How much earlier a window ends, in milliseconds.
    pub(super) offset: i64,
    /// Where it ends, whatever the step.
    pub(super) at: Option<At>,
}

/// A time that is no step's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At {
    Start,
    End,
    Time(i64),
}

impl Selector {
    /// Whether it selects a series of this name.
    pub(super) fn wants_name(&self, name: &str) -> bool {
        self.matches(NAME, name)
    }

    /// Whether it selects this service's series.
    pub(super) fn wants_service(&self, service: &str) -> bool {
        self.matches(SERVICE, service) && self.others_match()
    }

    fn matches(&self, label: &str, value: &str) -> bool {
        self.matchers.iter().filter(|matcher| matcher.name == label).all(|matcher| matcher.is_match(value))
    }

    /// Whether the labels that no series has may be absent.
    fn others_match(&self) -> bool {
        self.matchers
            .iter()
            .filter(|matcher| ![NAME, SERVICE].contains(&&*matcher.name))
            .all(|other| other.is_match(""))
    }

    /// The services it names; `None` if it names none, and any may match.
    pub(super) fn named_services(&self) -> Option<BTreeSet<ServiceName>> {
        let of_services = self.matchers.iter().filter(|matcher| matcher.name == SERVICE);
        let named = of_services.filter_map(|matcher| match &matcher.op {
            MatchOp::Equal => Some(vec![matcher.value.clone()]),
            MatchOp::Re(_) => alternatives(&matcher.value),
            MatchOp::NotEqual | MatchOp::NotRe(_) => None,
        });
        // What can be no service's name is no service's name.
        named.min_by_key(Vec::len).map(|names| names.iter().filter_map(|name| ServiceName::new(name).ok()).collect())
    }

    /// Whether its services are a pattern's, so that it is worth asking which there are before reading.
    pub(super) fn searches_services(&self) -> bool {
        let pattern = |matcher: &&Matcher| {
            matcher.name == SERVICE && matches!(matcher.op, MatchOp::Re(_)) && ![".*", ".+"].contains(&&*matcher.value)
        };
        self.named_services().is_none() && self.matchers.iter().any(|matcher| pattern(&matcher))
    }

    /// How far back from its end a window goes, in milliseconds.
    pub(super) fn back(&self) -> i64 {
        self.range.unwrap_or(LOOKBACK)
    }

    /// Where the windows of `steps` end, in order.
    pub(super) fn ends(&self, steps: &Steps) -> Vec<i64> {
        match self.fixed(steps) {
            Some(time) => vec![time - self.offset; steps.len()],
            None => steps.times().into_iter().map(|time| time - self.offset).collect(),
        }
    }

    /// The minutes whose samples stand in one of those windows, if there are any.
    pub(super) fn minutes(&self, steps: &Steps) -> Option<Range<Minute>> {
        let (first, last) = match self.fixed(steps) {
            Some(time) => (time, time),
            None => (steps.first(), steps.last()),
        };
        // A sample stands at its minute's end.
        let minute = |millis: i64| millis.div_euclid(MINUTE).clamp(0, i64::from(Minute::MAX.get())) as u32;
        let (from, to) = (minute(first - self.offset - self.back()), minute(last - self.offset));
        (from < to).then_some(Minute::new(from)?..Minute::new(to)?)
    }

    fn fixed(&self, steps: &Steps) -> Option<i64> {
        self.at.map(|at| match at {
            At::Start => steps.first(),
            At::End => steps.last(),
            At::Time(time) => time,
        })
    }
}

/// The strings that a pattern stands for, if it is nothing but alternatives: what a list of names becomes in Grafana.
fn alternatives(pattern: &str) -> Option<Vec<String>> {
    let mut found = vec![String::new()];
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        let literal = match letter {
            '|' => {
                found.push(String::new());
                continue;
            }
            '\\' => letters.next().filter(char::is_ascii_punctuation)?,
            '.' | '+' | '*' | '?' | '(' | ')' | '[' | ']' | '{' | '}' | '^' | '$' => return None,
            letter => letter,
        };
        found.last_mut()?.push(literal);
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::super::expression::Expression;
    use super::super::parse::parse;
    use super::*;

    fn selector(text: &str) -> Selector {
        match parse(text).unwrap() {
            Expression::Samples(selector) => selector,
            Expression::Steps(mut plan) => plan.selectors.remove(0),
            Expression::Text(text) => panic!("{text}"),
        }
    }

    #[test]
    fn alternatives_are_names_and_patterns_are_not() {
        let named = |text: &str| {
            let named = selector(text).named_services()?;
            Some(named.iter().map(|name| name.as_str().to_owned()).collect::<Vec<_>>().join(","))
        };
        assert_eq!(named(r#"m{service="a.b"}"#).unwrap(), "a.b");
        assert_eq!(named(r#"m{service=~"b|a\\.c|"}"#).unwrap(), "a.c,b");
        assert_eq!(named(r#"m{service=~"a|b",service="b"}"#).unwrap(), "b");
        for text in [r#"m{service=~"a.*"}"#, r#"m{service!="a"}"#, r#"m{service!~"a|b"}"#, r#"m{service=~"\\d"}"#, "m"]
        {
            assert_eq!(named(text), None, "{text}");
        }
        assert!(selector(r#"m{service=~"a.*"}"#).searches_services());
        assert!(!selector(r#"m{service=~".+"}"#).searches_services());
    }

    #[test]
    fn all_four_matchers_hold_and_other_labels_are_empty() {
        let wants = |text: &str, service: &str| selector(text).wants_service(service);
        assert!(wants(r#"m{service!="a",job=""}"#, "b") && !wants(r#"m{service!="a"}"#, "a"));
        assert!(wants(r#"m{service=~"a|b"}"#, "a") && !wants(r#"m{service=~"a|b"}"#, "ab"));
        assert!(wants(r#"m{service!~"a.*"}"#, "ba") && !wants(r#"m{service!~"a.*"}"#, "ab"));
        assert!(!wants(r#"m{job="x"}"#, "a") && wants(r#"m{job!="x"}"#, "a"));
        assert!(selector(r#"{__name__=~".*_cpu_.*"}"#).wants_name("hourglass_cpu_max"));
        assert!(!selector("hourglass_cpu_mean").wants_name("hourglass_cpu_max"));
    }

    #[test]
    fn windows_need_the_minutes_that_end_in_them() {
        let minutes = |text: &str, steps: Steps| selector(text).minutes(&steps).map(|m| m.start.get()..m.end.get());
        // The minutes that end after 10:00 and until 11:00 are those from 10:00 to 10:59.
        assert_eq!(minutes("m[1h]", Steps::at(660 * MINUTE)), Some(600..660));
        assert_eq!(minutes("m", Steps::at(660 * MINUTE)), Some(655..660));
        assert_eq!(minutes("m", Steps::at(660 * MINUTE - 1)), Some(654..659));
        assert_eq!(
            minutes("m[1m] offset 1h", Steps::over(600 * MINUTE, 660 * MINUTE, MINUTE).unwrap()),
            Some(539..600)
        );
        assert_eq!(minutes("m[1m] @ 60", Steps::at(660 * MINUTE)), Some(0..1));
        assert_eq!(minutes("m[1s]", Steps::at(660 * MINUTE + 1500)), None);
        assert_eq!(minutes("m", Steps::at(-1)), None);
        assert_eq!(minutes("m[10000y]", Steps::at(3 * i64::pow(10, 14))), Some(0..Minute::MAX.get()));
    }
}
