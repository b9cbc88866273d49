//! Samples: what is read for an expression, once, before it is evaluated.
//!
//! Enters: the selectors, the steps. Leaves: of each service the minutes that any of them needs, a column a name.
//! What must hold: minutes rise; a minute is read once; what a request may read is bounded, as in `api/query.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use schema::{Minute, ServiceName};
use views::{AnswerRow, Every, Query, Reader, View, query, services};

use super::catalogue::Name;
use super::failure::Failure;
use super::selector::{MINUTE, Selector};
use super::steps::Steps;

/// Minutes of each service; two years.
const MINUTES: u32 = 1_100_000;
/// Rows, of all services together.
const ROWS: usize = 2_000_000;

/// Samples by service.
#[derive(Debug)]
pub(super) struct Samples {
    /// The names that were read, sorted.
    pub(super) names: Vec<Name>,
    pub(super) services: BTreeMap<Arc<str>, Columns>,
}

/// One service's samples.
#[derive(Debug, Default)]
pub(super) struct Columns {
    /// When each was taken: its minute's end, in milliseconds since 1970.
    pub(super) times: Vec<i64>,
    /// For each name, a value a time.
    pub(super) values: Vec<Vec<f64>>,
}

/// Minutes of services; of all of them where none are named.
#[derive(Debug, PartialEq)]
struct Need {
    minutes: Range<Minute>,
    services: Option<BTreeSet<ServiceName>>,
}

impl Samples {
    /// Reads what `selectors` need for `steps`, of the `names` that any of them wants.
    ///
    /// # Errors
    /// More than may be read at once; whatever reading meets.
    pub(super) async fn read(
        reader: &Reader,
        names: Vec<Name>,
        selectors: &[Selector],
        steps: &Steps,
    ) -> Result<Self, Failure> {
        let wanted = |name: &Name| selectors.iter().any(|selector| selector.wants_name(&name.text));
        let mut samples = Self { names: names.into_iter().filter(wanted).collect(), services: BTreeMap::new() };
        let mut rows = 0;
        for need in needs(reader, samples.wanting(selectors), steps).await? {
            let answer = query(&reader.with_rows(ROWS), &need.query()).await?;
            rows += answer.rows.len();
            if rows > ROWS {
                return Err(too_much(format!("more than {ROWS} minutes of services")));
            }
            answer.rows.iter().for_each(|row| samples.add(row));
        }
        Ok(samples)
    }

    /// Those of `selectors` that select a name there is.
    fn wanting<'a>(&self, selectors: &'a [Selector]) -> Vec<&'a Selector> {
        let wants = |selector: &&Selector| self.names.iter().any(|name| selector.wants_name(&name.text));
        selectors.iter().filter(wants).collect()
    }

    fn add(&mut self, row: &AnswerRow) {
        let service = row.service.as_str();
        if !self.services.contains_key(service) {
            let columns = Columns { times: Vec::new(), values: vec![Vec::new(); self.names.len()] };
            self.services.insert(service.into(), columns);
        }
        let Some(columns) = self.services.get_mut(service) else { return };
        columns.times.push((i64::from(row.start.get()) + 1) * MINUTE);
        for (name, values) in self.names.iter().zip(&mut columns.values) {
            values.push(name.value(row));
        }
    }
}

impl Need {
    fn query(self) -> Query {
        Query {
            from: self.minutes.start.start(),
            to: self.minutes.end.start(),
            services: self.services.unwrap_or_default(),
            every: Every::Minute,
            view: View::Merged,
        }
    }
}

async fn needs(reader: &Reader, selectors: Vec<&Selector>, steps: &Steps) -> Result<Vec<Need>, Failure> {
    let listed = match selectors.iter().any(|selector| selector.searches_services()) {
        true => Some(services(reader).await?.0),
        false => None,
    };
    let found = |selector: &Selector| {
        let listed = listed.as_ref().filter(|_| selector.searches_services())?;
        let names = listed.iter().map(|seen| &seen.service);
        Some(names.filter(|name| selector.wants_service(name.as_str())).cloned().collect())
    };
    let needs = selectors.into_iter().filter_map(|selector| {
        let services = selector.named_services().or_else(|| found(selector));
        Some(Need { minutes: selector.minutes(steps)?, services })
    });
    let needs = apart(needs.collect());
    let minutes: u32 = needs.iter().map(|need| need.minutes.end.get() - need.minutes.start.get()).sum();
    if minutes > MINUTES {
        return Err(too_much(format!("{minutes} minutes of each service, of {MINUTES} allowed")));
    }
    Ok(needs)
}

/// Those needs with overlapping ones joined, so that no minute is in two of them; in order.
fn apart(mut needs: Vec<Need>) -> Vec<Need> {
    needs.retain(|need| need.services.as_ref().is_none_or(|services| !services.is_empty()));
    needs.sort_by_key(|need| need.minutes.start);
    let mut apart: Vec<Need> = Vec::new();
    for need in needs {
        match apart.last_mut() {
            Some(last) if need.minutes.start <= last.minutes.end => {
                last.minutes.end = last.minutes.end.max(need.minutes.end);
                last.services = match (last.services.take(), need.services) {
                    (Some(some), Some(more)) => Some(&some | &more),
                    _ => None,
                };
            }
            _ => apart.push(need),
        }
    }
    apart
}

fn too_much(what: String) -> Failure {
    Failure::execution(format!("too many samples: {what}: ask for fewer services, a shorter range or shorter windows"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn need(minutes: Range<u32>, services: Option<&[&str]>) -> Need {
        let services = services.map(|names| names.iter().map(|name| ServiceName::new(name).unwrap()).collect());
        Need { minutes: Minute::new(minutes.start).unwrap()..Minute::new(minutes.end).unwrap(), services }
    }

    #[test]
    fn no_minute_is_read_twice_and_no_more_than_is_needed() {
        let needs = vec![
            need(100..110, Some(&["a"])),
            need(0..10, Some(&["a"])),
            need(5..20, Some(&["b"])),
            need(108..109, None),
            need(40..50, Some(&[])),
        ];
        assert_eq!(apart(needs), [need(0..20, Some(&["a", "b"])), need(100..110, None)]);
    }
}
