//! The settings that are nouns of hourglass: a monitor's id, the metrics, what an ack promises, a schedule, a time
//! zone.

use std::fmt;

use chrono_tz::Tz;
use monitor::AckAfter;
use schema::{MAX_METRICS, Metrics, MonitorId};

use super::setting::Setting;

impl Setting for MonitorId {
    const PLACEHOLDER: &'static str = "NAME";

    fn read(text: &str) -> Result<Self, String> {
        Self::new(text).map_err(|_| "it is no monitor id".into())
    }

    fn allowed() -> String {
        "1 to 64 ASCII letters, digits, '-', '_' and '.', not starting with '.' or 'import-'".into()
    }
}

impl Setting for Metrics {
    const PLACEHOLDER: &'static str = "LIST";

    fn read(text: &str) -> Result<Self, String> {
        text.parse().map_err(|error: schema::Error| error.to_string())
    }

    fn allowed() -> String {
        format!("1 to {MAX_METRICS} names in lower case, each NAME, NAME=utilisation or NAME=used")
    }
}

impl Setting for Tz {
    const PLACEHOLDER: &'static str = "ZONE";

    fn read(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| "it is no time zone".into())
    }

    fn allowed() -> String {
        "an IANA name, as in UTC or Europe/Berlin".into()
    }
}

/// Where a line is durable when it is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AckPoint(pub(crate) AckAfter);

impl fmt::Display for AckPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Setting for AckPoint {
    const PLACEHOLDER: &'static str = "WHERE";

    fn read(text: &str) -> Result<Self, String> {
        let points = [AckAfter::Local, AckAfter::Store];
        points.into_iter().find(|point| point.to_string() == text).map(Self).ok_or_else(|| "it is neither".into())
    }

    fn allowed() -> String {
        "local or store".into()
    }
}

/// A schedule in the form people write it; the zone it is read in is a key of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cron(pub(crate) String);

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Setting for Cron {
    const PLACEHOLDER: &'static str = "CRON";

    fn read(text: &str) -> Result<Self, String> {
        scheduler::Schedule::parse(text, "UTC").map(|_| Self(text.to_owned())).map_err(|error| match error {
            scheduler::SchedulerError::Pattern { reason, .. } => reason,
            other => other.to_string(),
        })
    }

    fn allowed() -> String {
        "five cron fields as in \"0 * * * *\", six with seconds first, or @hourly, @daily, ...".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_metrics_schedules_and_zones_are_checked() {
        assert!(Metrics::read("cpu=utilisation, ram=used,disk").is_ok());
        assert!(Metrics::read("cpu,cpu").is_err());
        assert!(Cron::read("*/10 * * * * *").is_ok());
        assert!(Cron::read("@hourly").is_ok());
        assert_eq!(AckPoint::read("store"), Ok(AckPoint(AckAfter::Store)));
        assert!(AckPoint::read("Store").is_err());
        assert!(Cron::read("whenever").is_err());
        assert!(Tz::read("Europe/Berlin").is_ok());
        assert!(Tz::read("Mars/Olympus").is_err());
        for refused in ["import-7", ".x"] {
            let why = MonitorId::read(refused).unwrap_err();
            assert!(!why.contains("not starting"), "what is allowed is said once, behind it: {why}");
        }
        assert!(<MonitorId as Setting>::allowed().contains("not starting with '.' or 'import-'"));
    }
}
