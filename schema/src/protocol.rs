//! The ack protocol's lines, both ways.
//!
//! Every frame is one line of JSON and ends in `\n`. The client greets in its first line; a first line that is no
//! greeting makes the connection a plain one.
//! ```text
//! client   {"hourglass":{"version":1,"client":"<id>","token":"<token>"}}     `token` where the monitor asks for one
//! monitor  {"hourglass":{"version":1,"monitor":"<id>/<incarnation>","resume":<n>,"rejected":<r>,"max_line":65536}}
//! client   messages, one line each; the first is line n+1, lines are numbered by their order
//! monitor  {"reject":{"line":<n>,"reason":"<Reject>"}}     before the ack that covers the line
//! monitor  {"ack":<n>}                                     lines 1 to n are durable; coalesced
//! monitor  {"error":"<text>"}                              the request is refused, and why, for people
//! monitor  {"error":"<text>","sealed":true}                the monitor was sealed: it acknowledges nothing any more
//! ```
//! Frames are written without white space and read with any; fields that are not known are passed over, so that a
//! later version can add some.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{ClientId, Error, Incarnation, MAX_LINE, MonitorId, Reject};

/// The version this crate speaks.
pub const PROTOCOL_VERSION: u32 = 1;

/// The client's first line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The protocol's version.
    pub version: u32,
    /// Who it is: its line count lives on from connection to connection.
    pub client: ClientId,
    /// What proves that it may send, where the monitor asks for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<Secret>,
}

/// A text that no log may show.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(Box<str>);

impl Secret {
    /// The text, to be kept from now on.
    pub fn new(text: &str) -> Self {
        Secret(text.into())
    }

    /// The text itself, for who sends or checks it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// The monitor's answer to a [`Hello`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Welcome {
    /// Which monitor.
    pub monitor: MonitorId,
    /// Which life of it.
    pub incarnation: Incarnation,
    /// Lines of this client that are durably consumed: go on with the one after.
    pub resume: u64,
    /// How many of them were rejected.
    pub rejected: u64,
    /// The longest line the monitor takes, in bytes without the newline.
    pub max_line: u64,
}

/// One line from the monitor to an acking client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerFrame {
    /// The answer to the greeting.
    Welcome(Welcome),
    /// Lines 1 to this one are durable.
    Ack(u64),
    /// A line was not taken.
    Reject {
        /// Its number, from 1.
        line: u64,
        /// Its first reason.
        reason: Reject,
    },
    /// What was asked for is refused, and why.
    Error(String),
    /// The same, for good: this monitor was sealed, and what it has not acknowledged it never will.
    Sealed(String),
}

/// Whether a connection's first line is a greeting, right or wrong: `{"hourglass"`, with any white space between.
pub fn is_hello(line: &[u8]) -> bool {
    let body = line.trim_ascii_start().strip_prefix(b"{").map(<[u8]>::trim_ascii_start);
    body.is_some_and(|body| body.starts_with(br#""hourglass""#))
}

impl Hello {
    /// A greeting in this crate's version.
    pub fn new(client: ClientId) -> Self {
        Hello { version: PROTOCOL_VERSION, client, token: None }
    }

    /// The same, with a token.
    #[must_use]
    pub fn with_token(self, token: Option<Secret>) -> Self {
        Hello { token, ..self }
    }

    /// The line, with its newline.
    pub fn encode(&self) -> Vec<u8> {
        let mut line = Vec::new();
        write_line(&mut line, &HelloLine { hourglass: Cow::Borrowed(self) });
        line
    }

    /// Reads a greeting, with or without its newline.
    ///
    /// # Errors
    /// If it is none, of another version, or without a valid client id.
    pub fn parse(line: &[u8]) -> Result<Self, Error> {
        let HelloLine { hourglass } = read_line(line)?;
        if hourglass.version != PROTOCOL_VERSION {
            let problem = format!("version {} is not spoken here, {PROTOCOL_VERSION} is", hourglass.version);
            return Err(Error::Frame { problem });
        }
        Ok(hourglass.into_owned())
    }
}

impl Welcome {
    /// The answer of this crate's version and [`MAX_LINE`].
    pub fn new(monitor: MonitorId, incarnation: Incarnation, resume: u64, rejected: u64) -> Self {
        Welcome { monitor, incarnation, resume, rejected, max_line: MAX_LINE as u64 }
    }
}

impl ServerFrame {
    /// Appends the line, with its newline.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut line = ServerLine::default();
        match self {
            ServerFrame::Welcome(welcome) => line.hourglass = Some(WelcomeLine::of(welcome)),
            ServerFrame::Ack(n) => line.ack = Some(*n),
            ServerFrame::Reject { line: number, reason } => {
                line.reject = Some(RejectLine { line: *number, reason: *reason });
            }
            ServerFrame::Error(text) => line.error = Some(text.into()),
            ServerFrame::Sealed(text) => (line.error, line.sealed) = (Some(text.into()), true),
        }
        write_line(out, &line);
    }

    /// Reads a frame, with or without its newline.
    ///
    /// # Errors
    /// If the line is none of the frames.
    pub fn parse(line: &[u8]) -> Result<Self, Error> {
        match read_line(line)? {
            ServerLine { hourglass: Some(welcome), .. } => welcome.read().map(ServerFrame::Welcome),
            ServerLine { ack: Some(n), .. } => Ok(ServerFrame::Ack(n)),
            ServerLine { reject: Some(RejectLine { line, reason }), .. } => Ok(ServerFrame::Reject { line, reason }),
            ServerLine { error: Some(text), sealed: true, .. } => Ok(ServerFrame::Sealed(text.into_owned())),
            ServerLine { error: Some(text), .. } => Ok(ServerFrame::Error(text.into_owned())),
            _ => Err(Error::Frame { problem: "neither hourglass, ack, reject nor error".into() }),
        }
    }
}

#[derive(Serialize, Deserialize)]
struct HelloLine<'a> {
    hourglass: Cow<'a, Hello>,
}

#[derive(Default, Serialize, Deserialize)]
struct ServerLine<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    hourglass: Option<WelcomeLine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ack: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reject: Option<RejectLine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    sealed: bool,
}

#[derive(Serialize, Deserialize)]
struct RejectLine {
    line: u64,
    reason: Reject,
}

#[derive(Serialize, Deserialize)]
struct WelcomeLine {
    version: u32,
    monitor: String,
    resume: u64,
    rejected: u64,
    max_line: u64,
}

impl WelcomeLine {
    fn of(welcome: &Welcome) -> Self {
        let Welcome { monitor, incarnation, resume, rejected, max_line } = welcome;
        let (resume, rejected, max_line) = (*resume, *rejected, *max_line);
        WelcomeLine {
            version: PROTOCOL_VERSION,
            monitor: format!("{monitor}/{incarnation}"),
            resume,
            rejected,
            max_line,
        }
    }

    fn read(self) -> Result<Welcome, Error> {
        let WelcomeLine { version, monitor, resume, rejected, max_line } = self;
        if version != PROTOCOL_VERSION {
            return Err(Error::Frame { problem: format!("the monitor speaks version {version}") });
        }
        let (id, incarnation) = monitor
            .split_once('/')
            .ok_or_else(|| Error::Frame { problem: format!("monitor {monitor:?} is not <id>/<incarnation>") })?;
        Ok(Welcome { monitor: id.parse()?, incarnation: incarnation.parse()?, resume, rejected, max_line })
    }
}

fn write_line<T: Serialize>(out: &mut Vec<u8>, line: &T) {
    #[expect(
        clippy::expect_used,
        reason = "numbers, strings and structs of them always serialise, and a Vec takes all"
    )]
    serde_json::to_writer(&mut *out, line).expect("a frame is plain JSON");
    out.push(b'\n');
}

fn read_line<'a, T: Deserialize<'a>>(line: &'a [u8]) -> Result<T, Error> {
    serde_json::from_slice(line).map_err(|error| Error::Frame { problem: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn line(frame: &ServerFrame) -> String {
        let mut out = Vec::new();
        frame.encode(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn frames_are_the_lines_of_the_specification() {
        let hello = Hello::new(ClientId::new("billing").unwrap());
        assert_eq!(hello.encode(), b"{\"hourglass\":{\"version\":1,\"client\":\"billing\"}}\n");
        let hello = hello.with_token(Some(Secret::new("hg_1")));
        assert_eq!(hello.encode(), b"{\"hourglass\":{\"version\":1,\"client\":\"billing\",\"token\":\"hg_1\"}}\n");
        assert!(!format!("{hello:?}").contains("hg_1"), "no log shows a token");
        let monitor = MonitorId::new("web-1").unwrap();
        assert_eq!(
            line(&ServerFrame::Welcome(Welcome::new(monitor, Incarnation::new(10), 5, 2))),
            "{\"hourglass\":{\"version\":1,\"monitor\":\"web-1/000000000000000a\",\"resume\":5,\"rejected\":2,\
             \"max_line\":65536}}\n"
        );
        assert_eq!(line(&ServerFrame::Ack(7)), "{\"ack\":7}\n");
        assert_eq!(
            line(&ServerFrame::Reject { line: 3, reason: Reject::WrongType }),
            "{\"reject\":{\"line\":3,\"reason\":\"wrong_type\"}}\n"
        );
        assert_eq!(line(&ServerFrame::Error("no \"room\"".into())), "{\"error\":\"no \\\"room\\\"\"}\n");
        assert_eq!(line(&ServerFrame::Sealed("gone".into())), "{\"error\":\"gone\",\"sealed\":true}\n");
    }

    #[test]
    fn a_first_line_is_a_greeting_or_a_message() {
        assert!(is_hello(b"{\"hourglass\":{}}"));
        assert!(is_hello(b" { \"hourglass\" : 3"));
        assert!(!is_hello(b"{\"service\":\"hourglass\"}"));
        assert!(!is_hello(b"\"hourglass\""));
    }

    #[test]
    fn a_wrong_greeting_is_refused() {
        for text in [
            "{}",
            "{\"hourglass\":{\"version\":2,\"client\":\"a\"}}",
            "{\"hourglass\":{\"version\":1}}",
            "{\"hourglass\":{\"version\":1,\"client\":\"\"}}",
            "{\"hourglass\":{\"version\":1,\"client\":\"a\"}} x",
        ] {
            assert!(Hello::parse(text.as_bytes()).is_err(), "{text}");
        }
        let spaced = b" { \"hourglass\" : { \"client\" : \"a\\u0062\", \"later\" : [1], \"version\" : 1 } } \r\n";
        assert_eq!(Hello::parse(spaced).unwrap().client.as_str(), "ab");
    }

    proptest! {
        #[test]
        fn frames_survive_the_wire(
            id in "[a-z0-9][-a-z0-9_.]{0,20}", client in "\\PC{1,20}", incarnation: u64, resume: u64, rejected: u64,
            code in 1u8..=14, text: String,
        ) {
            let monitor = MonitorId::new(&id).unwrap();
            let hello = Hello::new(ClientId::new(&client).unwrap());
            prop_assert!(is_hello(&hello.encode()));
            prop_assert_eq!(Hello::parse(&hello.encode()), Ok(hello));
            for frame in [
                ServerFrame::Welcome(Welcome::new(monitor, Incarnation::new(incarnation), resume, rejected)),
                ServerFrame::Ack(resume),
                ServerFrame::Reject { line: resume, reason: Reject::from_code(code).unwrap() },
                ServerFrame::Error(text.clone()),
                ServerFrame::Sealed(text),
            ] {
                let line = line(&frame);
                prop_assert_eq!(line.matches('\n').count(), 1);
                prop_assert_eq!(ServerFrame::parse(line.as_bytes()), Ok(frame));
            }
        }

        #[test]
        fn a_damaged_frame_is_one_that_survives_or_refused(
            token in prop::option::of("\\PC{0,20}"), number: u64, any in damage::bytes(), damage in damage::damage(),
        ) {
            let hello = Hello::new(ClientId::new("billing").unwrap());
            let hello = hello.with_token(token.as_deref().map(Secret::new)).encode();
            let monitor = MonitorId::new("web-1").unwrap();
            let frames = [
                ServerFrame::Welcome(Welcome::new(monitor, Incarnation::new(10), number, 2)),
                ServerFrame::Ack(number),
                ServerFrame::Reject { line: number, reason: Reject::WrongType },
                ServerFrame::Sealed("gone".into()),
            ].map(|frame| line(&frame).into_bytes());
            let damaged = frames.iter().chain([&hello]).map(|line| damage.to(line));
            for line in damaged.chain([any, hello.clone()]) {
                is_hello(&line);
                if let Ok(read) = Hello::parse(&line) {
                    prop_assert!(is_hello(&read.encode()));
                    prop_assert_eq!(Hello::parse(&read.encode()), Ok(read));
                }
                if let Ok(read) = ServerFrame::parse(&line) {
                    let mut again = Vec::new();
                    read.encode(&mut again);
                    prop_assert_eq!(ServerFrame::parse(&again), Ok(read));
                }
            }
        }
    }
}
