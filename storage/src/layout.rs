//! Every path of the data folder and every key of the store: built and parsed
//! here and nowhere else.
//!
//! Data folder ([`DataFolder`], on the monitor's own disk):
//! ```text
//! monitor.lock  scheduler.lock  import.lock     locked, one per role
//! identity.json
//! log/date=YYYY-MM-DD/<id>-<seq:010>.ndjson
//! journal/gen-<g:010>.journal
//! queue/gen-<g:010>.csv
//! realtime/<g:010>-<from>-<to>.parquet          a position is <seq:010>.<offset:012>
//! quarantine/date=YYYY-MM-DD.ndjson
//! status.json
//! import/                                       staging of imports
//! store/                                        the default store
//! ```
//! Store ([`Key`](crate::Key)s):
//! ```text
//! store.json
//! master/date=YYYY-MM-DD/<id>-<seq:010>.ndjson
//! master/date=YYYY-MM-DD/import-<hash>-<attempt:8 hex>-<part:06>.ndjson
//! monitors/<id>/<k:06>.json
//! cuts/<source>/<g:010>.json                    a source is a monitor's id or import-<hash>
//! views/batch/service=<s>/date=YYYY-MM-DD/<base:010>-<attempt:8 hex>.parquet
//! views/batch/service=<s>/month=YYYY-MM/<base:010>-<attempt:8 hex>.parquet
//! views/realtime/<id>/<incarnation>/<g:010>-<from>-<to>.parquet
//! views/manifest/<n:010>.json
//! views/manifest-pages/<base:010>-<attempt:8 hex>.json
//! views/manifest-hint
//! ```
//! `<s>` is [`ServiceName::path_part`](schema::ServiceName::path_part); a
//! monitor's id is a path part as it stands. Numbers are decimal, padded with
//! zeros to the width shown (longer ones are written in full), so names sort as
//! numbers do.
//!
//! What must hold: a parser accepts exactly what the builder writes, so a
//! foreign file is never taken for one of ours.

mod data_folder;
mod names;
mod store_keys;

pub use data_folder::{DataFolder, Role, parse_journal, parse_queue};
pub use names::{BatchName, DatedName, RealtimeName};
pub use store_keys::{
    batch, batch_day, batch_month, batch_of_service, claim, claims, cut, cuts, cuts_of, dated, fence, final_, manifest,
    manifest_hint, manifest_page, manifest_pages, manifests, master, master_day, monitors, parse_batch, parse_claim,
    parse_cut, parse_dated, parse_manifest, parse_manifest_page, realtime_of_incarnation, realtime_of_monitor,
    realtime_view, source_of_folder, store,
};
