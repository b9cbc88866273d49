//! What a process counts and times beside what its crates do, for Prometheus: itself, its refresh, what is overdue.
//!
//! One registry a process, made here and handed on: nothing is global.

mod overdue;
mod process;
mod refresh;

use std::fmt;
use std::sync::Arc;

use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use schema::Micros;
use storage::Clock;

pub(crate) use overdue::Overdue;
pub(crate) use refresh::{Freshness, RefreshInstruments};

/// A registry with what every process has.
pub(crate) fn registry(clock: &Arc<dyn Clock>) -> Registry {
    let mut registry = Registry::default();
    let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
    registry.register("hourglass_build", "Which hourglass this is", build);
    registry.register_collector(Box::new(process::Process { begun: clock.now() }));
    registry
}

/// Writes a gauge of this moment.
fn gauge(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: f64) -> fmt::Result {
    ConstGauge::new(value).encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)
}

/// A time in seconds since 1970.
fn seconds(time: Micros) -> f64 {
    time.get() as f64 / 1e6
}
