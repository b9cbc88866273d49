//! Seals: how the log of a monitor that is gone for good comes to its end, and another machine takes its id.
//!
//! # Format
//! Sealed documents ([`storage::sealed`]) beside the claim `monitors/<id>/<k:06>.json`, each created only if absent:
//! - `<k:06>.fence.json`: `{"id":"<monitor id>","k":k,"time":<us>}`: from now on incarnation k changes nothing any
//!   more. It looks for it after each append is durable, before it acknowledges or publishes.
//! - `<k:06>.final.json`: the same and `"generation":g,"seq":s`: its last generation, and the first log file that is
//!   none of its.
//!
//! # Sealing
//! The fence comes first. Then every file above the newest cut is settled in the store, which takes the lease of a
//! writer that is still at it, and read up to its last whole line; the cut that names them ends the last generation.
//! Had the monitor published that very cut meanwhile, its was first, and sealing goes on above it: it finds the fence
//! before it publishes another one. The last cut says that it is one, so of any number who seal one makes it.
//!
//! What must hold: every line that is whole in the store when the fence is there is below the final cut, so nothing
//! that was acknowledged as durable in the store is lost; the next incarnation begins above it. Bytes that a fenced
//! monitor's last append adds later were not acknowledged, and are in no cut. Interrupted anywhere, sealing again goes
//! on where it was.

use bytes::Bytes;
use schema::{Generation, Incarnation, Metrics, Micros, MonitorId, Next, Parser, Position, Rejects, Source};
use serde::{Deserialize, Serialize};
use storage::layout::{self, DatedName};
use storage::{Created, Key, Listed, Store, StoreError, sealed};

use crate::cut::{Cut, DatedFile};
use crate::error::LogError;
use crate::files::FileSummary;
use crate::identity::{Claim, newest_claim};

/// Read of the store at a time.
const CHUNK: u64 = 4 << 20;

/// How the log of one incarnation ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Final {
    /// The monitor's name.
    pub id: MonitorId,
    /// Which of its incarnations.
    pub k: u64,
    /// When it was sealed.
    pub time: Micros,
    /// Its last generation.
    pub generation: Generation,
    /// The first log file above its last one.
    pub seq: u64,
}

/// A monitor as the store knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Its name.
    pub id: MonitorId,
    /// Who holds the name, or held it last.
    pub incarnation: Incarnation,
    /// Which of the name's incarnations that is.
    pub k: u64,
    /// Since when.
    pub claimed: Micros,
    /// The newest generation that is whole in the store, and when it ended.
    pub cut: Option<(Generation, Micros)>,
    /// Whether it must not change anything any more.
    pub fenced: bool,
    /// How it ended, once it is sealed.
    pub ended: Option<Final>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fence {
    id: MonitorId,
    k: u64,
    time: Micros,
}

/// Whether incarnation `k` must not change anything any more.
///
/// # Errors
/// [`LogError::Store`].
pub async fn is_fenced(store: &dyn Store, id: &MonitorId, k: u64) -> Result<bool, LogError> {
    Ok(store.length(&layout::fence(id, k)).await?.is_some())
}

/// How incarnation `k` ended; `None` while it has not.
///
/// # Errors
/// [`LogError::Store`], [`LogError::Document`].
pub async fn final_of(store: &dyn Store, id: &MonitorId, k: u64) -> Result<Option<Final>, LogError> {
    let key = layout::final_(id, k);
    match store.read(&key).await {
        Ok(bytes) => {
            let unreadable = |source| LogError::Document { key: key.to_string(), source };
            sealed::open(&bytes).map(Some).map_err(unreadable)
        }
        Err(StoreError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Every monitor that ever claimed its id, by name.
///
/// # Errors
/// [`LogError::Store`], [`LogError::Document`].
pub async fn known(store: &dyn Store) -> Result<Vec<Known>, LogError> {
    let mut known = Vec::new();
    for name in store.list_folders(&layout::monitors()).await? {
        let Ok(id) = MonitorId::new(&name) else { continue };
        let Some(Claim { incarnation, k, time, .. }) = newest_claim(store, &id).await? else { continue };
        known.push(Known {
            cut: newest_cut(store, &id).await?.map(|cut| (cut.generation, cut.tick)),
            fenced: is_fenced(store, &id, k).await?,
            ended: final_of(store, &id, k).await?,
            id,
            incarnation,
            k,
            claimed: time,
        });
    }
    known.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(known)
}

/// Seals the newest incarnation of a monitor that will never start again. Sealing again tells the same.
///
/// # Errors
/// [`LogError::NoMonitor`] where nobody ever claimed the id, [`LogError::Store`], [`LogError::Document`],
/// [`LogError::DatedFile`] when a file holds what no monitor writes.
pub async fn seal(store: &dyn Store, id: &MonitorId, metrics: &Metrics, now: Micros) -> Result<Final, LogError> {
    let Some(claim) = newest_claim(store, id).await? else { return Err(LogError::NoMonitor { id: id.to_string() }) };
    if let Some(ended) = final_of(store, id, claim.k).await? {
        return Ok(ended);
    }
    create(store, &layout::fence(id, claim.k), &Fence { id: id.clone(), k: claim.k, time: now }).await?;
    let (generation, seq) = loop {
        let newest = newest_cut(store, id).await?;
        // Of two who seal at once, or after an interruption: the last cut is there.
        if let Some(last) = newest.as_ref().filter(|cut| cut.sealed && cut.incarnation == Some(claim.incarnation)) {
            break (last.generation, last.position.seq);
        }
        if let Some(ended) = final_of(store, id, claim.k).await? {
            return Ok(ended);
        }
        let cut = last_cut(store, id, &claim, newest.as_ref(), metrics, now).await?;
        if store.create(&cut.key(), cut.seal()?.into()).await? == Created::Created {
            break (cut.generation, cut.position.seq);
        }
    };
    let ended = Final { id: id.clone(), k: claim.k, time: now, generation, seq };
    create(store, &layout::final_(id, claim.k), &ended).await?;
    // Of two who seal at once the first one's counts.
    Ok(final_of(store, id, claim.k).await?.unwrap_or(ended))
}

async fn create<T: Serialize>(store: &dyn Store, key: &Key, document: &T) -> Result<(), LogError> {
    let bytes = sealed::seal(document).map_err(|source| LogError::Document { key: key.to_string(), source })?;
    match store.create(key, bytes.into()).await {
        Ok(Created::Created | Created::Exists) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

async fn newest_cut(store: &dyn Store, id: &MonitorId) -> Result<Option<Cut>, LogError> {
    let source = Source::Monitor(id.clone());
    let Some(newest) = Cut::newest(store, &source).await? else { return Ok(None) };
    let key = layout::cut(&source, newest);
    Cut::open(&key, &store.read(&key).await?).map(Some)
}

/// The cut that ends the generation above `newest`: all that the store has above that one.
async fn last_cut(
    store: &dyn Store,
    id: &MonitorId,
    claim: &Claim,
    newest: Option<&Cut>,
    metrics: &Metrics,
    now: Micros,
) -> Result<Cut, LogError> {
    let mut last = newest.map_or(0, |cut| cut.position.seq - 1);
    let mut files = Vec::new();
    for (seq, listed) in files_from(store, id, last + 1).await? {
        files.extend(settled(store, seq, &listed, metrics).await?);
        last = seq;
    }
    // An append that was on its way when the fence came may still begin one more file.
    let end = last + 2;
    Ok(Cut {
        version: Cut::VERSION,
        source: Source::Monitor(id.clone()),
        incarnation: Some(claim.incarnation),
        generation: newest.map_or(Generation::new(1), |cut| cut.generation.next()),
        tick: now,
        position: Position::new(end, 0),
        withdrawn: false,
        sealed: true,
        rejected: Rejects::NONE,
        files,
    })
}

/// The monitor's files of that number and above, in order.
async fn files_from(store: &dyn Store, monitor: &MonitorId, first: u64) -> Result<Vec<(u64, Listed)>, LogError> {
    let listed = store.list(&layout::master()).await?;
    let ours = listed.into_iter().filter_map(|file| match layout::parse_dated(&file.key) {
        Some((_, DatedName::Log { id, seq })) if id == *monitor && seq >= first => Some((seq, file)),
        _ => None,
    });
    let mut files: Vec<_> = ours.collect();
    files.sort();
    Ok(files)
}

/// A file up to its last whole line, once nobody writes it any more; `None` if it has none.
async fn settled(
    store: &dyn Store,
    seq: u64,
    listed: &Listed,
    metrics: &Metrics,
) -> Result<Option<DatedFile>, LogError> {
    let length = match store.append(&listed.key, listed.len, Bytes::new()).await {
        Ok(()) => listed.len,
        Err(StoreError::WrongLength { found, .. }) => found,
        Err(error) => return Err(error.into()),
    };
    let Some((date, name)) = layout::parse_dated(&listed.key) else { return Ok(None) };
    let mut summary =
        FileSummary { seq, date, length: 0, crc32c: 0, messages: 0, least: Micros::MAX, greatest: Micros::MIN };
    let (mut parser, mut rest, mut at) = (Parser::new(metrics), Vec::new(), 0);
    while at < length {
        let to = length.min(at + CHUNK);
        rest.extend_from_slice(&store.read_range(&listed.key, at..to).await?);
        let whole = rest.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
        count(&mut summary, &mut parser, &rest[..whole])
            .map_err(|problem| LogError::DatedFile { key: listed.key.to_string(), problem })?;
        rest.drain(..whole);
        at = to;
    }
    Ok((summary.messages > 0).then(|| DatedFile::new(&summary, &name)))
}

/// Adds whole lines to what is known of a file.
fn count(summary: &mut FileSummary, parser: &mut Parser, lines: &[u8]) -> Result<(), String> {
    let mut at = 0;
    while at < lines.len() {
        match parser.next(&lines[at..]) {
            Next::Message { message, end, .. } => {
                summary.messages += 1;
                summary.least = summary.least.min(message.time);
                summary.greatest = summary.greatest.max(message.time);
                at += end;
            }
            Next::EndOfLine { end } => at += end,
            Next::Reject { reason, .. } => {
                return Err(format!("{reason}, at byte {}", summary.length + at as u64));
            }
            Next::Incomplete => return Err(format!("half a message at byte {}", summary.length + at as u64)),
        }
    }
    summary.length += lines.len() as u64;
    summary.crc32c = crc32c::crc32c_append(summary.crc32c, lines);
    Ok(())
}
