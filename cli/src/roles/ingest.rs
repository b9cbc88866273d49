//! A monitor as HTTP's ingest: the one's words in the other's.

use dashboard::ingest::{Ingest, NotTaken, Submission, Taken, Why};
use monitor::{NotSubmitted, Submitter};

/// A monitor that takes in what is posted.
#[derive(Debug)]
pub(crate) struct Posted(pub(crate) Submitter);

#[async_trait::async_trait]
impl Ingest for Posted {
    fn ready(&self) -> Result<(), NotTaken> {
        self.0.ready().map_err(|why| not_taken(NotSubmitted { why, handed_over: 0 }))
    }

    async fn submit(&self, submission: Submission) -> Result<Taken, NotTaken> {
        let Submission { peer, grant, key, lines } = submission;
        let taken = self.0.submit(monitor::Submission { peer, grant, key, lines }).await.map_err(not_taken)?;
        Ok(Taken {
            accepted: taken.accepted,
            rejected: taken.rejected,
            skipped: taken.skipped,
            messages: taken.messages,
            rejects: taken.rejects,
            resume: taken.resume,
            monitor: format!("{}/{}", taken.monitor, taken.incarnation),
        })
    }
}

fn not_taken(NotSubmitted { why, handed_over }: NotSubmitted) -> NotTaken {
    let detail = why.to_string();
    let why = match why {
        monitor::Why::Paused { .. } | monitor::Why::Late | monitor::Why::Stopping { .. } => Why::Later,
        monitor::Why::Sealed { .. } => Why::Sealed,
        monitor::Why::TooManyClients => Why::TooManyClients,
        monitor::Why::Gap { resume } | monitor::Why::Superseded { resume } => Why::Conflict { resume },
        monitor::Why::Denied(_) => Why::Denied,
        monitor::Why::Unreadable(_) => Why::Broken,
    };
    NotTaken { why, detail, handed_over }
}
