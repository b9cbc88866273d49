//! Services: who ever sent, when first and last, and how much.
//!
//! Counts and times are exact for the coverage given with them. The batch's
//! part comes from the manifest alone, no view file is opened for it.

use std::collections::BTreeMap;

use schema::{Minute, ServiceName};

use crate::coverage::Coverage;
use crate::error::Result;
use crate::fold::Table;
use crate::manifest::Partition;
use crate::plan::Plan;
use crate::query::{Every, View};
use crate::reader::{Reader, Retries};
use crate::selection::Selection;

/// What is known of one service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceSeen {
    /// Its name.
    pub service: ServiceName,
    /// The minute of its earliest message, by Timestamp.
    pub first: Minute,
    /// The minute of its latest message.
    pub last: Minute,
    /// How many messages it sent.
    pub messages: u64,
}

/// Every service, by name (bytewise), and what that covers.
///
/// # Errors
/// As for [`query`](crate::query()).
pub async fn services(reader: &Reader) -> Result<(Vec<ServiceSeen>, Coverage)> {
    let mut retries = Retries::default();
    loop {
        let attempt = async {
            let plan = Plan::newest(reader, &Selection::everything(), retries.avoid()).await?;
            let seen = seen(reader, &plan).await?;
            Ok((seen, plan.coverage(View::Merged)))
        };
        match attempt.await {
            Ok(services) => return Ok(services),
            Err(error) => retries.after(error)?,
        }
    }
}

async fn seen(reader: &Reader, plan: &Plan) -> Result<Vec<ServiceSeen>> {
    let everything = Selection::everything();
    let mut seen = BTreeMap::new();
    for Partition { service, first, last, messages, .. } in &plan.partitions {
        add(&mut seen, service, *first, *last, *messages);
    }
    let mut table = Table::new(&reader.metrics);
    plan.fold(reader, View::Realtime, &everything, Every::Minute, &mut table).await?;
    for row in table.rows() {
        add(&mut seen, row.service, row.minute, row.minute, row.msg_num);
    }
    Ok(seen.into_values().collect())
}

fn add(
    seen: &mut BTreeMap<ServiceName, ServiceSeen>,
    service: &ServiceName,
    first: Minute,
    last: Minute,
    messages: u64,
) {
    let fresh = || ServiceSeen { service: service.clone(), first, last, messages: 0 };
    let entry = seen.entry(service.clone()).or_insert_with(fresh);
    entry.first = entry.first.min(first);
    entry.last = entry.last.max(last);
    entry.messages += messages;
}
