//! View files: rows come back as written, others read the columns, and a flipped bit gives the true rows or an error.

use std::ops::Range;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use proptest::prelude::*;
use schema::{Metric, Metrics, Minute};

use super::*;
use crate::error::{Result, ViewError};
use crate::fixture::{DAY, MINUTE, Model, Plain, Sent, TODAY, count, messages, micros, millionths, plain, table};
use crate::selection::Selection;

fn written(messages: &[Sent]) -> Written {
    write(&Metrics::default(), &table(messages), &[("from", "3:0".into())]).unwrap()
}

fn read(bytes: Bytes, selection: &Selection) -> Result<Vec<Plain>> {
    let mut rows = Vec::new();
    ViewFile::of_bytes("test", bytes, &Metrics::default())?.read(selection, &mut |row| rows.push(plain(row)))?;
    Ok(rows)
}

fn few() -> Vec<Sent> {
    let one = |service, time, value| Sent { service, time: micros(time), values: [millionths(value); 3] };
    vec![
        one("checkout", TODAY + 5, 1_500_000),
        one("checkout", TODAY + 7, -2),
        one("basket", TODAY + DAY + 61_000_000, 999_999_999_999_999_999),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn a_view_gives_back_the_rows_it_was_written_from(messages in messages(200)) {
        let view = written(&messages);
        let rows = read(view.bytes.clone(), &Selection::everything()).unwrap();
        prop_assert!(rows.is_sorted_by(|a, b| (a.0.1, &a.0.0) < (b.0.1, &b.0.0)));
        let model = count(&messages);
        prop_assert_eq!((view.rows, view.messages), (model.len() as u64, messages.len() as u64));
        prop_assert_eq!(rows.into_iter().collect::<Model>(), model);
    }

    #[test]
    fn a_view_gives_the_selected_rows(messages in messages(200), from in -70..10_i64, days in 0..70_i64) {
        let minute = |day: i64| micros(TODAY + day * DAY + 90 * MINUTE).minute();
        let range: Range<Minute> = minute(from)..minute(from + days);
        let wanted = messages.iter().filter(|message| range.contains(&message.time.minute()));
        let rows = read(written(&messages).bytes, &Selection::minutes(range.clone())).unwrap();
        prop_assert_eq!(rows.into_iter().collect::<Model>(), count(wanted));
    }

    #[test]
    fn equal_rows_have_equal_bytes_and_checksums(messages in messages(100)) {
        let mut reversed = messages.clone();
        reversed.reverse();
        let (one, other) = (written(&messages), written(&reversed));
        prop_assert_eq!(one.crc32c, other.crc32c);
        prop_assert_eq!(one.bytes, other.bytes);
    }
}

/// All that a reader may learn from a view: its notes, all rows, and those of its second day.
fn learn(bytes: Bytes) -> Result<(Option<String>, Vec<Plain>, Vec<Plain>)> {
    let note = ViewFile::of_bytes("test", bytes.clone(), &Metrics::default())?.note("from").map(str::to_owned);
    let second_day = micros(TODAY + DAY).minute()..micros(TODAY + 2 * DAY).minute();
    Ok((note, read(bytes.clone(), &Selection::everything())?, read(bytes, &Selection::minutes(second_day))?))
}

#[test]
fn whatever_byte_is_damaged_the_rows_are_right_or_refused() {
    let view = written(&few());
    let intact = learn(view.bytes.clone()).unwrap();
    let mut refused = 0;
    for at in 0..view.bytes.len() {
        for bit in [0x01, 0x80] {
            let mut bytes = view.bytes.to_vec();
            bytes[at] ^= bit;
            match learn(bytes.into()) {
                Ok(learnt) => assert_eq!(learnt, intact, "bit {bit} of byte {at}"),
                Err(ViewError::Corrupt { name, .. }) if name == "test" => refused += 1,
                Err(other) => panic!("bit {bit} of byte {at}: {other}"),
            }
        }
    }
    assert!(refused > view.bytes.len() / 2, "only {refused} of {} damaged files refused", 2 * view.bytes.len());
}

#[test]
fn a_view_cut_short_is_refused() {
    let bytes = written(&few()).bytes;
    for length in 0..bytes.len() {
        assert!(read(bytes.slice(..length), &Selection::everything()).is_err(), "{length}");
    }
}

#[test]
fn a_view_of_other_metrics_is_refused() {
    let other = Metrics::new(vec![Metric { name: "gpu".parse().unwrap(), read: schema::Read::Used }]).unwrap();
    let refused = ViewFile::of_bytes("test", written(&few()).bytes, &other);
    assert!(matches!(refused, Err(ViewError::Corrupt { .. })));
}

#[test]
fn a_view_without_rows_can_be_read() {
    let view = written(&[]);
    assert_eq!((view.rows, view.crc32c), (0, 0));
    assert_eq!(read(view.bytes, &Selection::everything()).unwrap(), vec![]);
}

#[test]
fn a_view_keeps_its_notes_and_its_checksum() {
    let view = written(&few());
    let file = ViewFile::of_bytes("test", view.bytes, &Metrics::default()).unwrap();
    assert_eq!(file.note("from"), Some("3:0"));
    assert_eq!(file.note("to"), None);
    assert_eq!((file.rows(), file.crc32c()), (2, view.crc32c));
}

#[test]
fn other_tools_find_the_columns_by_name_and_the_nearest_doubles() {
    let reader = ParquetRecordBatchReaderBuilder::try_new(written(&few()).bytes).unwrap().build().unwrap();
    let batches: Vec<_> = reader.map(|batch| batch.unwrap()).collect();
    let names: Vec<_> = batches[0].schema().fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(
        names.join(","),
        "service,time_stamp,cpu,ram,disk,max_cpu_time,max_cpu,max_ram_time,max_ram,max_disk_time,max_disk,msg_num,\
         cpu_exact,ram_exact,disk_exact,max_cpu_exact,max_ram_exact,max_disk_exact"
    );
    let cpu = batches[0].column_by_name("cpu").unwrap().as_primitive::<Float64Type>();
    assert_eq!(cpu.value(0), 1.499998);
    let exact = batches[0].column_by_name("cpu_exact").unwrap();
    assert_eq!(exact.data_type().to_string(), "Decimal128(38, 6)");
}

#[test]
fn every_flipped_bit_shows_in_the_checksum_of_the_whole_file() {
    let sound = written(&few()).bytes.to_vec();
    assert_eq!(differs(&sound), None);
    for at in 0..sound.len() {
        let mut file = sound.clone();
        file[at] ^= 1 << (at % 8);
        assert!(differs(&file).is_some(), "byte {at}");
    }
    assert!(differs(&sound[..sound.len() - 1]).is_some());
    assert!(differs(&[&sound[..], b"x"].concat()).is_some());
    assert!(differs(b"").is_some());
}
