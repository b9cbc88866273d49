//! Held acks against a model: what was held when a round began is released when one ends well, and nothing else.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::buffer::Limits;
use crate::clients::{Clients, Session};
use crate::services::Services;

const CLIENTS: usize = 3;

/// Acks that are held, and the connections that wait for them.
fn held(recovered: u64) -> (HeldAcks, Vec<Session>) {
    let counts = || (0..CLIENTS).map(|client| (id(client), count(recovered)));
    let services = Arc::new(Services::new([], 1));
    let limits = Limits { items: 1, linger: Duration::ZERO, bytes: 1 };
    let buffer =
        Arc::new(Buffer::new(limits, Clients::new(counts(), CLIENTS, false), services, Instruments::default()));
    let sessions = (0..CLIENTS).map(|client| buffer.take_over(&id(client)).unwrap()).collect();
    (HeldAcks::new(buffer, counts(), Instruments::default()), sessions)
}

fn id(client: usize) -> ClientId {
    ClientId::new(&format!("c{client}")).unwrap()
}

fn count(consumed: u64) -> ClientCount {
    ClientCount { consumed, rejected: consumed / 2 }
}

#[derive(Clone, Debug)]
enum Step {
    /// So many more lines of this client are committed.
    Commit(usize, u64),
    /// A round begins.
    Begin,
    /// The round that began last ended well; without it, it failed.
    Release,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0..CLIENTS, 1u64..9).prop_map(|(client, lines)| Step::Commit(client, lines)),
        2 => Just(Step::Begin),
        1 => Just(Step::Release),
    ];
    prop::collection::vec(step, 1..80)
}

proptest! {
    #[test]
    fn what_was_held_when_a_round_began_is_released_when_one_ends_well(steps in steps(), recovered in 0u64..5) {
        let (held, sessions) = held(recovered);
        let mut committed = [recovered; CLIENTS];
        let (mut begun, mut released) = ([0; CLIENTS], [0; CLIENTS]);
        for step in steps {
            match step {
                Step::Commit(client, lines) => {
                    committed[client] += lines;
                    held.hold(&[(id(client), count(committed[client]))], None, None);
                }
                Step::Begin => {
                    held.begin();
                    begun = committed;
                }
                Step::Release => {
                    held.release();
                    released = begun;
                }
            }
            for (session, released) in sessions.iter().zip(released) {
                prop_assert_eq!(session.durable.borrow().count, count(released));
            }
            let state = held.held.lock();
            prop_assert!(state.waiting.clients.len() <= CLIENTS && state.in_round.clients.len() <= CLIENTS, "bounded");
        }
    }
}

#[tokio::test]
async fn a_round_is_wanted_for_what_no_round_has_begun_for() {
    let (held, _sessions) = held(1);
    let wanted = async || {
        tokio::select! {
            biased;
            () = held.waiting() => true,
            () = std::future::ready(()) => false,
        }
    };
    assert!(wanted().await, "for what was recovered");
    held.begin();
    assert!(!wanted().await);
    held.hold(&[], None, None);
    assert!(!wanted().await, "no client waits for this commit");
    held.hold(&[(id(0), count(2))], None, None);
    assert!(wanted().await);
}
