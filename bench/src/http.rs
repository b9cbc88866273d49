//! Answers over HTTP while 100 000 messages a second come in, with a year of four services stored; VictoriaMetrics'
//! beside them, which has the same minutes and stands on the same busy machine, but need not take the messages in.
//!
//! The load comes from `wrk`: sixteen connections that ask the same again and again, each answer computed anew as far
//! as messages came in between. VictoriaMetrics is given every minute's mean and maximum and count, seven series a
//! service, so that it need not aggregate; it is asked for the same minutes of the same service.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::data::{self, SERIES_END};
use crate::process::Server;
use crate::query;
use crate::report::{Report, Row, median};
use crate::workshop::Workshop;

const DAY: u64 = 24 * 3600;
/// Seconds that the tool asks, each time.
const SECONDS: u64 = 8;
/// How VictoriaMetrics reads an answer in CSV.
const COLUMNS: &str = "1:label:service,2:time:rfc3339,7:metric:cpu_max,9:metric:ram_max,11:metric:disk_max,\
                       12:metric:messages,13:metric:cpu_mean,14:metric:ram_mean,15:metric:disk_mean";

/// Four rows.
pub(crate) fn run(workshop: &Workshop, report: &mut Report) -> Result<()> {
    let (folder, days) = query::stored_year(workshop, "http")?;
    let peer = Peer::start(workshop, &folder)?;
    let up = Server::start(workshop.hourglass().args(["up", "--listen", "127.0.0.1:0", "--data"]).arg(&folder))?;
    let mut load = workshop.hourglass();
    load.args(["client", "load", "--rate", "100000", "--seconds", "100000", "--connections", "4", "--connect"]);
    let _load = Server::start_silent(load.arg(up.address()?))?;
    let mut dashboard = workshop.hourglass();
    dashboard.env("HOURGLASS_HTTP_ADDRESS", "127.0.0.1:0").args(["dashboard", "--data"]).arg(&folder);
    let dashboard = Server::start(&mut dashboard)?;
    let ours = |from, to, every| -> Result<String> {
        let (from, to) = (data::rfc3339(from)?, data::rfc3339(to)?);
        let address = dashboard.address()?;
        Ok(format!("{address}/api/v1/query?service={}&from={from}&to={to}&every={every}", data::FIRST_SERVICE))
    };
    let start = SERIES_END - days / 2 * DAY;
    let (day, year) = (ours(start, start + DAY, "1m")?, ours(SERIES_END - days * DAY, SERIES_END, "1h")?);
    let theirs = peer.range(start, start + DAY, 60, "%7Bservice%3D%22checkout%22%7D");

    let (mut days_asked, mut their_days, mut years_asked) = (Vec::new(), Vec::new(), Vec::new());
    for run in 0..=workshop.runs {
        let asked = (asked(&day)?, asked(&theirs)?, asked(&year)?);
        if run > 0 {
            days_asked.push(asked.0);
            their_days.push(asked.1);
            years_asked.push(asked.2);
        }
    }
    let of = |asked: &[Asked], figure: fn(&Asked) -> f64| median(&asked.iter().map(figure).collect::<Vec<_>>());
    let (each_second, their_each_second) = (of(&days_asked, Asked::each_second), of(&their_days, Asked::each_second));
    report.add(Row {
        work: "HTTP: one service, one day, every minute, 16 connections, while ingesting 100 000/s, p99",
        must: "20 ms",
        aim: "5 ms",
        reached: format!("{:.1} ms", of(&days_asked, Asked::p99) * 1e3),
        figures: format!("VictoriaMetrics {:.1} ms", of(&their_days, Asked::p99) * 1e3),
    });
    report.add(Row {
        work: "the same, requests a second against VictoriaMetrics' query_range",
        must: "1x",
        aim: "3x",
        reached: format!("{:.2}x", each_second / their_each_second),
        figures: format!("{each_second:.0}/s; {their_each_second:.0}/s"),
    });
    report.add(Row {
        work: "HTTP: one service, one year, every hour, 16 connections, p99",
        must: "100 ms",
        aim: "20 ms",
        reached: format!("{:.0} ms", of(&years_asked, Asked::p99) * 1e3),
        figures: format!("{:.0}/s", of(&years_asked, Asked::each_second)),
    });
    report.add(Row {
        work: "peak memory of the dashboard role in all that",
        must: "256 MB",
        aim: "96 MB",
        reached: format!("{:.0} MB", dashboard.peak_bytes()? as f64 / 1e6),
        figures: String::new(),
    });
    dashboard.stop()?;
    up.stop()
}

/// What the tool saw.
struct Asked {
    each_second: f64,
    p99: f64,
}

impl Asked {
    fn each_second(&self) -> f64 {
        self.each_second
    }

    fn p99(&self) -> f64 {
        self.p99
    }
}

/// Asks for an address with sixteen connections.
fn asked(address: &str) -> Result<Asked> {
    let seconds = format!("-d{SECONDS}s");
    let mut wrk = Command::new("wrk");
    let output = wrk.args(["-t2", "-c16", &seconds, "--latency", address]).output();
    let output = output.context("cannot start wrk: `apt-get install wrk`")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(output.status.success() && !text.contains("Non-2xx"), "{address}: {text}");
    let figure = |name: &str| text.lines().find_map(|line| line.trim().strip_prefix(name)).map(str::trim);
    let each_second = figure("Requests/sec:").and_then(|text| text.parse().ok());
    let p99 = figure("99%").and_then(seconds_of);
    Ok(Asked { each_second: each_second.context("no rate")?, p99: p99.context("no latency")? })
}

/// A time as wrk writes it: `534.18ms`.
fn seconds_of(text: &str) -> Option<f64> {
    let at = text.find(|c: char| c.is_alphabetic())?;
    let unit = match &text[at..] {
        "us" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        _ => return None,
    };
    text[..at].parse::<f64>().ok().map(|number| number * unit)
}

/// VictoriaMetrics with the same minutes.
struct Peer {
    _server: Server,
    address: String,
}

impl Peer {
    fn start(workshop: &Workshop, folder: &Path) -> Result<Self> {
        let data = workshop.fresh_folder("http-peer")?;
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
        let mut server = Command::new("victoria-metrics");
        server.arg("-storageDataPath").arg(&data).args(["-httpListenAddr", &address, "-retentionPeriod", "100y"]);
        let server = Server::start_silent(&mut server).context("`apt-get install victoria-metrics`")?;
        let peer = Self { _server: server, address: format!("http://{address}") };
        let minutes = workshop.scratch("http-minutes.csv");
        let mut all = workshop.hourglass();
        all.args(["query", "--every", "1m", "--format", "csv", "--from", "2000-01-01", "--data"]).arg(folder);
        let written = all.stdout(std::fs::File::create(&minutes)?).stderr(Stdio::null()).status()?;
        ensure!(written.success(), "the minutes cannot be written");
        let begun = Instant::now();
        while !curl(&[&format!("{}/health", peer.address)])? {
            ensure!(begun.elapsed() < Duration::from_secs(30), "VictoriaMetrics does not answer");
            std::thread::sleep(Duration::from_millis(50));
        }
        let import = format!("{}/api/v1/import/csv?format={COLUMNS}", peer.address);
        let file = minutes.to_str().context("a path")?;
        ensure!(curl(&["-X", "POST", "-T", file, &import])?, "VictoriaMetrics does not take the minutes");
        ensure!(curl(&[&format!("{}/internal/force_flush", peer.address)])?, "VictoriaMetrics does not flush");
        Ok(peer)
    }

    fn range(&self, start: u64, end: u64, step: u64, query: &str) -> String {
        let end = end - step;
        format!("{}/api/v1/query_range?query={query}&start={start}&end={end}&step={step}", self.address)
    }
}

/// Whether curl ended well.
fn curl(arguments: &[&str]) -> Result<bool> {
    let mut curl = Command::new("curl");
    curl.args(["-sS", "-f", "-o", "/dev/null"]).args(arguments).stderr(Stdio::null());
    Ok(curl.status().context("`apt-get install curl`")?.success())
}
