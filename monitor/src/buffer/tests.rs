//! When buffers swap, when reading stops, and what a takeover leaves out.

use schema::Reject;

use super::*;

const LINGER: Duration = Duration::from_millis(5);

fn buffer(items: u64, bytes: usize) -> Buffer {
    let services = Arc::new(Services::new([], 10));
    Buffer::new(Limits { items, linger: LINGER, bytes }, Clients::new([], 2, true), services, Instruments::default())
}

/// A chunk of one message, which takes all of `input`.
fn chunk(input: &[u8]) -> Chunk {
    let mut chunk = Chunk::new();
    chunk.message(0..input.len(), false, Micros::MIN);
    chunk
}

#[test]
fn it_swaps_at_once_when_enough_waits_and_else_after_the_linger() {
    let buffer = buffer(2, 1000);
    let begin = Instant::now();
    buffer.push(&mut chunk(b"{}"), b"{}", None).unwrap();
    let mut full = Filling::default();
    assert!(matches!(buffer.next(&mut full), Work::Commit));
    assert!(begin.elapsed() >= LINGER);
    assert_eq!((full.batch.log.as_slice(), full.batch.messages), (&b"{}\n"[..], 1));

    full.clear();
    buffer.push(&mut chunk(b"{}"), b"{}", None).unwrap();
    buffer.push(&mut chunk(b"{}"), b"{}", None).unwrap();
    assert!(buffer.is_due(&buffer.state.lock().filling));
    assert!(matches!(buffer.next(&mut full), Work::Commit));
    assert_eq!(full.batch.messages, 2);
}

#[test]
fn beyond_its_bytes_there_is_no_room_until_the_next_swap() {
    let buffer = buffer(1, 10);
    buffer.push(&mut chunk(b"12345"), b"12345", None).unwrap();
    assert!(buffer.has_room());
    buffer.push(&mut chunk(b"12345"), b"12345", None).unwrap();
    assert!(!buffer.has_room());
    buffer.next(&mut Filling::default());
    assert!(buffer.has_room());
    buffer.block(true);
    assert!(!buffer.has_room());
}

#[test]
fn what_waits_is_committed_before_the_end_and_no_rotation_is_left_unanswered() {
    let buffer = buffer(100, 1000);
    buffer.push(&mut chunk(b"{}"), b"{}", None).unwrap();
    let mut cut = buffer.rotate(Micros::MIN);
    buffer.close();
    let mut full = Filling::default();
    assert!(matches!(buffer.next(&mut full), Work::Rotate(_)));
    assert!(matches!(buffer.next(&mut full), Work::Commit));
    full.clear();
    assert!(matches!(buffer.next(&mut full), Work::End));
    assert!(cut.try_recv().is_err());
    assert!(buffer.rotate(Micros::MIN).try_recv().is_err());
}

#[test]
fn a_superseded_connection_hands_over_nothing_and_the_newer_one_starts_after_it() {
    let buffer = buffer(1, 1000);
    let id = ClientId::new("c").unwrap();
    let lines = |n| ClientCount { consumed: n, rejected: 0 };
    let older = buffer.take_over(&id).unwrap();
    let mut three = chunk(b"{}");
    three.lines = lines(3);
    buffer.push(&mut three, b"{}", Some(&older)).unwrap();
    let newer = buffer.take_over(&id).unwrap();
    let mut late = chunk(b"{}");
    late.lines = lines(1);
    late.rejected.add(Reject::InvalidJson);
    assert_eq!(buffer.push(&mut late, b"{}", Some(&older)), Err(Superseded));
    assert_eq!(newer.resume, lines(3));
    assert_eq!(newer.durable.borrow().count, lines(0), "not durable yet");

    let mut full = Filling::default();
    buffer.next(&mut full);
    assert_eq!((full.batch.messages, full.batch.rejected.total()), (1, 0));
    buffer.release(&full.batch.clients, None);
    assert_eq!(newer.durable.borrow().count, lines(3));
    assert_eq!(older.durable.borrow().epoch, newer.epoch);
}
