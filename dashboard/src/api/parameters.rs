//! The parameters of a question, in an address: the same names and forms as the command line's flags.

use std::collections::BTreeSet;
use std::str::FromStr;

use chrono_tz::Tz;
use schema::{Micros, ServiceName};
use utoipa::IntoParams;
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};
use views::{Every, Moment, Query, View};

use crate::problem::Problem;

const HOUR: i64 = 3_600_000_000;
const NAMES: &str = "from, to, service, every, view, tz, format";

/// What an address asks.
#[derive(Debug, Default, PartialEq, Eq, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Parameters {
    /// Where the range starts: a date, RFC 3339, a time without an offset (then in `tz`), `now`, or relative as in `-90m`
    /// (units s, m, h, d, w). An hour before `to` if not there.
    #[param(value_type = Option<String>, example = "-24h")]
    from: Option<Moment>,
    /// Where it ends, in the same forms; that moment is not in it.
    #[param(value_type = Option<String>, default = "now", example = "now")]
    to: Option<Moment>,
    /// The services asked for, each a parameter of its own; all if none is there.
    #[param(rename = "service", value_type = Option<Vec<String>>, example = json!(["checkout"]))]
    services: BTreeSet<ServiceName>,
    /// The width of a bucket.
    #[param(schema_with = widths, required = false)]
    every: Every,
    /// Which view answers.
    #[param(schema_with = view_names, required = false)]
    view: View,
    /// The time zone of times without an offset, by its name in the IANA's database.
    #[param(rename = "tz", value_type = Option<String>, default = "UTC", example = "Europe/Berlin")]
    zone: Tz,
    /// The format of the answer, by name; without it, by what is accepted.
    #[param(schema_with = super::formats::schema, required = false)]
    pub(crate) format: Option<String>,
}

impl Parameters {
    /// Reads what stands behind the `?`. `service` may stand there more than once, anything else once.
    ///
    /// # Errors
    /// A name that is not one of ours, twice the same, or a value that is not one of its kind.
    pub(crate) fn parse(text: &str) -> Result<Self, Problem> {
        let mut parameters = Parameters::default();
        let mut seen = BTreeSet::new();
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            if name != "service" && !seen.insert(name.to_string()) {
                return Err(Problem::bad_request(format!("{name} is given twice")));
            }
            match &*name {
                "from" => parameters.from = Some(read(&name, &value)?),
                "to" => parameters.to = Some(read(&name, &value)?),
                "service" => drop(parameters.services.insert(service(&value)?)),
                "every" => parameters.every = read(&name, &value)?,
                "view" => parameters.view = read(&name, &value)?,
                "tz" => parameters.zone = read(&name, &value)?,
                "format" => parameters.format = Some(value.into_owned()),
                _ => return Err(Problem::bad_request(format!("{name:?} is no parameter; these are: {NAMES}"))),
            }
        }
        Ok(parameters)
    }

    /// The query it means at `now`. Without `to` it ends now, without `from` it is an hour long.
    ///
    /// # Errors
    /// A time that does not exist, or a range that ends before it starts.
    pub(crate) fn query(&self, now: Micros) -> Result<Query, Problem> {
        let resolve = |moment: Moment| {
            moment.resolve(now, self.zone).map_err(|error| Problem::bad_request(format!("{error}; write its offset")))
        };
        let to = self.to.map(resolve).transpose()?.unwrap_or(now);
        let from = self.from.map(resolve).transpose()?.unwrap_or_else(|| to.saturating_add(-HOUR));
        if from > to {
            return Err(Problem::bad_request(format!("the range starts at {from}, after its end at {to}")));
        }
        Ok(Query { from, to, services: self.services.clone(), every: self.every, view: self.view })
    }
}

/// Described: one of some names, of which the first holds where none is given.
pub(super) fn one_of(names: &[&str]) -> Object {
    let schema = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names.iter().copied()));
    schema.default(names.first().map(|name| (*name).into())).build()
}

fn widths() -> Object {
    one_of(&["1m", "5m", "1h", "1d"])
}

fn view_names() -> Object {
    one_of(&["merged", "batch", "realtime"])
}

fn read<T>(name: &str, value: &str) -> Result<T, Problem>
where
    T: FromStr,
    T::Err: ToString,
{
    value.parse().map_err(|error: T::Err| Problem::bad_request(format!("{name}={value}: {}", error.to_string())))
}

fn service(value: &str) -> Result<ServiceName, Problem> {
    ServiceName::new(value).map_err(|error| Problem::bad_request(format!("service={value:?}: {error}")))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GOOD: &str = "from=1970-01-01T01:00&to=-90m&service=a%20b&every=1h&view=batch&tz=Europe/Berlin&format=csv";
    const NOW: i64 = 10 * HOUR;

    fn query(text: &str) -> Result<Query, Problem> {
        Parameters::parse(text)?.query(Micros::new(NOW).unwrap())
    }

    #[test]
    fn without_parameters_it_is_the_last_hour_of_all_services_by_minutes() {
        let asked = query("").unwrap();
        assert_eq!((asked.from.get(), asked.to.get()), (9 * HOUR, 10 * HOUR));
        assert_eq!((asked.services.len(), asked.every, asked.view), (0, Every::Minute, View::Merged));
    }

    proptest! {
        #[test]
        fn a_damaged_question_is_read_or_refused(damage in damage::damage(), any in damage::bytes()) {
            for text in [damage.to_text(GOOD), String::from_utf8_lossy(&any).into_owned()] {
                if let Ok(asked) = query(&text) {
                    prop_assert!(asked.from <= asked.to, "{}", text);
                }
            }
        }
    }

    #[test]
    fn every_parameter_counts() {
        let asked =
            query("from=1970-01-01T01:00&to=-90m&service=a%20b&service=%C3%A4&every=1h&view=batch&tz=Europe/Berlin");
        let asked = asked.unwrap();
        assert_eq!((asked.from.get(), asked.to.get()), (0, 17 * HOUR / 2));
        let names: Vec<_> = asked.services.iter().map(ServiceName::as_str).collect();
        assert_eq!((names, asked.every, asked.view), (vec!["a b", "ä"], Every::Hour, View::Batch));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for text in [
            "form=1",
            "from=yesterday",
            "from=now&to=-1h",
            "every=7m",
            "view=all",
            "tz=Mars",
            "from=now&from=now",
            "service=",
        ] {
            assert!(query(text).is_err(), "{text}");
        }
    }
}
