//! A monitor to test: a data folder, a real socket, and a client that speaks to it.

#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "shared by tests that each use a part"
)]

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hourglass_monitor::{Covered, Instruments, Monitor, MonitorError, Options, Status, World};
use log::Snapshot;
use parking_lot::Mutex;
use schema::{ClientId, Hello, Micros, MonitorId, Reject, ServerFrame, Welcome};
use storage::layout::DataFolder;
use storage::{Disk, FileStore, LocalDisk, ManualClock, Mode, Store};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio_util::sync::CancellationToken;

/// No condition may take longer.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// 2026-11-21T08:00:00Z
pub const NOW: i64 = 1_795_248_000_000_000;

pub struct Bed {
    pub options: Options,
    pub disk: Arc<dyn Disk>,
    pub store: Arc<dyn Store>,
    pub clock: Arc<ManualClock>,
    pub covered: Arc<Mutex<Option<Covered>>>,
    _temporary: Option<TempDir>,
}

pub struct Running {
    pub monitor: Monitor,
    pub stop: CancellationToken,
}

impl Bed {
    /// On the real disk, in a temporary folder.
    pub fn local() -> Self {
        let temporary = TempDir::new().unwrap();
        let mut bed = Self::on(Arc::new(LocalDisk::new()), temporary.path().join("data"));
        bed._temporary = Some(temporary);
        bed
    }

    pub fn on(disk: Arc<dyn Disk>, data: PathBuf) -> Self {
        let store = Arc::new(FileStore::new(Arc::clone(&disk), data.join("store")));
        let mut options = Options::new(data, MonitorId::new("m1").unwrap());
        options.listen_address = ([127, 0, 0, 1], 0).into();
        options.disk_reserve = 0;
        options.upload_every = Duration::from_millis(20);
        let clock = Arc::new(ManualClock::new(Micros::new(NOW).unwrap()));
        Self { options, disk, store, clock, covered: Arc::default(), _temporary: None }
    }

    pub async fn start(&self) -> Running {
        self.try_start().await.unwrap()
    }

    pub async fn try_start(&self) -> Result<Running, MonitorError> {
        let stop = CancellationToken::new();
        let covered = Arc::clone(&self.covered);
        let world = World {
            disk: Arc::clone(&self.disk),
            store: Arc::clone(&self.store),
            clock: Arc::clone(&self.clock) as Arc<dyn storage::Clock>,
            find_covered: Arc::new(move || {
                let covered = *covered.lock();
                Box::pin(async move { covered })
            }),
            instruments: Instruments::default(),
        };
        let monitor = Monitor::start(self.options.clone(), world, stop.clone()).await?;
        Ok(Running { monitor, stop })
    }

    pub fn folder(&self) -> DataFolder {
        DataFolder::new(&self.options.data)
    }

    pub fn snapshot(&self) -> Snapshot {
        Snapshot::read(&*self.disk, &self.folder(), None).unwrap().unwrap()
    }

    /// Every durable line of the day log, in order.
    pub fn log(&self) -> Vec<String> {
        let snapshot = self.snapshot();
        let mut bytes = Vec::new();
        for slice in snapshot.slices(snapshot.generations[0].start..snapshot.durable).unwrap() {
            bytes.extend(self.read(&slice.path)[slice.bytes.start as usize..slice.bytes.end as usize].to_vec());
        }
        String::from_utf8(bytes).unwrap().lines().map(str::to_owned).collect()
    }

    pub fn read(&self, path: &std::path::Path) -> Vec<u8> {
        let file = self.disk.open(path, Mode::Read).unwrap();
        let mut bytes = vec![0; file.len().unwrap() as usize];
        file.read_exact_at(&mut bytes, 0).unwrap();
        bytes
    }

    pub fn status(&self) -> Option<Status> {
        self.disk.length(&self.folder().status()).unwrap()?;
        serde_json::from_slice(&self.read(&self.folder().status())).ok()
    }
}

impl Running {
    pub async fn client(&self) -> Client {
        Client::connect(self.monitor.local_addr()).await
    }

    /// Waits until so many messages are durable.
    pub async fn durable(&self, messages: u64) {
        let mut progress = self.monitor.progress();
        soon("messages to be durable", progress.wait_for(|progress| progress.messages >= messages)).await.unwrap();
    }

    /// Waits until so many items have been rejected.
    pub async fn rejected(&self, items: u64) {
        let mut progress = self.monitor.progress();
        soon("rejects", progress.wait_for(|progress| progress.rejected.total() >= items)).await.unwrap();
    }

    pub async fn stop(self) -> Result<(), MonitorError> {
        self.stop.cancel();
        soon("the monitor to stop", self.monitor.wait()).await
    }
}

pub struct Client {
    pub reader: BufReader<OwnedReadHalf>,
    pub writer: OwnedWriteHalf,
}

impl Client {
    pub async fn connect(address: std::net::SocketAddr) -> Self {
        let (reader, writer) = TcpStream::connect(address).await.unwrap().into_split();
        Self { reader: BufReader::new(reader), writer }
    }

    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        soon("the monitor to take bytes", self.writer.write_all(bytes.as_ref())).await.unwrap();
    }

    pub async fn say_hello(&mut self, client: &str) {
        self.send(Hello::new(ClientId::new(client).unwrap()).encode()).await;
    }

    pub async fn hello(&mut self, client: &str) -> Welcome {
        self.say_hello(client).await;
        match self.frame().await {
            ServerFrame::Welcome(welcome) => welcome,
            other => panic!("{other:?} instead of a welcome"),
        }
    }

    pub async fn frame(&mut self) -> ServerFrame {
        let mut line = Vec::new();
        let read = soon("a frame", self.reader.read_until(b'\n', &mut line)).await.unwrap();
        assert!(read > 0, "the monitor closed the connection");
        ServerFrame::parse(&line).unwrap()
    }

    /// Reads until the ack of `line`; gives the rejects on the way.
    pub async fn acked(&mut self, line: u64) -> Vec<(u64, Reject)> {
        let mut rejects = Vec::new();
        loop {
            match self.frame().await {
                ServerFrame::Reject { line, reason } => rejects.push((line, reason)),
                ServerFrame::Ack(acked) if acked >= line => return rejects,
                ServerFrame::Ack(acked) => assert!(rejects.iter().all(|(line, _)| *line <= acked)),
                other => panic!("{other:?} instead of an ack"),
            }
        }
    }

    /// What the monitor still sends until it closes the connection.
    pub async fn rest(mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        // A reset closes it as well.
        let _ = soon("the connection to close", self.reader.read_to_end(&mut rest)).await;
        rest
    }
}

/// A message of `service`, the `n`-th.
pub fn message(service: &str, n: u64) -> String {
    let time = NOW / 1000 + n as i64;
    format!(
        r#"{{"serviceName":"{service}","Timestamp":{time},"CPU":0.{n:06},"RAM":{{"Total":16.0,"Free":7.2}},"Disk":{{"Total":512.0,"Free":100.1}}}}"#
    )
}

/// The messages of `service` in `range`, a line each.
pub fn lines(service: &str, range: std::ops::Range<u64>) -> String {
    range.map(|n| message(service, n) + "\n").collect()
}

pub async fn soon<F: Future>(what: &str, future: F) -> F::Output {
    tokio::time::timeout(DEADLINE, future).await.unwrap_or_else(|_| panic!("waited too long for {what}"))
}

/// Waits until `condition` holds.
pub async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    soon(what, async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
}

impl Bed {
    pub fn clock_now(&self) -> i64 {
        storage::Clock::now(&*self.clock).get()
    }
}
