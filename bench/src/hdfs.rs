//! A store in HDFS: the full rebuild against the same from the local disk, and against Spark's rollup of the same files;
//! what keeping the store up to date costs the monitor, and how far the store is behind.
//!
//! The cluster (one copy of each block) shares these cores, and so do its data node's disk and ours.

use crate::cluster::Cluster;
use crate::data::{self, Layouts};
use crate::process::Server;
use crate::report::{Report, Row, median, megabytes, quantile};
use crate::upload::{self, Uploading};
use crate::workshop::Workshop;
use anyhow::{Context, Result, ensure};
use std::path::Path;

/// Seven rows.
pub(crate) fn run(workshop: &Workshop, report: &mut Report) -> Result<()> {
    let cluster = Cluster::start(workshop)?;
    rebuilds(workshop, &cluster, report)?;
    uploads(workshop, &cluster, report)
}

fn rebuilds(workshop: &Workshop, cluster: &Cluster, report: &mut Report) -> Result<()> {
    let messages = 10_000_000 / workshop.scale;
    let file = data::day(workshop, Layouts::One, messages, 0)?;
    let (local, remote) = (workshop.fresh_folder("rebuild-local")?, cluster.url("rebuild"));
    import(workshop, &local, None, &file)?;
    import(workshop, &workshop.fresh_folder("rebuild-remote")?, Some(&remote), &file)?;
    let (mut here, mut there, mut peak) = (Vec::new(), Vec::new(), 0);
    for run in 0..=workshop.runs {
        let disk = workshop.measure(workshop.hourglass().args(["rebuild", "--full", "--data"]).arg(&local))?;
        let hdfs = workshop.measure(workshop.hourglass().args(["rebuild", "--full", "--store", &remote]))?;
        ensure!(content(&disk.output)? == content(&hdfs.output)?, "the two rebuilds differ in content");
        if run > 0 {
            here.push(disk.seconds);
            there.push(hdfs.seconds);
            peak = peak.max(hdfs.peak_bytes);
        }
    }
    let spark = spark(workshop, cluster, &remote)?;
    report.add(Row {
        work: "`rebuild --full` of 10 M messages from HDFS, whole process, against the same from the local disk",
        must: "0.5x",
        aim: "0.8x",
        reached: format!("{:.2}x", median(&here) / median(&there)),
        figures: format!(
            "{:.2} s for {}; local {:.2} s",
            median(&there),
            megabytes(std::fs::metadata(&file)?.len()),
            median(&here)
        ),
    });
    report.add(Row {
        work: "the same, against Spark's rollup (local[2]) of the same files in HDFS",
        must: "10x",
        aim: "30x",
        reached: format!("{:.1}x", median(&spark) / median(&there)),
        figures: format!("{:.2} s; Spark {:.2} s, start-up and a first run left out", median(&there), median(&spark)),
    });
    report.add(Row {
        work: "peak memory of a rebuild from HDFS",
        must: "256 MB",
        aim: "64 MB",
        reached: megabytes(peak),
        figures: "VmHWM".to_owned(),
    });
    Ok(())
}

/// Imports a file into a store: the data folder's own, or another.
fn import(workshop: &Workshop, folder: &Path, store: Option<&str>, file: &Path) -> Result<()> {
    let mut command = workshop.hourglass();
    command.args(["import", "--data"]).arg(folder).args(store.iter().flat_map(|store| ["--store", store])).arg(file);
    workshop.measure(&mut command).map(drop)
}

/// The hash of what a rebuild built.
fn content(output: &str) -> Result<String> {
    let hash = output.trim().rsplit_once("content ").map(|(_, hash)| hash.to_owned());
    hash.with_context(|| format!("no content in: {output}"))
}

/// The seconds of Spark's runs over a store's dated files.
fn spark(workshop: &Workshop, cluster: &Cluster, store: &str) -> Result<Vec<f64>> {
    let small = data::day(workshop, Layouts::One, 10_000, 0)?;
    let threads = std::thread::available_parallelism()?.to_string();
    let mut spark = workshop.peer("spark_rollup.py", "pyspark")?;
    spark
        .arg(format!("{store}/master"))
        .arg(small)
        .arg(cluster.url("spark"))
        .arg(threads)
        .arg(workshop.runs.to_string());
    let finished = workshop.measure(&mut spark)?;
    let seconds = finished.output.split_whitespace().map(|number| Ok(number.parse()?)).collect::<Result<Vec<f64>>>()?;
    ensure!(seconds.len() == workshop.runs, "unexpected from spark_rollup.py: {}", finished.output);
    Ok(seconds)
}

fn uploads(workshop: &Workshop, cluster: &Cluster, report: &mut Report) -> Result<()> {
    let (mut on, mut off, mut lags, mut peak) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for run in 0..=workshop.runs {
        let with = upload::paced(workshop, &cluster.url(&format!("on-{run}")), Uploading::On)?;
        let without = upload::paced(workshop, &cluster.url(&format!("off-{run}")), Uploading::Off)?;
        if run > 0 {
            on.push(with.cpu_micros);
            off.push(without.cpu_micros);
            lags.extend(with.lags);
            peak = peak.max(with.peak_bytes);
        }
    }
    let ratios: Vec<f64> = on.iter().zip(&off).map(|(on, off)| on / off).collect();
    report.add(Row {
        work: "the monitor's CPU time a message at 100 000 messages/s, uploading to HDFS against not uploading",
        must: "1.2x",
        aim: "1.05x",
        reached: format!("{:.2}x", median(&ratios)),
        figures: format!("{:.2} us; {:.2} us with upload.every = 1d, upload.bytes = 1GiB", median(&on), median(&off)),
    });
    report.add(Row {
        work: "upload lag at 100 000 messages/s: written to in HDFS and said so by status.json, p99",
        must: "15 s",
        aim: "7 s",
        reached: format!("{:.1} s", quantile(&lags, 0.99)),
        figures: format!("median {:.1} s; status.json is written each second", median(&lags)),
    });
    report.add(Row {
        work: "peak memory of the monitor uploading to HDFS at 100 000 messages/s",
        must: "64 MB",
        aim: "32 MB",
        reached: megabytes(peak),
        figures: "VmHWM".to_owned(),
    });
    raw_bytes(workshop, cluster, report)
}

/// The last row: everything a monitor has received, and what a machine that has only the store reads back.
fn raw_bytes(workshop: &Workshop, cluster: &Cluster, report: &mut Report) -> Result<()> {
    let (folder, store) = (workshop.fresh_folder("raw")?, cluster.url("raw"));
    let file = data::day(workshop, Layouts::One, 1_000_000 / workshop.scale, 1)?;
    let mut monitor = workshop.hourglass();
    monitor.args(["monitor", "--listen", "127.0.0.1:0", "--store", &store, "--data"]).arg(&folder);
    let monitor = Server::start(&mut monitor)?;
    workshop.measure(workshop.part("send").arg("--ack").arg(monitor.address()?).arg(&file))?;
    monitor.stop()?;
    let (received, stored) = (std::fs::metadata(&file)?.len(), upload::status(&folder)?.uploaded.1);
    report.add(Row {
        work: "raw bytes in the store over raw bytes received, once the monitor has ended",
        must: "1.01",
        aim: "1.00",
        reached: format!("{:.4}", stored as f64 / received as f64),
        figures: format!("{stored} bytes of {received}"),
    });
    Ok(())
}
