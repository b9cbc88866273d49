//! Which metrics a store holds and how each is read: fixed when the store is created, recorded in `store.json`.

use std::fmt;
use std::ops::Deref;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::error::serde_as_text;

/// The most metrics a store can have.
pub const MAX_METRICS: usize = 8;

/// How `{Total, Free}` becomes a value. A plain number is the value itself either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Read {
    /// (Total - Free) / Total.
    #[default]
    Utilisation,
    /// Total - Free.
    Used,
}

/// A metric's name: `[a-z][a-z0-9_]*`, at most 32 bytes, nothing that a message or a view already calls by that name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MetricName(Arc<str>);

/// One configured metric. As text: `cpu`, or `ram=used`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metric {
    /// Its key in messages (there without regard to case) and its column in views.
    pub name: MetricName,
    /// How it is read.
    pub read: Read,
}

/// The metrics of a store: 1 to 8, names unique, in column order. As text: `cpu,ram,disk=used`; cheap to clone.
///
/// The default is `cpu,ram,disk`, all utilisation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Metric>", into = "Vec<Metric>")]
pub struct Metrics(Arc<[Metric]>);

impl Metrics {
    /// # Errors
    /// If there are none or more than 8, or two share a name.
    pub fn new(metrics: Vec<Metric>) -> Result<Self, Error> {
        let unique = metrics.iter().enumerate().all(|(i, metric)| metrics[..i].iter().all(|m| m.name != metric.name));
        if (1..=MAX_METRICS).contains(&metrics.len()) && unique {
            Ok(Metrics(metrics.into()))
        } else {
            let names: Vec<&str> = metrics.iter().map(|metric| metric.name.as_str()).collect();
            Err(Error::invalid("metrics", &names.join(","), "1 to 8 different names"))
        }
    }
}

impl MetricName {
    /// # Errors
    /// If the name is not of that form, or taken: `service`, `time` and their synonyms, `msg_num`, and what views
    /// derive (`max_…`, `…_exact`, `…_mean`).
    pub fn new(name: &str) -> Result<Self, Error> {
        const ALLOWED: &str = "[a-z][a-z0-9_]*, at most 32 bytes, and not a name that messages or views use";
        const TAKEN: [&str; 8] =
            ["service", "servicename", "service_name", "timestamp", "time", "ts", "time_stamp", "msg_num"];
        let form = name.len() <= 32
            && name.starts_with(|first: char| first.is_ascii_lowercase())
            && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
        let taken =
            TAKEN.contains(&name) || name.starts_with("max_") || name.ends_with("_exact") || name.ends_with("_mean");
        (form && !taken).then(|| MetricName(name.into())).ok_or_else(|| Error::invalid("metric", name, ALLOWED))
    }

    /// The name itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let metric = |name: &str| Metric { name: MetricName(name.into()), read: Read::Utilisation };
        Metrics(["cpu", "ram", "disk"].map(metric).into())
    }
}

impl Deref for Metrics {
    type Target = [Metric];

    fn deref(&self) -> &[Metric] {
        &self.0
    }
}

impl TryFrom<Vec<Metric>> for Metrics {
    type Error = Error;

    fn try_from(metrics: Vec<Metric>) -> Result<Self, Error> {
        Metrics::new(metrics)
    }
}

impl From<Metrics> for Vec<Metric> {
    fn from(metrics: Metrics) -> Self {
        metrics.0.to_vec()
    }
}

impl fmt::Display for MetricName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.read {
            Read::Utilisation => write!(f, "{}", self.name),
            Read::Used => write!(f, "{}=used", self.name),
        }
    }
}

impl fmt::Display for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, metric) in self.iter().enumerate() {
            write!(f, "{}{metric}", if i == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

impl FromStr for MetricName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        MetricName::new(text)
    }
}

impl FromStr for Metric {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (name, read) = text.split_once('=').unwrap_or((text, "utilisation"));
        let read = match read {
            "utilisation" => Read::Utilisation,
            "used" => Read::Used,
            other => return Err(Error::invalid("reading of a metric", other, "utilisation or used")),
        };
        Ok(Metric { name: MetricName::new(name)?, read })
    }
}

impl FromStr for Metrics {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        text.split(',').map(|metric| metric.trim().parse()).collect::<Result<_, _>>().and_then(Metrics::new)
    }
}

serde_as_text!(MetricName);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_survive_their_text_and_their_json() {
        let metrics: Metrics = "cpu, ram=used,disk=utilisation".parse().unwrap();
        assert_eq!(metrics.to_string(), "cpu,ram=used,disk");
        let json = serde_json::to_string(&metrics).unwrap();
        assert!(json.starts_with(r#"[{"name":"cpu","read":"utilisation"},{"name":"ram","read":"used"}"#), "{json}");
        assert_eq!(serde_json::from_str::<Metrics>(&json).unwrap(), metrics);
        assert_eq!("cpu,ram,disk".parse(), Ok(Metrics::default()));
    }

    #[test]
    fn what_cannot_be_a_column_is_refused() {
        let nine = (0..9).map(|i| format!("m{i}")).collect::<Vec<_>>().join(",");
        for text in
            ["", "cpu,cpu", "CPU", "1a", "time", "ts", "msg_num", "max_cpu", "cpu_mean", "cpu=free", "a,,b", &nine]
        {
            assert!(text.parse::<Metrics>().is_err(), "{text}");
        }
        assert!(serde_json::from_str::<Metrics>("[]").is_err());
    }
}
