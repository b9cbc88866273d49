//! What the system knows of this process, under the names that Prometheus' own clients give it. Only where there is a
//! `/proc`; elsewhere all but the start is left out.

use std::fmt;
use std::fs;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use schema::Micros;

use super::{gauge, seconds};

/// Linux counts a process' time for programs in hundredths, whatever its own tick.
const USER_HZ: f64 = 100.0;

/// This process.
#[derive(Debug)]
pub(super) struct Process {
    /// When it began.
    pub(super) begun: Micros,
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let encoder = &mut encoder;
        gauge(encoder, "process_start_time_seconds", "When this process began.", seconds(self.begun))?;
        if let Some(seconds) = fs::read_to_string("/proc/self/stat").ok().as_deref().and_then(cpu_seconds) {
            let help = "Processor time used.";
            let cpu = encoder.encode_descriptor("process_cpu_seconds", help, None, MetricType::Counter)?;
            ConstCounter::new(seconds).encode(cpu)?;
        }
        if let Some(bytes) = fs::read_to_string("/proc/self/status").ok().as_deref().and_then(resident_bytes) {
            gauge(encoder, "process_resident_memory_bytes", "Memory resident.", bytes)?;
        }
        if let Ok(open) = fs::read_dir("/proc/self/fd") {
            // One of them is this reading itself.
            let open = open.count().saturating_sub(1);
            gauge(encoder, "process_open_fds", "File descriptors open.", open as f64)?;
        }
        Ok(())
    }
}

/// User and system time: the 12th and 13th field behind the name, which is in parentheses and may hold any byte.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut times = fields.split_whitespace().skip(11).map(str::parse::<f64>);
    Some((times.next()?.ok()? + times.next()?.ok()?) / USER_HZ)
}

fn resident_bytes(status: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_spaces_and_parentheses_hides_nothing() {
        let stat = "42 (a) b) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20 0 7 0 100";
        assert_eq!(cpu_seconds(stat), Some(2.0));
        assert_eq!(resident_bytes("VmPeak: 9 kB\nVmRSS:\t  2048 kB\n"), Some(2048.0 * 1024.0));
    }
}
