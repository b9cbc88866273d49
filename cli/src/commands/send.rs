//! `client load`, `client sample`, `client replay`: sends, shows how far it is, and says what it came to.

use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use client::{
    Credentials, LoadOptions, LoadReport, Progress as Counters, ReplayOptions, ReplayReport, SampleOptions, Tls,
    TlsFault, TlsFiles, load, replay, sample,
};
use schema::{ClientId, Micros, Secret, ServiceName};
use storage::{Clock, WallClock};
use tokio_util::sync::CancellationToken;

use super::print;
use crate::advice::Advice;
use crate::flags::{ClientCommand, LoadArgs, ProofArgs, ReplayArgs, SampleArgs};
use crate::outcome::Outcome;
use crate::progress::{Progress, bytes, grouped, say};
use crate::signals::drain_on_signal;

/// Runs a `client` command. The first signal ends the sending and waits for what was sent.
pub(super) async fn run(command: ClientCommand) -> Result<Outcome> {
    let token = drain_on_signal()?;
    let sent = match command {
        ClientCommand::Load(args) => send_load(args, token).await,
        ClientCommand::Sample(args) => send_sample(args, token).await,
        ClientCommand::Replay(args) => send_replay(args, token).await,
    };
    sent.map_err(advised)
}

async fn send_load(args: LoadArgs, token: CancellationToken) -> Result<Outcome> {
    let credentials = credentials(args.proof, &args.connect)?;
    // A token goes in the hello that begins a session.
    let ack = args.ack || credentials.token.is_some();
    let client = match (ack, args.client) {
        (true, Some(id)) => Some(ClientId::new(&id)?),
        (true, None) => {
            let id = ClientId::new(&format!("load-{:016x}", rand::random::<u64>()))?;
            // Without it nobody could go on as this client: never quiet.
            say(&format!("client {id}"));
            Some(id)
        }
        (false, _) => None,
    };
    let services = args.service.iter().map(|name| ServiceName::new(name));
    let options = LoadOptions {
        services: services.collect::<Result<_, _>>()?,
        messages: args.messages,
        duration: args.seconds.map(Duration::from_secs),
        rate: args.rate.map(|rate| rate as f64),
        connections: u64::from(args.connections),
        client,
        seed: args.seed,
        credentials,
        ..LoadOptions::new(args.connect, now())
    };
    let (counters, total) = (Arc::clone(&options.progress), args.messages);
    let report = watched("load", load(options, token), |shown| {
        let sent = counters.sent();
        shown.at(sent, total, || told(&counters));
    })
    .await?;
    print(load_told(&report, ack).as_bytes())
}

async fn send_sample(args: SampleArgs, token: CancellationToken) -> Result<Outcome> {
    let options = SampleOptions {
        credentials: credentials(args.proof, &args.connect)?,
        peer: args.connect,
        service: ServiceName::new(&args.service)?,
        interval: args.interval.0,
        now: now(),
        progress: Arc::default(),
    };
    let counters = Arc::clone(&options.progress);
    watched("sample", sample(options, token), |shown| shown.at(counters.sent(), None, || told(&counters))).await?;
    print(format!("{} samples sent\n", grouped(counters.sent())).as_bytes())
}

async fn send_replay(args: ReplayArgs, token: CancellationToken) -> Result<Outcome> {
    let lengths = args.files.iter().map(|file| std::fs::metadata(file).ok().map(|found| found.len()));
    let total = lengths.sum::<Option<u64>>();
    let credentials = credentials(args.proof, &args.connect)?;
    let options = ReplayOptions {
        speed: args.speed,
        ack: args.ack || credentials.token.is_some(),
        client: args.client.map(|id| ClientId::new(&id)).transpose()?,
        credentials,
        ..ReplayOptions::new(args.connect, args.files)
    };
    let counters = Arc::clone(&options.progress);
    let report = watched("replay", replay(options, token), |shown| {
        let read = counters.bytes();
        shown.at(read, total, || format!("{} read, {}", bytes(read), told(&counters)));
    })
    .await?;
    print(replay_told(&report).as_bytes())
}

/// What the monitor at `peer` is shown.
fn credentials(proof: ProofArgs, peer: &str) -> Result<Credentials> {
    let read = |path: &Path| std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()));
    let token = proof.token_file.as_deref().map(read).transpose()?.map(|text| Secret::new(text.trim()));
    let files = TlsFiles { ca: proof.ca, own: proof.certificate.zip(proof.key), server_name: proof.server_name };
    let tls = proof.tls.then(|| Tls::read(&files, peer)).transpose()?;
    Ok(Credentials { token, tls })
}

/// Awaits `work` while showing how far it is.
async fn watched<T>(what: &'static str, work: impl Future<Output = T>, mut show: impl FnMut(&mut Progress)) -> T {
    let mut shown = Progress::start(what);
    let mut look = tokio::time::interval(Duration::from_millis(100));
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return done,
            _ = look.tick() => show(&mut shown),
        }
    }
}

fn told(counters: &Counters) -> String {
    let (sent, acked) = (counters.sent(), counters.acked());
    match acked {
        0 => format!("{} sent", grouped(sent)),
        _ => format!("{} sent, {} acknowledged", grouped(sent), grouped(acked)),
    }
}

fn load_told(report: &LoadReport, acks: bool) -> String {
    let seconds = report.elapsed.as_secs_f64();
    let rate = grouped((report.sent as f64 / seconds.max(1e-9)) as u64);
    let mut text = format!("{} messages sent in {seconds:.2} s, {rate} a second", grouped(report.sent));
    if acks {
        let latency = |percent| report.latency.percentile(percent).as_secs_f64() * 1e3;
        text += &format!(
            "; {} acknowledged, {} rejected, {} reconnects; latency p50 {:.2} ms, p99 {:.2} ms",
            grouped(report.acked),
            grouped(report.rejected),
            report.reconnects,
            latency(50.0),
            latency(99.0),
        );
    }
    text + "\n"
}

fn replay_told(report: &ReplayReport) -> String {
    let mut text = format!("{} lines sent in {:.2} s", grouped(report.sent), report.elapsed.as_secs_f64());
    if let Some(client) = &report.client {
        let (acked, rejected) = (grouped(report.session.acked), grouped(report.session.rejected));
        text += &format!("; as client {client}: {acked} acknowledged, {rejected} rejected");
        if report.skipped > 0 {
            text += &format!(", {} before them were durable already", grouped(report.skipped));
        }
    }
    text + "\n"
}

fn now() -> Arc<dyn Fn() -> Micros + Send + Sync> {
    let clock = WallClock::new();
    Arc::new(move || clock.now())
}

/// Says what to do about a peer that is not there.
fn advised(error: anyhow::Error) -> anyhow::Error {
    match error.downcast_ref::<client::ClientError>().map(client::ClientError::cause) {
        Some(client::ClientError::Connect { .. }) => {
            error.advise("is a monitor running there? `hourglass up --data DIR` starts one on 127.0.0.1:7070")
        }
        Some(client::ClientError::MonitorChanged { .. }) => {
            error.advise("use another --client id to send everything again to the monitor that answers now")
        }
        Some(client::ClientError::Sealed { .. }) => error.advise(
            "every line acknowledged as durable in the store counts; look for the others with `hourglass cat` before \
             you send them again, to another monitor and with another --client id",
        ),
        Some(client::ClientError::Tls { fault, .. }) => {
            let next = advised_tls(*fault);
            error.advise(next)
        }
        Some(client::ClientError::Option { key: "client", .. }) => {
            error.advise("name it with --client ID: the same input again, under the same id, goes on where it was")
        }
        _ => error,
    }
}

/// Says what to do where TLS does not come about.
fn advised_tls(fault: TlsFault) -> &'static str {
    match fault {
        TlsFault::Issuer => {
            "name who signed the monitor's certificate with --ca FILE; if you do, another machine may answer"
        }
        TlsFault::Name => {
            "connect to a name that the monitor's certificate has, or say which one it has with --server-name NAME"
        }
        TlsFault::Time => "renew the monitor's certificate (tls.certificate), or set this machine's clock",
        TlsFault::Own => "the monitor wants --certificate FILE --key FILE, signed by its tls.client_ca",
        TlsFault::Encrypted => "add --tls, and --ca FILE for a certificate that this system does not trust",
        TlsFault::Plain => "leave out --tls, or start the monitor with --tls-certificate and --tls-key",
        _ => "the monitor's log may say more",
    }
}
