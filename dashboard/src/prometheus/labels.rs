//! Labels: what tells one series from another, and how series are grouped by them.
//!
//! What must hold: `__name__` and `service` are all the labels there are; another label is everywhere absent, and an
//! absent label is an empty one, as in Prometheus.

use std::fmt;
use std::sync::Arc;

/// The label that holds a series' name.
pub(super) const NAME: &str = "__name__";
/// The label that holds whose messages they are.
pub(super) const SERVICE: &str = "service";

/// A series' labels. They sort by name, then service.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Labels {
    /// `__name__`; most functions drop it.
    pub(super) name: Option<Arc<str>>,
    /// `service`; an aggregation may drop it.
    pub(super) service: Option<Arc<str>>,
}

/// Which labels count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Grouping {
    /// `by (…)`, `on (…)`: these alone.
    By(Vec<String>),
    /// `without (…)`, `ignoring (…)`: all but these and the name.
    Without(Vec<String>),
}

impl Labels {
    /// Without the name.
    pub(super) fn nameless(&self) -> Self {
        Self { name: None, service: self.service.clone() }
    }

    /// Each label there is, with its value, sorted.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let name = self.name.as_deref().map(|name| (NAME, name));
        name.into_iter().chain(self.service.as_deref().map(|service| (SERVICE, service)))
    }
}

impl Grouping {
    /// What is left of `labels`.
    pub(super) fn of(&self, labels: &Labels) -> Labels {
        let kept = |label: &str| match self {
            Self::By(listed) => listed.iter().any(|one| one == label),
            Self::Without(listed) => label != NAME && !listed.iter().any(|one| one == label),
        };
        let keep = |label, value: &Option<Arc<str>>| value.clone().filter(|_| kept(label));
        Labels { name: keep(NAME, &labels.name), service: keep(SERVICE, &labels.service) }
    }
}

impl fmt::Display for Labels {
    /// As Prometheus writes them: `{service="a"}`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pairs: Vec<String> = self.pairs().map(|(label, value)| format!("{label}={value:?}")).collect();
        write!(f, "{{{}}}", pairs.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grouping_keeps_what_it_lists_or_drops_it_with_the_name() {
        let labels = Labels { name: Some("n".into()), service: Some("s".into()) };
        let by =
            |listed: &[&str]| Grouping::By(listed.iter().map(ToString::to_string).collect()).of(&labels).to_string();
        let without = |listed: &[&str]| {
            Grouping::Without(listed.iter().map(ToString::to_string).collect()).of(&labels).to_string()
        };
        assert_eq!(by(&[]), "{}");
        assert_eq!(by(&["job", "service"]), "{service=\"s\"}");
        assert_eq!(by(&["__name__", "service"]), "{__name__=\"n\", service=\"s\"}");
        assert_eq!(without(&[]), "{service=\"s\"}");
        assert_eq!(without(&["service"]), "{}");
    }
}
