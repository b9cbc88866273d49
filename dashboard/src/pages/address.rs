//! The address of a page: its whole state, so that a link can be shared.
//!
//! Enters: what stands behind the `?`. Leaves: the same, read; and links that carry it on. What must hold: a value that
//! cannot be meant is kept as it was written, for the form to show beside what is wrong with it; a link says the same
//! again when it is read.

use std::collections::BTreeSet;

use chrono_tz::Tz;
use form_urlencoded::Serializer;
use schema::{Micros, ServiceName};
use views::{Every, Moment, Query, View};

/// What an address asks a page for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Address {
    /// As written; empty if it was not.
    pub(super) from: String,
    /// As written; empty if it was not.
    pub(super) to: String,
    /// Each once, in the order written.
    pub(super) services: Vec<ServiceName>,
    /// The resolution asked for, if one is.
    pub(super) every: Option<Every>,
    /// Whose clocks times are read and shown by.
    pub(super) zone: Tz,
    /// What the services are searched for.
    pub(super) search: String,
    /// The moment whose lines are asked for.
    pub(super) at: String,
    /// A quick range that was pressed, as `15m`.
    pub(super) last: String,
    /// What could not be read, a sentence each.
    pub(super) problems: Vec<String>,
}

/// A range, resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) from: Micros,
    pub(super) to: Micros,
    /// Whether it ends now, whenever that is.
    pub(super) moving: bool,
}

impl Address {
    /// Reads what stands behind the `?`; names that no page knows are passed over.
    pub(super) fn parse(text: &str) -> Self {
        let mut address = Self::default();
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            let value = value.into_owned();
            match &*name {
                "from" => address.from = value,
                "to" => address.to = value,
                "service" => address.service(&value),
                "every" => address.every = address.read("resolution", &value),
                "tz" => address.zone = address.read("time zone", &value).unwrap_or_default(),
                "search" => address.search = value,
                "at" => address.at = value,
                "last" => address.last = value,
                _ => {}
            }
        }
        address
    }

    fn service(&mut self, value: &str) {
        match ServiceName::new(value) {
            Ok(service) if !self.services.contains(&service) => self.services.push(service),
            Ok(_) => {}
            Err(why) => self.problems.push(format!("{why}.")),
        }
    }

    fn read<T>(&mut self, what: &str, value: &str) -> Option<T>
    where
        T: std::str::FromStr,
        T::Err: ToString,
    {
        if matches!(value, "" | "auto") {
            return None;
        }
        let read = value.parse();
        read.map_err(|why: T::Err| self.problems.push(format!("{what} {value}: {}.", why.to_string()))).ok()
    }

    /// The range, at `now`: without `to` it ends now, without `from` it is an hour long.
    ///
    /// # Errors
    /// A sentence that says what cannot be meant.
    pub(super) fn range(&self, now: Micros) -> Result<Range, String> {
        let to = self.moment("To", &self.to, "now", now)?;
        let from = match self.from.is_empty() {
            true => to.saturating_add(-3_600_000_000),
            false => self.moment("From", &self.from, "-1h", now)?,
        };
        if from >= to {
            return Err("The range ends before it starts: choose an earlier From, or a later To.".to_owned());
        }
        Ok(Range { from, to, moving: matches!(&*self.to, "" | "now") })
    }

    /// The moment of `at`, if there is one.
    ///
    /// # Errors
    /// As for [`range`](Self::range).
    pub(super) fn at(&self, now: Micros) -> Result<Micros, String> {
        self.moment("At", &self.at, "now", now)
    }

    fn moment(&self, name: &str, text: &str, absent: &str, now: Micros) -> Result<Micros, String> {
        let text = if text.is_empty() { absent } else { text };
        let moment: Moment =
            text.parse().map_err(|allowed: String| format!("{name}: {text} is no time; {allowed}."))?;
        moment.resolve(now, self.zone).map_err(|error| format!("{name}: {error}."))
    }

    /// The question for `range` in buckets of `every`, of the services named.
    pub(super) fn query(&self, range: Range, every: Every) -> Query {
        let services: BTreeSet<ServiceName> = self.services.iter().cloned().collect();
        Query { from: range.from, to: range.to, services, every, view: View::Merged }
    }

    /// A link to `path` with these pairs, the services and the time zone.
    pub(super) fn link(&self, path: &str, pairs: &[(&str, &str)]) -> String {
        let mut text = Serializer::new(String::new());
        for service in &self.services {
            text.append_pair("service", service.as_str());
        }
        text.extend_pairs(pairs);
        if self.zone != Tz::UTC {
            text.append_pair("tz", self.zone.name());
        }
        let text = text.finish();
        if text.is_empty() { path.to_owned() } else { format!("{path}?{text}") }
    }

    /// The same address, of no service.
    pub(super) fn of_none(&self) -> Self {
        Self { services: Vec::new(), ..self.clone() }
    }

    /// The same address, of one service alone.
    pub(super) fn of(&self, service: &ServiceName) -> Self {
        Self { services: vec![service.clone()], ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOUR: i64 = 3_600_000_000;

    fn now() -> Micros {
        Micros::new(10 * HOUR).unwrap()
    }

    proptest! {
        #[test]
        fn a_damaged_address_is_read_or_refused(damage in damage::damage(), any in damage::bytes()) {
            let good = "service=a&service=b%20c&from=2026-11-21T08:15&to=-5m&every=5m&tz=Europe%2FBerlin&search=x";
            for text in [damage.to_text(good), String::from_utf8_lossy(&any).into_owned()] {
                let address = Address::parse(&text);
                if let Ok(range) = address.range(now()) {
                    prop_assert!(range.from <= range.to, "{}", text);
                }
                let again = Address::parse(address.link("/analytics", &[]).split_once('?').map_or("", |(_, rest)| rest));
                prop_assert_eq!(again.services, address.services);
            }
        }
    }

    #[test]
    fn a_link_says_the_same_again() {
        for name in ["plain", "a b&c=d", "50%", "<script>alert(1)</script>", "\"'`", "\u{202e}evil", "ä+ö#?/"] {
            let mut address = Address { zone: Tz::Europe__Berlin, ..Address::default() };
            address.services = vec![ServiceName::new(name).unwrap(), ServiceName::new("other").unwrap()];
            let link = address.link("/analytics", &[("from", "-1h"), ("to", "+5m")]);
            assert!(link.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>\"'`".contains(&byte)), "{link}");
            let read = Address::parse(link.split_once('?').unwrap().1);
            assert_eq!((&read.services, read.zone), (&address.services, address.zone));
            assert_eq!((read.from.as_str(), read.to.as_str()), ("-1h", "+5m"));
        }
    }

    #[test]
    fn without_words_it_is_the_last_hour() {
        let range = Address::parse("from=&to=").range(now()).unwrap();
        assert_eq!((range.from.get(), range.to.get(), range.moving), (9 * HOUR, 10 * HOUR, true));
        let pinned = Address::parse("from=1970-01-01T02:00&to=1970-01-01T03:00&tz=Europe/Berlin").range(now()).unwrap();
        assert_eq!((pinned.from.get(), pinned.to.get(), pinned.moving), (HOUR, 2 * HOUR, false));
    }

    #[test]
    fn what_cannot_be_meant_is_said() {
        for text in ["from=yesterday", "from=now&to=-1h", "from=-1h&to=-1h", "to=2026-13-01"] {
            assert!(Address::parse(text).range(now()).is_err(), "{text}");
        }
        assert_eq!(Address::parse("every=7m&tz=Mars&service=").problems.len(), 3);
    }
}
