//! When each message is due: a rate kept exactly, over any number of connections.
//!
//! In: messages a second, or none for as fast as possible. Out: how many messages one connection has due at an
//! instant, and when its next one is. Must hold: message `i` of all connections together is due `i / rate` after the
//! start, whatever came before: lateness is caught up, never passed on.

use std::time::Duration;

use tokio::time::Instant;

/// One connection's share of a rate: of all messages it sends every `connections`-th, beginning with its own number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    start: Instant,
    rate: Option<f64>,
    connection: u64,
    connections: u64,
}

impl Pace {
    /// `rate` is positive and finite.
    pub(crate) fn new(start: Instant, rate: Option<f64>, connection: u64, connections: u64) -> Self {
        Self { start, rate, connection, connections }
    }

    /// Whether there is a rate.
    pub(crate) fn is_limited(&self) -> bool {
        self.rate.is_some()
    }

    /// How many messages this connection should have sent at `now`; without a rate, any number.
    pub(crate) fn due(&self, now: Instant) -> u64 {
        let Some(rate) = self.rate else { return u64::MAX };
        let elapsed = now.saturating_duration_since(self.start);
        self.share((elapsed.as_secs_f64() * rate) as u64 + 1)
    }

    /// When this connection's message `i`, counted from 0, is due.
    pub(crate) fn when(&self, i: u64) -> Instant {
        let Some(rate) = self.rate else { return self.start };
        let index = i.saturating_mul(self.connections).saturating_add(self.connection);
        let after = Duration::try_from_secs_f64(index as f64 / rate).unwrap_or(Duration::MAX);
        self.start.checked_add(after).unwrap_or_else(|| self.start + FAR)
    }

    /// How many of the first `messages` are this connection's.
    pub(crate) fn share(&self, messages: u64) -> u64 {
        (messages + self.connections - 1 - self.connection) / self.connections
    }
}

/// Later than any load runs.
const FAR: Duration = Duration::from_secs(100 * 365 * 86_400);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn connections_together_send_exactly_the_rate(
            rate in 0.01..1e7f64, connections in 1u64..9, millis in 0u64..10_000_000,
        ) {
            let start = Instant::now();
            let now = start + Duration::from_millis(millis);
            let sent: u64 = (0..connections).map(|c| Pace::new(start, Some(rate), c, connections).due(now)).sum();
            prop_assert_eq!(sent, (Duration::from_millis(millis).as_secs_f64() * rate) as u64 + 1);
        }

        #[test]
        fn a_message_is_due_when_it_is_said_to_be(
            rate in 0.01..1e7f64, connections in 1u64..9, connection in 0u64..9, i in 0u64..1_000_000,
        ) {
            let start = Instant::now();
            let pace = Pace::new(start, Some(rate), connection % connections, connections);
            let when = pace.when(i);
            let step = Duration::from_micros(1);
            prop_assert!(pace.due(when + step) > i);
            prop_assert!(when - start < step || pace.due(when - step) <= i);
        }
    }

    #[test]
    fn messages_are_shared_out_completely() {
        for connections in 1..7 {
            for messages in 0..50 {
                let pace = |c| Pace::new(Instant::now(), None, c, connections);
                assert_eq!((0..connections).map(|c| pace(c).share(messages)).sum::<u64>(), messages);
            }
        }
    }
}
