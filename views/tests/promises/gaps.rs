//! The promise: an answer never stops at a gap without saying so. What a
//! realtime view held comes from the log or the dated files; what no file holds
//! any more is an error that names it.

use std::sync::Arc;

use log::{Batch, Identity, Writer};
use schema::{Generation, Incarnation, Metrics, MonitorId, Source, queue_row};
use storage::layout::{self, DataFolder};
use storage::{Clock, Disk};
use views::{Query, Reader, query};

use crate::town::{Sent, TODAY, Town, count, micros, rows};

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap()
}

fn sent(second: i64) -> Sent {
    Sent::plain("basket", micros(TODAY + second * 1_000_000), second)
}

/// Generation 1 in the batch; 2 and 3 closed, with views; 4 open, with a view and more; all of it uploaded.
async fn four_generations() -> Town {
    let mut town = Town::new().await;
    for generation in 1..=4 {
        town.commit(0, &[sent(generation * 100), sent(generation * 100 + 70)], true);
        if generation > 1 {
            town.refresh(0).await;
        }
        if generation < 4 {
            town.rotate(0);
            town.refresh(0).await;
        }
        if generation == 1 {
            town.upload(0, u64::MAX).await;
            town.rebuild().await;
        }
    }
    town.commit(0, &[sent(500)], false);
    town
}

/// Asks on the monitor's machine: all that it acknowledged is in the answer.
async fn check(town: &Town, what: &str) {
    let answer = query(&town.reader(Some(0)), &Query::everything()).await.unwrap();
    let own = answer.coverage.monitor(&town.monitors[0].id).unwrap();
    assert_eq!(own.to, town.monitors[0].writer.state().position(), "{what}");
    let all = town.monitors[0].sent.iter().map(|(_, _, sent)| sent);
    assert_eq!(rows(&answer), count(all, &Query::everything()), "{what}");
}

#[test]
fn whichever_views_are_lost_the_log_has_what_they_held() {
    runtime().block_on(async {
        let sound = four_generations().await;
        let names = sound.realtime_views(0).len();
        assert!(names > 3, "{names}");
        for lost in 0..1 << names {
            let town = four_generations().await;
            for (_, path) in town.realtime_views(0).iter().enumerate().filter(|(at, _)| lost >> at & 1 == 1) {
                town.disk.remove(path).unwrap();
            }
            check(&town, &format!("{lost:b}")).await;
        }
    });
}

#[test]
fn a_generation_whose_journal_is_lost_comes_from_its_cut_or_is_named() {
    runtime().block_on(async {
        for journal in [2, 3] {
            for published in [true, false] {
                let mut town = four_generations().await;
                if published {
                    town.upload(0, u64::MAX).await;
                }
                let path = town.monitors[0].folder.journal(Generation::new(journal));
                town.disk.remove(&path).unwrap();
                if published {
                    check(&town, &format!("journal {journal}")).await;
                } else {
                    let refused = query(&town.reader(Some(0)), &Query::everything()).await.unwrap_err();
                    assert!(refused.to_string().contains("east"), "{refused}");
                }
            }
        }
    });
}

#[test]
fn a_cut_that_is_missing_below_others_is_named() {
    runtime().block_on(async {
        let mut town = four_generations().await;
        town.upload(0, u64::MAX).await;
        let east = Source::Monitor(town.monitors[0].id.clone());
        let key = layout::cut(&east, Generation::new(2));
        assert!(town.store.length(&key).await.unwrap().is_some());
        town.store.delete(&key).await.unwrap();
        let refused = query(&town.reader(None), &Query::everything()).await.unwrap_err();
        assert!(refused.to_string().contains(key.as_str()), "{refused}");
        check(&town, "its own machine has the log").await;
    });
}

#[test]
fn a_log_that_another_life_of_the_monitor_began_is_no_continuation() {
    runtime().block_on(async {
        let town = four_generations().await;
        let (folder, id) = (DataFolder::new("/east-again"), MonitorId::new("east").unwrap());
        let identity = Identity::establish(&*town.disk, &folder, &id, Incarnation::new(99)).unwrap();
        let options = log::Options { log_bytes: 2000, metrics: Metrics::default() };
        let now = town.clock.now();
        let (mut writer, _) = Writer::open(town.disk.clone(), folder.clone(), &identity, options, now).unwrap();
        let mut batch = Batch::new();
        let message = sent(900);
        batch.log.extend_from_slice(message.line().as_bytes());
        queue_row::encode(&mut batch.queue, &message.message());
        (batch.messages, batch.least, batch.greatest) = (1, message.time, message.time);
        writer.commit(&batch, now.date()).unwrap();

        // Its first generation has the number of one that the batch covers.
        let disk: Arc<dyn Disk> = town.disk.clone();
        let reader = Reader::new(town.store.clone(), Metrics::default()).with_folder(disk, folder);
        let refused = query(&reader, &Query::everything()).await.unwrap_err();
        assert!(refused.to_string().contains("between its batch view and its log"), "{refused}");
    });
}

#[test]
fn a_damaged_journal_is_named_unless_batch_or_cuts_have_its_generation() {
    runtime().block_on(async {
        for (generation, uploaded, answers) in [(1, false, true), (2, true, true), (2, false, false), (3, false, false)]
        {
            let mut town = four_generations().await;
            if uploaded {
                town.upload(0, u64::MAX).await;
            }
            let journal = town.monitors[0].folder.journal(Generation::new(generation));
            town.damage(&journal, 30);
            if answers {
                check(&town, &format!("damaged generation {generation}")).await;
                continue;
            }
            let refused = query(&town.reader(Some(0)), &Query::everything()).await.unwrap_err();
            assert!(refused.to_string().contains(journal.file_name().unwrap().to_str().unwrap()), "{refused}");
        }
    });
}
