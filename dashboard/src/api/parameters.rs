//! The parameters of a question, in an address: the same names and forms as the command line's flags.

use std::collections::BTreeSet;
use std::str::FromStr;

use chrono_tz::Tz;
use schema::{Micros, ServiceName};
use views::{Every, Moment, Query, View};

use crate::problem::Problem;

const HOUR: i64 = 3_600_000_000;
const NAMES: &str = "from, to, service, every, view, tz, format";

/// What an address asks.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Parameters {
    from: Option<Moment>,
    to: Option<Moment>,
    services: BTreeSet<ServiceName>,
    every: Every,
    view: View,
    zone: Tz,
    /// The format asked for by name.
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
    use super::*;

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
