//! The promise: a refresh makes what is durable visible in one Parquet view a
//! generation, rebuilds whatever is lost or damaged, and shows the store's
//! readers nothing whose bytes are not there.

use storage::layout;

use crate::town::{Sent, TODAY, Town, micros};
use views::{Query, View, query};

fn sent(second: i64) -> Sent {
    Sent::plain("checkout", micros(TODAY + second * 1_000_000), second)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap()
}

/// How many messages a reader without a log sees of the speed layer.
async fn visible_elsewhere(town: &Town) -> u64 {
    let asked = Query { view: View::Realtime, ..Query::everything() };
    query(&town.reader(None), &asked).await.unwrap().coverage.messages()
}

#[test]
fn a_refresh_writes_nothing_when_nothing_is_new() {
    runtime().block_on(async {
        let mut town = Town::new().await;
        assert_eq!(town.monitors[0].refresher.refresh().await.unwrap().unwrap().written, 0);
        town.commit(0, &[sent(1), sent(61)], true);
        let refreshed = town.monitors[0].refresher.refresh().await.unwrap().unwrap();
        assert_eq!((refreshed.written, refreshed.rows), (1, 2));
        assert_eq!(refreshed.to, town.monitors[0].writer.state().position());
        let again = town.monitors[0].refresher.refresh().await.unwrap().unwrap();
        assert_eq!((again.written, again.rows, again.to), (0, 2, refreshed.to));
    });
}

#[test]
fn a_closed_generation_gets_a_final_view_that_reaches_its_cut() {
    runtime().block_on(async {
        let mut town = Town::new().await;
        town.commit(0, &[sent(1)], true);
        town.refresh(0).await;
        town.rotate(0);
        town.refresh(0).await;
        let cut = town.monitors[0].writer.state().start();
        let name = town.realtime_views(0).pop().unwrap();
        let name = layout::RealtimeName::parse(name.file_name().unwrap().to_str().unwrap()).unwrap();
        assert_eq!(name.to, cut);
    });
}

#[test]
fn a_view_reaches_the_store_only_when_its_bytes_have() {
    runtime().block_on(async {
        let mut town = Town::new().await;
        town.commit(0, &[sent(1)], true);
        town.refresh(0).await;
        town.upload(0, 10).await;
        town.publish_views(0).await;
        assert_eq!(visible_elsewhere(&town).await, 0);
        town.upload(0, u64::MAX).await;
        town.publish_views(0).await;
        assert_eq!(visible_elsewhere(&town).await, 1);

        // A newer view waits, the older one still serves.
        town.commit(0, &[sent(2)], true);
        town.refresh(0).await;
        town.publish_views(0).await;
        assert_eq!(visible_elsewhere(&town).await, 1);
    });
}

#[test]
fn a_damaged_view_is_built_anew_whichever_byte_it_is() {
    runtime().block_on(async {
        let mut town = Town::new().await;
        town.commit(0, &[sent(1), sent(61)], true);
        town.refresh(0).await;
        for at in (0..10_000).step_by(97) {
            town.damage(&town.realtime_views(0).pop().unwrap(), at);
            town.commit(0, &[sent(at as i64)], true);
            let refreshed = town.monitors[0].refresher.refresh().await.unwrap().unwrap();
            assert_eq!(refreshed.to, town.monitors[0].writer.state().position());
            let asked = Query { view: View::Realtime, ..Query::everything() };
            let answer = query(&town.reader(Some(0)), &asked).await.unwrap();
            let counted: u64 = answer.rows.iter().map(|row| row.aggregate.msg_num).sum();
            assert_eq!(counted, town.monitors[0].sent.len() as u64, "byte {at}");
        }
    });
}
