//! Promise: a cluster with Kerberos, all of its traffic encrypted, is a store like any other, for as long as its keytab
//! is good: tickets that run out meanwhile are renewed.
//!
//! The cluster takes nothing that is not encrypted (`hadoop.rpc.protection` and `dfs.data.transfer.protection` are
//! `privacy`). What Kerberos reads comes from the environment, so each user is a process of their own: this one again.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::expect_used)]

#[path = "support"]
mod support {
    pub mod hdfs;
    mod skip;
    pub use skip::skip;
}

use std::process::Command;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hourglass_storage::{Durability, HdfsFailure, HdfsOptions, HdfsStore, Key, Store};
use support::hdfs::MiniCluster;

/// The cluster's address, for the processes of users.
const CLUSTER: &str = "HDFS_KERBEROS_TEST_CLUSTER";
/// Who of its users such a process is.
const USER: &str = "HDFS_KERBEROS_TEST_USER";
/// How long a ticket lasts where it is to run out. Shorter ones the clocks' allowed difference would hide.
const TICKET: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_with_kerberos_is_a_store() {
    match std::env::var(USER).as_deref() {
        Ok("with_a_keytab_it_keeps_what_a_store_promises") => with_a_keytab_it_keeps_what_a_store_promises().await,
        Ok("it_lets_in_whom_the_environment_names") => it_lets_in_whom_the_environment_names().await,
        Ok("it_lets_nobody_else_in") => it_lets_nobody_else_in().await,
        Ok("tickets_that_run_out_are_renewed") => tickets_that_run_out_are_renewed().await,
        Ok(other) => panic!("no user is called {other}"),
        Err(_) => its_users_are_served(),
    }
}

fn its_users_are_served() {
    let Some(cluster) = MiniCluster::start_with_kerberos() else { return };
    let ticket = cluster.environment_after_kinit("ticket");
    let keys = ("KRB5_CLIENT_KTNAME", cluster.keytab().display().to_string());
    let short = ("KRB5_CONFIG", short_lived(&cluster).display().to_string());
    let with = |name: &str, more| [cluster.environment(name), vec![more]].concat();
    as_user(&cluster, "with_a_keytab_it_keeps_what_a_store_promises", cluster.environment("keytab"));
    as_user(&cluster, "it_lets_in_whom_the_environment_names", ticket);
    as_user(&cluster, "it_lets_in_whom_the_environment_names", with("keys", keys));
    as_user(&cluster, "it_lets_nobody_else_in", cluster.environment("nobody"));
    as_user(&cluster, "tickets_that_run_out_are_renewed", with("short", short));
}

/// Runs this test again as a user of this cluster, in that user's environment.
fn as_user(cluster: &MiniCluster, user: &str, environment: Vec<(&str, String)>) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "a_cluster_with_kerberos_is_a_store", "--nocapture"]);
    command.env(CLUSTER, cluster.url("")).env(USER, user);
    command.env_remove("HADOOP_USER_NAME").env_remove("KRB5_CLIENT_KTNAME").envs(environment);
    let output = command.output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success() && said.contains("1 passed"), "{user}: {said}");
}

/// A Kerberos configuration with which tickets run out while one looks on.
fn short_lived(cluster: &MiniCluster) -> std::path::PathBuf {
    let folder = cluster.client_configuration();
    let usual = std::fs::read_to_string(folder.join("krb5.conf")).unwrap();
    let lifetime = format!("[libdefaults]\n    ticket_lifetime = {}s\n    clockskew = 1\n", TICKET.as_secs());
    std::fs::write(folder.join("short.conf"), usual.replace("[libdefaults]", &lifetime)).unwrap();
    folder.join("short.conf")
}

fn url(folder: &str) -> String {
    std::env::var(CLUSTER).expect("run by a_cluster_with_kerberos_is_a_store") + folder
}

/// Who names keys of their own.
fn with_keytab() -> HdfsOptions {
    let folder = std::env::var("HADOOP_CONF_DIR").unwrap();
    let principal = Some("hourglass@EXAMPLE.COM".to_owned());
    HdfsOptions { principal, keytab: Some(format!("{folder}/hourglass.keytab")), ..HdfsOptions::default() }
}

fn key(text: &str) -> Key {
    Key::new(text).unwrap()
}

async fn with_a_keytab_it_keeps_what_a_store_promises() {
    let store = HdfsStore::open(&url("suite"), &with_keytab()).await.unwrap();
    hourglass_storage::conformance::suite(&store).await;
    store.append(&key("grown"), 0, Bytes::from(vec![b'x'; 3 << 20])).await.unwrap();
    store.close(&key("grown")).await.unwrap();
    let kept = store.kept(&key("grown")).await.unwrap();
    assert_eq!((kept.durability, kept.owner.as_str()), (Durability::Synced, "hourglass"));
}

async fn it_lets_in_whom_the_environment_names() {
    let store = HdfsStore::open(&url("named"), &HdfsOptions::default()).await.unwrap();
    let file = key(&format!("made-{}", std::process::id()));
    store.append(&file, 0, Bytes::from_static(b"one\n")).await.unwrap();
    store.append(&file, 4, Bytes::from_static(b"two\n")).await.unwrap();
    assert_eq!(store.read(&file).await.unwrap(), "one\ntwo\n");
    assert_eq!(store.kept(&file).await.unwrap().owner, "hourglass");
}

async fn it_lets_nobody_else_in() {
    let stranger = Some("stranger@EXAMPLE.COM".to_owned());
    for options in [
        HdfsOptions::default(),
        HdfsOptions { principal: stranger, ..with_keytab() },
        HdfsOptions { keytab: Some("/nonexistent".to_owned()), ..with_keytab() },
    ] {
        let refused = HdfsStore::open(&url("suite"), &options).await.unwrap_err();
        eprintln!("{refused}");
        assert!(matches!(refused, HdfsFailure::Refused(_)), "{refused:?}");
    }
    // The name node hangs up on who does not speak of Kerberos; the client does not say more.
    let settings = vec![("hadoop.security.authentication".to_owned(), "simple".to_owned())];
    let unaware = HdfsOptions { settings, ..HdfsOptions::default() };
    assert!(HdfsStore::open(&url("suite"), &unaware).await.is_err());
}

/// One client, always at work, so that its connections are older than any ticket.
async fn tickets_that_run_out_are_renewed() {
    let store = HdfsStore::open(&url("renewed"), &with_keytab()).await.unwrap();
    let (start, mut length) = (Instant::now(), 0);
    while start.elapsed() < 3 * TICKET {
        store.append(&key("grown"), length, Bytes::from_static(b"one\n")).await.unwrap();
        length += 4;
    }
    assert_eq!(store.read(&key("grown")).await.unwrap().len() as u64, length);
}
