//! A client of the acknowledgement protocol, written from its description.

use std::io::{BufRead, BufReader, BufWriter, Write};
use std::net::{SocketAddr, TcpStream};

use super::DEADLINE;

/// A message that carries its own number: unknown keys are kept in the log.
pub fn message(service: &str, time_micros: u64, n: u64) -> String {
    let cpu = n % 100;
    format!(
        "{{\"serviceName\":\"{service}\",\"Timestamp\":{time_micros},\"CPU\":0.{cpu:02},\
         \"RAM\":{{\"Total\":16.0,\"Free\":7.2}},\"Disk\":{{\"Total\":512.0,\"Free\":100.1}},\"n\":{n}}}"
    )
}

/// One connection with acks.
#[derive(Debug)]
pub struct AckingClient {
    reader: BufReader<TcpStream>,
    writer: BufWriter<TcpStream>,
    /// Lines durably consumed when the connection was made.
    pub resume: u64,
    /// The highest acknowledged line.
    pub acked: u64,
    /// Lines reported as rejected, with the reason.
    pub rejected: Vec<(u64, String)>,
}

impl AckingClient {
    /// Connects and says hello; `None` when nobody (still) answers.
    pub fn connect(address: SocketAddr, id: &str) -> Option<Self> {
        let stream = TcpStream::connect(address).ok()?;
        stream.set_nodelay(true).ok()?;
        stream.set_read_timeout(Some(DEADLINE)).ok()?;
        let mut client = Self {
            reader: BufReader::new(stream.try_clone().ok()?),
            writer: BufWriter::new(stream),
            resume: 0,
            acked: 0,
            rejected: Vec::new(),
        };
        writeln!(client.writer, "{{\"hourglass\":{{\"version\":1,\"client\":\"{id}\"}}}}").ok()?;
        client.writer.flush().ok()?;
        let welcome = client.frame()?;
        client.resume = welcome["hourglass"]["resume"].as_u64().unwrap_or_else(|| panic!("{welcome}"));
        client.acked = client.resume;
        Some(client)
    }

    /// Says hello with a token; an error is what the monitor said instead of a welcome.
    pub fn greet(address: SocketAddr, id: &str, token: &str) -> Result<Self, String> {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let (reader, writer) = (BufReader::new(stream.try_clone().unwrap()), BufWriter::new(stream));
        let mut client = Self { reader, writer, resume: 0, acked: 0, rejected: Vec::new() };
        writeln!(client.writer, "{{\"hourglass\":{{\"version\":1,\"client\":\"{id}\",\"token\":\"{token}\"}}}}")
            .unwrap();
        client.writer.flush().unwrap();
        let answer = client.frame().ok_or("no answer")?;
        client.resume = answer["hourglass"]["resume"].as_u64().ok_or_else(|| answer["error"].to_string())?;
        client.acked = client.resume;
        Ok(client)
    }

    /// Sends lines; false when the connection is gone.
    pub fn send<'a>(&mut self, lines: impl IntoIterator<Item = &'a str>) -> bool {
        let sent = lines.into_iter().try_for_each(|line| {
            self.writer.write_all(line.as_bytes())?;
            self.writer.write_all(b"\n")
        });
        sent.and_then(|()| self.writer.flush()).is_ok()
    }

    /// Reads frames until line `n` is acknowledged; false when the connection ends before.
    pub fn await_ack(&mut self, n: u64) -> bool {
        while self.acked < n {
            if !self.take_frame() {
                return false;
            }
        }
        true
    }

    /// Reads one ack or reject; false when the connection has ended.
    pub fn take_frame(&mut self) -> bool {
        let Some(frame) = self.frame() else { return false };
        if let Some(n) = frame["ack"].as_u64() {
            assert!(n >= self.acked, "acks never go back: {n} after {}", self.acked);
            self.acked = n;
        } else if let Some(line) = frame["reject"]["line"].as_u64() {
            assert!(line > self.acked, "a reject comes before the ack that covers it");
            self.rejected.push((line, frame["reject"]["reason"].as_str().unwrap().to_owned()));
        } else {
            panic!("neither ack nor reject: {frame}");
        }
        true
    }

    fn frame(&mut self) -> Option<serde_json::Value> {
        let mut line = String::new();
        match self.reader.read_line(&mut line) {
            // A port that was given up may be another program's by now.
            Ok(1..) if !line.starts_with('{') => {
                eprintln!("no monitor says {line:?}");
                None
            }
            Ok(1..) if line.ends_with('\n') => Some(serde_json::from_str(&line).unwrap()),
            _ => None,
        }
    }
}
