//! Lines that come whole count as lines over a connection do: once, in order, durable when answered; whatever is sent
//! again, left out, dropped while it is on its way, or sent at the same moment another way.

#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::io::Cursor;
use std::num::NonZeroU64;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use hourglass_monitor::{NotSubmitted, Submission, Submitted, Submitter, Why};
use proptest::prelude::*;
use schema::{ClientId, Reject, ServerFrame, Welcome};
use storage::SimDisk;
use support::{Bed, Client, Running, lines, message, soon, until};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt};

/// What the client's line `n` says: most are messages, some are blank, some are wrong.
fn line(n: u64) -> String {
    match n % 11 {
        5 => String::new(),
        7 => format!("wrong {n}"),
        _ => message("c", n),
    }
}

fn text(range: Range<u64>) -> String {
    range.map(|n| line(n) + "\n").collect()
}

fn good(n: &u64) -> bool {
    !matches!(n % 11, 5 | 7)
}

fn rejects(range: Range<u64>) -> Vec<(u64, Reject)> {
    range.filter(|n| n % 11 == 7).map(|n| (n, Reject::InvalidJson)).collect()
}

fn submission(first: Option<u64>, text: String) -> Submission {
    let client = ClientId::new("c").unwrap();
    let key = first.map(|first| (client, NonZeroU64::new(first).unwrap()));
    Submission { peer: ([127, 0, 0, 1], 9).into(), grant: None, key, lines: Box::new(Cursor::new(text.into_bytes())) }
}

async fn submit(submitter: &Submitter, range: Range<u64>) -> Result<Submitted, NotSubmitted> {
    let submission = submission(Some(range.start), text(range.clone()));
    soon("an answer", submitter.submit(submission)).await
}

/// What one client does next; ranges are relative to the line that comes next.
#[derive(Clone, Debug)]
enum Step {
    /// Submits lines, the first of them up to so many back.
    Submit { back: u64, count: u64 },
    /// Leaves lines out.
    Gap { ahead: u64 },
    /// Two at once, overlapping.
    Both { back: u64, one: u64, other: u64 },
    /// Submits, and does not wait for the answer beyond so many polls.
    Leave { polls: u32, count: u64 },
    /// Sends over a connection, and reads until that many are acknowledged.
    Connect { count: u64, acked: u64 },
    /// Sends over a connection while it submits the same lines.
    Beside { count: u64, submitted: u64 },
    /// Stops the monitor and starts it again.
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..40_u64, 1..60_u64).prop_map(|(back, count)| Step::Submit { back, count }),
        1 => (0..40_u64, 500..2000_u64).prop_map(|(back, count)| Step::Submit { back, count }),
        1 => (1..9_u64).prop_map(|ahead| Step::Gap { ahead }),
        3 => (0..20_u64, 1..900_u64, 1..900_u64).prop_map(|(back, one, other)| Step::Both { back, one, other }),
        2 => (1..6_u32, 1..2000_u64).prop_map(|(polls, count)| Step::Leave { polls, count }),
        2 => (1..300_u64, 0..300_u64).prop_map(|(count, acked)| Step::Connect { count, acked }),
        2 => (1..900_u64, 1..900_u64).prop_map(|(count, submitted)| Step::Beside { count, submitted }),
        1 => Just(Step::Restart),
    ]
}

/// What the client knows: so many of its lines are durably consumed, at least, and it never sent more than that.
struct Model {
    durable: u64,
    sent: u64,
}

impl Model {
    /// Lines from a few back of what is known to be durable.
    fn range(&mut self, back: u64, count: u64) -> Range<u64> {
        let from = self.durable + 1 - back.min(self.durable);
        self.sent = self.sent.max(from + count - 1);
        from..from + count
    }

    /// An answer to these lines, when others may have been on their way as well.
    fn answered(&mut self, range: &Range<u64>, answer: &Result<Submitted, NotSubmitted>) {
        let resume = match answer {
            Ok(taken) => {
                let resume = taken.resume.unwrap();
                let consumed = taken.accepted + taken.rejected;
                assert_eq!(taken.skipped + consumed, range.end - range.start, "each line is taken or passed over");
                let own = range.start + taken.skipped..range.end;
                assert_eq!(taken.rejects, rejects(own.clone()));
                assert_eq!(taken.rejects.len() as u64, taken.rejected);
                assert_eq!(taken.messages, own.clone().filter(good).count() as u64);
                assert!(resume + 1 >= range.end && (consumed == 0 || resume + 1 == range.end));
                resume
            }
            Err(NotSubmitted { why: Why::Gap { resume }, handed_over: 0 }) => {
                assert!(resume + 1 < range.start);
                *resume
            }
            Err(NotSubmitted { why: Why::Superseded { resume }, .. }) => *resume,
            Err(other) => panic!("{other:?}"),
        };
        self.told(resume);
    }

    fn told(&mut self, resume: u64) {
        assert!(resume <= self.sent, "nothing is consumed that was not sent");
        self.durable = self.durable.max(resume);
    }

    /// Everything told is in the log, in order, and nothing else is.
    fn check(&self, bed: &Bed) {
        let log = bed.log();
        let expected: Vec<String> = (1..=self.sent).filter(good).map(line).collect();
        assert!(log.len() >= (1..=self.durable).filter(good).count(), "what is told is durable");
        assert!(log == expected[..log.len()], "each line once, in order");
    }

    async fn take(&mut self, step: Step, bed: &Bed, running: &mut Option<Running>) {
        let monitor = running.as_ref().unwrap();
        let submitter = monitor.monitor.submitter();
        match step {
            Step::Submit { back, count } => {
                let range = self.range(back, count);
                self.answered(&range, &submit(&submitter, range.clone()).await);
            }
            Step::Gap { ahead } => {
                let range = self.sent + 1 + ahead..self.sent + 6 + ahead;
                let answer = submit(&submitter, range.clone()).await;
                assert!(matches!(answer, Err(NotSubmitted { why: Why::Gap { .. }, handed_over: 0 })), "{answer:?}");
                self.answered(&range, &answer);
            }
            Step::Both { back, one, other } => {
                let (one, other) = (self.range(back, one), self.range(0, other));
                let answers = tokio::join!(submit(&submitter, one.clone()), submit(&submitter, other.clone()));
                self.answered(&one, &answers.0);
                self.answered(&other, &answers.1);
            }
            Step::Leave { polls, count } => {
                let range = self.range(0, count);
                let mut submitting = Box::pin(submitter.submit(submission(Some(range.start), text(range))));
                for _ in 0..polls {
                    let polled =
                        std::future::poll_fn(|context| std::task::Poll::Ready(submitting.as_mut().poll(context)));
                    if polled.await.is_ready() {
                        break;
                    }
                    tokio::task::yield_now().await;
                }
            }
            Step::Connect { count, acked } => {
                let (resume, acked) = connect(monitor, count, acked.min(count)).await;
                self.sent = self.sent.max(resume + count);
                self.told(acked);
            }
            Step::Beside { count, submitted } => {
                let range = self.range(0, submitted);
                let (sent, answer) = tokio::join!(connect(monitor, count, count), submit(&submitter, range.clone()));
                self.sent = self.sent.max(sent.0 + count);
                self.told(sent.1);
                self.answered(&range, &answer);
            }
            Step::Restart => {
                running.take().unwrap().stop().await.unwrap();
                *running = Some(bed.start().await);
            }
        }
    }
}

/// Sends so many lines over a connection and reads until so many are acknowledged, unless it is taken over before.
/// Where it went on, and the last line it was told of.
async fn connect(running: &Running, count: u64, acked: u64) -> (u64, u64) {
    let mut client = running.client().await;
    client.say_hello("c").await;
    let Some(ServerFrame::Welcome(Welcome { resume, .. })) = frame(&mut client).await else { return (0, 0) };
    let _ = client.writer.write_all(text(resume + 1..resume + count + 1).as_bytes()).await;
    let mut told = resume;
    while told < resume + acked {
        match frame(&mut client).await {
            Some(ServerFrame::Ack(line)) => told = line,
            Some(ServerFrame::Reject { .. }) => {}
            _ => break,
        }
    }
    (resume, told)
}

/// The next frame, if the connection has not ended.
async fn frame(client: &mut Client) -> Option<ServerFrame> {
    let mut line = Vec::new();
    let read = soon("a frame", client.reader.read_until(b'\n', &mut line)).await.ok()?;
    (read > 0).then(|| ServerFrame::parse(&line).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn every_line_is_consumed_once_and_in_order(steps in prop::collection::vec(step(), 1..14)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let mut bed = Bed::on(Arc::new(SimDisk::new(1)), "/data".into());
            // Little room: whoever hands over much waits in between.
            bed.options.buffer_bytes = 32 << 10;
            let mut model = Model { durable: 0, sent: 0 };
            let mut running = Some(bed.start().await);
            for step in steps {
                model.take(step, &bed, &mut running).await;
                model.check(&bed);
            }
            // What nobody waited for ends with the drain.
            model.take(Step::Restart, &bed, &mut running).await;
            let running = running.unwrap();
            let welcome = running.client().await.hello("c").await;
            model.told(welcome.resume);
            assert_eq!(welcome.rejected, rejects(1..welcome.resume + 1).len() as u64);
            running.stop().await.unwrap();
            model.check(&bed);
            assert_eq!(bed.log().len(), (1..=welcome.resume).filter(good).count());
        });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_answered_survives_the_loss_of_everything_unsynced() {
    for key in [None, Some(1)] {
        let sim = SimDisk::new(1);
        let bed = Bed::on(Arc::new(sim.clone()), "/data".into());
        let running = bed.start().await;
        let taken = running.monitor.submitter().submit(submission(key, lines("a", 0..1000))).await.unwrap();
        let after = sim.restart();
        assert_eq!((taken.accepted, taken.messages, taken.resume), (1000, 1000, key.map(|_| 1000)));
        running.stop.cancel();
        let _ = running.monitor.wait().await;
        let bed = Bed::on(Arc::new(after), "/data".into());
        bed.start().await.stop().await.unwrap();
        assert_eq!(bed.log(), (0..1000).map(|n| message("a", n)).collect::<Vec<_>>());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_key_lines_are_counted_alike_and_each_submission_counts() {
    let bed = Bed::local();
    let running = bed.start().await;
    let submitter = running.monitor.submitter();
    let long = format!("{{\"pad\":\"{}", "p".repeat(200_000));
    let text = format!("{}\nno\n\n{}{}\n{long}", message("a", 1), message("a", 2), message("a", 3));
    for _ in 0..2 {
        let taken = submitter.submit(submission(None, text.clone())).await.unwrap();
        assert_eq!((taken.accepted, taken.rejected, taken.messages, taken.resume), (3, 2, 3, None));
        assert_eq!(taken.rejects, [(2, Reject::InvalidJson), (5, Reject::LineTooLong)]);
    }
    let nothing = submitter.submit(submission(None, String::new())).await.unwrap();
    assert_eq!((nothing.accepted, nothing.rejected), (0, 0));
    let blank = submitter.submit(submission(None, "\n\n".to_owned())).await.unwrap();
    assert_eq!((blank.accepted, blank.messages), (2, 0));
    assert_eq!(bed.log().len(), 6);
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_rejected_lines_the_first_are_named() {
    let bed = Bed::local();
    let running = bed.start().await;
    let taken = running.monitor.submitter().submit(submission(Some(1), "x\n".repeat(100_000))).await.unwrap();
    assert_eq!((taken.rejected, taken.rejects.len(), taken.rejects[999].0), (100_000, 1000, 1000));
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_full_disk_nothing_is_taken_and_it_says_why() {
    let sim = SimDisk::new(3);
    let bed = Bed::on(Arc::new(sim.clone()), "/data".into());
    let running = bed.start().await;
    let submitter = running.monitor.submitter();
    sim.set_room(0);
    let waiting = {
        let submitter = submitter.clone();
        tokio::spawn(async move { submit(&submitter, 1..5).await })
    };
    until("it to be blocked", || submitter.ready().is_err()).await;
    let refused = submit(&submitter, 5..9).await.unwrap_err();
    assert!(
        matches!(&refused, NotSubmitted { why: Why::Paused { reason, .. }, handed_over: 0 } if reason.contains("room"))
    );
    sim.set_room(1 << 30);
    assert_eq!(waiting.await.unwrap().unwrap().resume, Some(4));
    until("it to go on", || submitter.ready().is_ok()).await;
    assert_eq!(submit(&submitter, 5..9).await.unwrap().resume, Some(8));
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_brings_what_was_begun_to_its_end_and_takes_nothing_more() {
    let mut bed = Bed::local();
    bed.options.buffer_linger = Duration::from_millis(200);
    bed.options.buffer_messages = 1 << 30;
    let running = bed.start().await;
    let submitter = running.monitor.submitter();
    let submitting = {
        let submitter = submitter.clone();
        tokio::spawn(async move { submit(&submitter, 1..1000).await })
    };
    // It waits in the buffer: its client is known, and none of it is durable.
    tokio::task::yield_now().await;
    running.stop.cancel();
    let answer = submitting.await.unwrap();
    soon("the end", running.monitor.wait()).await.unwrap();
    let consumed = match answer {
        Ok(taken) => taken.resume.unwrap(),
        Err(NotSubmitted { why: Why::Stopping { .. }, handed_over: 0 }) => 0,
        Err(other) => panic!("{other:?}"),
    };
    assert_eq!(bed.log().len(), (1..=consumed).filter(good).count());
    let refused = submit(&submitter, 1..2).await.unwrap_err();
    assert!(matches!(refused.why, Why::Stopping { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_clients_max_a_new_client_is_refused_and_one_without_a_line_is_forgotten() {
    let mut bed = Bed::local();
    bed.options.clients_max = 1;
    let running = bed.start().await;
    let submitter = running.monitor.submitter();
    let gap = submit(&submitter, 7..9).await.unwrap_err();
    assert!(matches!(gap.why, Why::Gap { resume: 0 }));
    let mut client = running.client().await;
    assert_eq!(client.hello("other").await.resume, 0);
    client.send(lines("a", 0..1)).await;
    client.acked(1).await;
    let refused = submit(&submitter, 1..2).await.unwrap_err();
    assert!(matches!(refused.why, Why::TooManyClients));
    running.stop().await.unwrap();
}
