//! A monitor as HTTP's ingest: the one's words in the other's.

use dashboard::ingest::{Ingest, NotTaken, Submission, Taken, Why};
use monitor::{NotSubmitted, Submitter};

/// A monitor that takes in what is posted.
#[derive(Debug)]
pub(crate) struct Posted(pub(crate) Submitter);

#[async_trait::async_trait]
impl Ingest for Posted {
    fn ready(&self) -> Result<(), NotTaken> {
        self.0.ready().map_err(|why| not_taken(NotSubmitted { why, handed_over: 0 }, self.0.name()))
    }

    async fn submit(&self, submission: Submission) -> Result<Taken, NotTaken> {
        let Submission { peer, grant, key, lines } = submission;
        let taken = self.0.submit(monitor::Submission { peer, grant, key, lines }).await;
        let taken = taken.map_err(|not_submitted| not_taken(not_submitted, self.0.name()))?;
        Ok(Taken {
            accepted: taken.accepted,
            rejected: taken.rejected,
            skipped: taken.skipped,
            messages: taken.messages,
            rejects: taken.rejects,
            resume: taken.resume,
            monitor: self.0.name(),
        })
    }
}

fn not_taken(NotSubmitted { why, handed_over }: NotSubmitted, monitor: String) -> NotTaken {
    let detail = why.to_string();
    let handed_over = (!matches!(why, monitor::Why::Broken)).then_some(handed_over);
    let why = match why {
        monitor::Why::Paused { .. } | monitor::Why::Late | monitor::Why::Stopping { .. } => Why::Later,
        monitor::Why::Sealed { .. } => Why::Sealed,
        monitor::Why::TooManyClients => Why::TooManyClients,
        monitor::Why::Gap { resume } | monitor::Why::Superseded { resume } => Why::Conflict { resume },
        monitor::Why::Denied(_) => Why::Denied,
        monitor::Why::Unreadable(_) | monitor::Why::Broken => Why::Broken,
    };
    NotTaken { why, detail, handed_over, monitor }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_submission_that_broke_off_nothing_is_claimed() {
        let not_taken = not_taken(NotSubmitted { why: monitor::Why::Broken, handed_over: 0 }, "m/1".to_owned());
        assert_eq!((not_taken.why, not_taken.handed_over, &*not_taken.monitor), (Why::Broken, None, "m/1"));
        assert!(not_taken.detail.contains("not known how much"), "{}", not_taken.detail);
    }
}
