//! `demo`: every role in one process, four services over real TCP, an hour compressed to ten seconds; then the answer,
//! and its verification. It ends well only if nothing differs; before a person it first goes on serving the dashboard,
//! with this machine as the one service that lives.

mod feed;
mod watch;

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use views::{Every, Query, Verify, View};

use super::verify;
use crate::answer;
use crate::config::{Config, Settings, key};
use crate::flags::{DemoArgs, Format};
use crate::folder::not_made;
use crate::open::Place;
use crate::outcome::Outcome;
use crate::progress::note;
use crate::roles::{Roles, Running};
use crate::signals::drain_on_signal;
use crate::stdout::Stdout;
use feed::{Film, MACHINE, SERVICES};
use watch::Watch;

/// What the demo sets; everything else has its default. An hour is ten seconds, so the hourly tick comes every ten.
const KEYS: [(&str, &str); 7] = [
    ("listen.address", "127.0.0.1:0"),
    ("http.address", "127.0.0.1:0"),
    ("schedule.cron", "*/10 * * * * *"),
    ("refresh.every", "1s"),
    ("upload.every", "1s"),
    ("rebuild.wait", "5s"),
    ("id", "demo"),
];
/// The time that the generated services live through in a second.
const FASTER: u32 = 360;
/// Rebuilds before it is enough, whatever the time.
const REBUILDS: u64 = 3;

/// Runs the demo.
pub(super) async fn run(args: DemoArgs) -> Result<Outcome> {
    let stop = drain_on_signal()?;
    let (data, _until_the_end) = folder(args.data)?;
    let settings = settings(&data)?;
    let place = Place::existing_or_new(&settings).await.map_err(not_made)?;
    let running = Running::start(&place, &settings, Roles::All, stop.clone()).await?;
    let address = running.address.context("the monitor has no address")?;
    note(&format!("listening on {address}, data in {}; an hour takes 10 s", data.display()));
    let dashboard = running.http.map(|http| format!("http://{http}")).unwrap_or_default();
    note(&format!("dashboard at {dashboard}"));

    let fed = feed_and_watch(&place, &running, address, args.seconds, &stop).await;
    let outcome = match fed {
        Ok(()) if stop.is_cancelled() => Err(anyhow!("stopped before anything was verified")),
        Ok(()) => answer_and_verify(&place, args.seconds).await,
        Err(error) => Err(error),
    };
    if outcome.is_ok() && args.stay.unwrap_or_else(|| std::io::stdout().is_terminal()) {
        note(&format!("goes on, with this machine's own figures: {dashboard}; Ctrl-C ends it"));
        feed::watch_machine(address, place.clock.clone(), stop.clone())?.await?;
    }
    running.drain().await?;
    outcome
}

/// The folder asked for, else a temporary one that goes with the value returned beside it.
fn folder(asked: Option<PathBuf>) -> Result<(PathBuf, Option<tempfile::TempDir>)> {
    match asked {
        Some(data) => Ok((data, None)),
        None => {
            let folder = tempfile::Builder::new().prefix("hourglass-demo-").tempdir();
            let folder = folder.context("cannot make a temporary folder")?;
            Ok((folder.path().to_owned(), Some(folder)))
        }
    }
}

fn settings(data: &std::path::Path) -> Result<Settings> {
    let data = data.to_str().context("the folder's name is not UTF-8")?;
    let set = KEYS.into_iter().chain([("data", data)]);
    let set: Vec<_> = set.filter_map(|(name, text)| Some((key(name)?, text.to_owned()))).collect();
    Config::layer(&set, |_| None, None)?.settings()
}

/// Lets the services send for so many seconds, and on until enough was rebuilt; shows what happens.
async fn feed_and_watch(
    place: &Place,
    running: &Running,
    address: SocketAddr,
    seconds: u64,
    stop: &CancellationToken,
) -> Result<()> {
    let takes = Duration::from_secs(seconds);
    let span = takes * FASTER;
    let ends = place.clock.now().saturating_add(micros(takes));
    let film = Film { start: ends.saturating_add(-micros(span)), span, takes };

    let (mut generated, enough) = (JoinSet::new(), stop.child_token());
    for which in 0..SERVICES.len() {
        generated.spawn(feed::play(address, which, film, stop.clone()));
    }
    let machine = tokio::spawn(feed::watch_machine(address, place.clock.clone(), enough.clone())?);
    let mut watch = Watch::new(place, running)?;
    watch
        .until(|watch| generated.try_join_next().is_none() && generated.is_empty() && watch.rebuilt() >= REBUILDS, stop)
        .await;
    enough.cancel();
    machine.await??;
    while let Some(ended) = generated.join_next().await {
        ended??;
    }
    watch.finish();
    Ok(())
}

/// Prints the answer, verifies it, and says so in one line.
async fn answer_and_verify(place: &Place, seconds: u64) -> Result<Outcome> {
    let now = place.clock.now();
    let film = Query {
        from: now.saturating_add(-micros(Duration::from_secs(seconds) * FASTER)),
        to: now,
        every: Every::Hour,
        view: View::Merged,
        ..Query::everything()
    };
    let answered = views::query(&place.reader(), &film).await?;
    let mut out = Stdout::new();
    answer::write(&mut out, &answered, View::Merged, Format::Table, chrono_tz::Tz::UTC)?;
    std::io::Write::write_all(&mut out, b"\n")?;
    out.finish()?;
    let machine = answered.rows.iter().any(|row| row.service.as_str() == MACHINE);
    ensure!(machine, "this machine's samples are not in the answer");
    let verdict = verify::verify(place, Verify::of(Query::everything())).await?;
    verify::report(&verdict)
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
