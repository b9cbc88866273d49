//! The store's keys: what all machines share.

use std::fmt::Display;

use schema::{Date, Generation, Incarnation, MonitorId, Month, ServiceName, Source};

use super::names::{BatchName, DatedName, RealtimeName, parse_labelled, parse_numbered};
use crate::Key;

/// `store.json`: what the store holds, fixed when it was made.
pub fn store() -> Key {
    Key::root().push("store.json")
}

/// `master`: the dated files, a folder for each day.
pub fn master() -> Key {
    Key::root().push("master")
}

/// `master/date=<date>`: the dated files of one day.
pub fn master_day(date: Date) -> Key {
    master().push(&format!("date={date}"))
}

/// `master/date=<date>/<name>`: a dated file.
pub fn dated(date: Date, name: &DatedName) -> Key {
    master_day(date).push(&name.to_string())
}

/// The day and name of a dated file.
pub fn parse_dated(key: &Key) -> Option<(Date, DatedName)> {
    let [folder, day, name] = parts(key)?;
    let date = parse_labelled(day, "date=")?;
    (folder == "master").then_some((date, DatedName::parse(name)?))
}

/// `monitors`: a folder of claims for each monitor.
pub fn monitors() -> Key {
    Key::root().push("monitors")
}

/// `monitors/<id>`: the claims to a monitor's id.
pub fn claims(id: &MonitorId) -> Key {
    monitors().push(id)
}

/// `monitors/<id>/<k>.json`: the `k`-th claim to a monitor's id.
pub fn claim(id: &MonitorId, k: u64) -> Key {
    claims(id).push(&format!("{k:06}.json"))
}

/// `monitors/<id>/<k>.fence.json`: from then on the `k`-th incarnation changes nothing.
pub fn fence(id: &MonitorId, k: u64) -> Key {
    claims(id).push(&format!("{k:06}.fence.json"))
}

/// `monitors/<id>/<k>.final.json`: what the `k`-th incarnation ended with.
pub fn final_(id: &MonitorId, k: u64) -> Key {
    claims(id).push(&format!("{k:06}.final.json"))
}

/// The number of a claim, by its file's name.
pub fn parse_claim(name: &str) -> Option<u64> {
    parse_numbered(name, "", 6, ".json")
}

/// `cuts`: a folder for each source.
pub fn cuts() -> Key {
    Key::root().push("cuts")
}

/// `cuts/<source>`: the cuts of one source.
pub fn cuts_of(source: &Source) -> Key {
    cuts().push(&source.to_string())
}

/// `cuts/<source>/<g>.json`: where a source's generation ends.
pub fn cut(source: &Source, generation: Generation) -> Key {
    cuts_of(source).push(&numbered(generation.get()))
}

/// The source of a folder in [`cuts`], by its name.
pub fn source_of_folder(name: &str) -> Option<Source> {
    parse_labelled(name, "")
}

/// The generation of a cut, by its file's name.
pub fn parse_cut(name: &str) -> Option<Generation> {
    parse_numbered(name, "", 10, ".json").map(Generation::new)
}

/// `views/batch`: the batch views, a folder for each service.
pub fn batch() -> Key {
    views().push("batch")
}

/// `views/batch/service=<s>`: one service's batch view.
pub fn batch_of_service(service: &ServiceName) -> Key {
    batch().push(&format!("service={}", service.path_part()))
}

/// `views/batch/service=<s>/date=<date>/<name>`: a day of a batch view.
pub fn batch_day(service: &ServiceName, date: Date, name: BatchName) -> Key {
    batch_period(service, "date", date, name)
}

/// `views/batch/service=<s>/month=<month>/<name>`: a month of a batch view.
pub fn batch_month(service: &ServiceName, month: Month, name: BatchName) -> Key {
    batch_period(service, "month", month, name)
}

/// Which build made a file of [`batch`].
pub fn parse_batch(key: &Key) -> Option<BatchName> {
    let [views, batch, service, period, name] = parts(key)?;
    let day = parse_labelled::<Date>(period, "date=").is_some();
    let month = parse_labelled::<Month>(period, "month=").is_some();
    let ours = views == "views" && batch == "batch" && service.starts_with("service=") && (day || month);
    BatchName::parse(name).filter(|_| ours)
}

/// `views/realtime/<id>`: one monitor's realtime views.
pub fn realtime_of_monitor(id: &MonitorId) -> Key {
    views().push("realtime").push(id)
}

/// `views/realtime/<id>/<incarnation>`: those of one of its lives.
pub fn realtime_of_incarnation(id: &MonitorId, incarnation: Incarnation) -> Key {
    realtime_of_monitor(id).push(&incarnation.to_string())
}

/// `views/realtime/<id>/<incarnation>/<name>`: a realtime view.
pub fn realtime_view(id: &MonitorId, incarnation: Incarnation, name: &RealtimeName) -> Key {
    realtime_of_incarnation(id, incarnation).push(&name.to_string())
}

/// `views/manifest`: the manifests.
pub fn manifests() -> Key {
    views().push("manifest")
}

/// `views/manifest/<n>.json`: the `n`-th manifest.
pub fn manifest(n: u64) -> Key {
    manifests().push(&numbered(n))
}

/// The number of a manifest, by its file's name.
pub fn parse_manifest(name: &str) -> Option<u64> {
    parse_numbered(name, "", 10, ".json")
}

/// `views/manifest-pages`: what manifests name, a file a period.
pub fn manifest_pages() -> Key {
    views().push("manifest-pages")
}

/// `views/manifest-pages/<base>-<attempt>.json`: one of them, by who made it.
pub fn manifest_page(name: BatchName) -> Key {
    manifest_pages().push(&format!("{}.json", name.stem()))
}

/// Which build made a file of [`manifest_pages`], by its name.
pub fn parse_manifest_page(name: &str) -> Option<BatchName> {
    BatchName::parse_stem(name.strip_suffix(".json")?)
}

/// `views/manifest-hint`: a number that the newest manifest's is not below.
pub fn manifest_hint() -> Key {
    views().push("manifest-hint")
}

fn views() -> Key {
    Key::root().push("views")
}

fn numbered(number: u64) -> String {
    format!("{number:010}.json")
}

fn batch_period(service: &ServiceName, label: &str, period: impl Display, name: BatchName) -> Key {
    batch_of_service(service).push(&format!("{label}={period}")).push(&name.to_string())
}

/// A key's parts, if it has that many.
fn parts<const N: usize>(key: &Key) -> Option<[&str; N]> {
    key.parts().collect::<Vec<_>>().try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use schema::{ImportHash, Position};

    #[test]
    fn the_store_is_laid_out_as_documented() {
        let id = MonitorId::new("web-1").unwrap();
        let service = ServiceName::new("pay/ä").unwrap();
        let date: Date = "2026-11-21".parse().unwrap();
        let name = RealtimeName { generation: Generation::new(4), from: Position::new(5, 0), to: Position::new(5, 9) };
        let import = Source::Import(ImportHash([0xab; 32]));
        let build = BatchName { base: 3, attempt: 0xbeef };
        for (key, text) in [
            (store(), "store.json"),
            (dated(date, &DatedName::Log { id: id.clone(), seq: 7 }), "master/date=2026-11-21/web-1-0000000007.ndjson"),
            (claim(&id, 1), "monitors/web-1/000001.json"),
            (cut(&Source::Monitor(id.clone()), Generation::new(2)), "cuts/web-1/0000000002.json"),
            (cut(&import, Generation::new(0)), &format!("cuts/import-{}/0000000000.json", "ab".repeat(32))),
            (
                batch_day(&service, date, build),
                "views/batch/service=pay%2F%C3%A4/date=2026-11-21/0000000003-0000beef.parquet",
            ),
            (
                batch_month(&service, date.month(), build),
                "views/batch/service=pay%2F%C3%A4/month=2026-11/0000000003-0000beef.parquet",
            ),
            (
                realtime_view(&id, Incarnation::new(1), &name),
                "views/realtime/web-1/0000000000000001/0000000004-0000000005.000000000000-0000000005.000000000009.parquet",
            ),
            (manifest(12), "views/manifest/0000000012.json"),
            (manifest_page(build), "views/manifest-pages/0000000003-0000beef.json"),
            (manifest_hint(), "views/manifest-hint"),
        ] {
            assert_eq!(key.as_str(), text);
            assert_eq!(Key::new(text), Ok(key));
        }
    }

    #[test]
    fn what_is_built_is_read_back() {
        let date: Date = "2026-11-21".parse().unwrap();
        let name = DatedName::Import { import: ImportHash([1; 32]), attempt: 2, part: 3 };
        assert_eq!(parse_dated(&dated(date, &name)), Some((date, name)));
        let service = ServiceName::new(&"ä".repeat(64)).unwrap();
        let build = BatchName { base: 3, attempt: 4 };
        assert_eq!(parse_batch(&batch_day(&service, date, build)), Some(build));
        assert_eq!(parse_batch(&batch_month(&service, date.month(), build)), Some(build));
        assert_eq!(parse_cut(cut(&Source::Import(ImportHash([1; 32])), Generation::new(2)).name()).unwrap().get(), 2);
        assert_eq!(parse_manifest(manifest(u64::MAX).name()), Some(u64::MAX));
        assert_eq!(parse_manifest_page(manifest_page(build).name()), Some(build));
        assert_eq!(parse_claim(claim(&MonitorId::new("a").unwrap(), 9).name()), Some(9));
        assert_eq!(source_of_folder("import-nonsense"), None);
        assert_eq!(parse_dated(&Key::new("master/date=2026-11-21/notes.txt").unwrap()), None);
    }

    #[test]
    fn every_service_fits_a_key_part() {
        for name in ["a", "~", ".", "..", &"~".repeat(128), &" ".repeat(128), &"ä".repeat(64)] {
            let key = batch_of_service(&ServiceName::new(name).unwrap());
            assert_eq!(Key::new(key.as_str()), Ok(key));
        }
    }
}
