//! Promise: a store in HDFS is reached as Hadoop's own clients reach it, by the same files, variables and tickets; it
//! says how it keeps what it is given, and what to do where it lets nobody in.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::path::Path;

use serde_json::Value;
use support::hdfs::MiniCluster;
use support::{Ended, hourglass};

const LINES: &str = concat!(
    r#"{"service":"checkout","ts":1763715600,"cpu":0.5,"ram":0.25,"disk":0.125}"#,
    "\n",
    r#"{"service":"search","ts":1763715660,"cpu":0.5,"ram":0.25,"disk":0.125}"#,
    "\n",
);

/// Somebody with an environment.
struct User<'a>(&'a [(&'a str, String)]);

impl User<'_> {
    fn run(&self, line: &str) -> Ended {
        let mut command = hourglass(line.split_whitespace());
        let output = command.envs(self.0.iter().map(|(name, value)| (name, value))).output().unwrap();
        Ended {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Makes a store of two messages, with these flags, and sees that it is one.
    fn fill(&self, folder: &Path, store: &str) {
        std::fs::write(folder.join("lines"), LINES).unwrap();
        let (data, lines) = (folder.join("data"), folder.join("lines"));
        self.run(&format!("import {} --data {} {store}", lines.display(), data.display())).fine();
        self.run(&format!("rebuild {store}")).fine();
        self.run(&format!("verify {store}")).fine();
        std::fs::remove_dir_all(data).unwrap();
    }

    fn status(&self, store: &str) -> (String, Value) {
        let json = self.run(&format!("status --format json {store}")).fine().stdout;
        (self.run(&format!("status {store}")).fine().stdout, serde_json::from_str(&json).unwrap())
    }
}

#[test]
fn a_store_is_reached_as_hadoop_reaches_it_and_says_how_it_keeps_files() {
    let Some(mut cluster) = MiniCluster::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let configuration = ("HADOOP_CONF_DIR", cluster.client_configuration().display().to_string());
    let as_alice = [configuration.clone(), ("HADOOP_USER_NAME", "alice".to_owned())];
    let as_bob = [configuration, ("HADOOP_USER_NAME", "bob".to_owned())];
    let (alice, bob) = (User(&as_alice), User(&as_bob));

    alice.fill(folder.path(), "--store hdfs:///mine --hdfs-mode 640 --hdfs-group people");
    let (text, json) = bob.status("--store hdfs:///mine");
    assert!(text.contains("appends synced by hsync, replication 3; files of alice:people, mode 640"), "{text}");
    let kept = |kind: &str, durable: &str, coded: bool, copies: u32, owner: &str, group: &str, mode: &str| {
        serde_json::json!({
            "kind": kind, "durable": durable, "erasure_coded": coded, "replication": copies,
            "owner": owner, "group": group, "mode": mode,
        })
    };
    assert_eq!(json["kept"], kept("hdfs", "hsync", false, 3, "alice", "people", "640"));
    let line = "import lines --data data --store hdfs:///mine --hdfs-keytab x";
    assert!(alice.run(line).stderr.contains("hdfs.principal"), "keys are whose?");
    assert_eq!(bob.run("cat --store hdfs:///mine").fine().stdout, LINES);

    // A key says the same as the variable, and over it.
    bob.fill(folder.path(), &format!("--store {} --hdfs-user alice --hdfs-replication 2", cluster.url("yours")));
    let (text, _) = bob.status("--store hdfs:///yours");
    assert!(text.contains("replication 2; files of alice:"), "{text}");

    cluster.erasure_code("coded", "XOR-2-1-1024k");
    alice.fill(folder.path(), "--store hdfs:///coded/store --hdfs-user root");
    let (text, json) = bob.status("--store hdfs:///coded/store");
    assert!(text.contains("erasure-coded, so never synced: appends durable once closed"), "{text}");
    assert_eq!((&json["kept"]["durable"], &json["kept"]["erasure_coded"]), (&"close".into(), &true.into()));

    a_view_of_mounts_is_reached_by_its_name(&cluster, folder.path());
}

/// `fs.defaultFS` may be a view too.
fn a_view_of_mounts_is_reached_by_its_name(cluster: &MiniCluster, folder: &Path) {
    let property =
        |name: &str, value: String| format!("<property><name>{name}</name><value>{value}</value></property>");
    let properties = [
        property("fs.defaultFS", "viewfs://view".to_owned()),
        property("fs.viewfs.mounttable.view.link./metrics", cluster.url("viewed")),
        property("fs.viewfs.mounttable.view.linkFallback", cluster.url("rest")),
    ];
    let site = format!("<?xml version=\"1.0\"?><configuration>{}</configuration>", properties.concat());
    let configuration = folder.join("conf");
    std::fs::create_dir(&configuration).unwrap();
    std::fs::write(configuration.join("core-site.xml"), site).unwrap();
    let environment = [("HADOOP_CONF_DIR", configuration.display().to_string())];
    let user = User(&environment);
    user.fill(folder, "--store viewfs://view/metrics/store");
    assert_eq!(user.run("cat --store viewfs:///metrics/store").fine().stdout, LINES);
    let plain = user.run(&format!("cat --store {}", cluster.url("viewed/store"))).fine();
    assert_eq!(plain.stdout, LINES);
}

#[test]
fn with_kerberos_one_is_let_in_by_keytab_or_ticket_or_told_what_to_do() {
    let Some(cluster) = MiniCluster::start_with_kerberos() else { return };
    let folder = tempfile::tempdir().unwrap();
    let nobody = cluster.environment("nobody");
    let keys = format!("--hdfs-principal hourglass@EXAMPLE.COM --hdfs-keytab {}", cluster.keytab().display());
    let store = cluster.url("metrics");
    User(&cluster.environment("keytab")).fill(folder.path(), &format!("--store {store} {keys}"));

    let ticket = cluster.environment_after_kinit("ticket");
    let named = ("KRB5_CLIENT_KTNAME", cluster.keytab().display().to_string());
    let client_keys = [cluster.environment("client-keys"), vec![named]].concat();
    for environment in [&ticket, &client_keys] {
        let user = User(environment);
        assert_eq!(user.run("cat --store hdfs:///metrics").fine().stdout, LINES);
        let (text, _) = user.status(&format!("--store {store}"));
        assert!(text.contains("files of hourglass:"), "{text}");
    }

    let advised = |environment: &[(&str, String)], words: &[&str]| {
        let refused = User(environment).run(&format!("cat --store {store}"));
        assert_eq!(refused.code, Some(2), "{refused:?}");
        for word in words.iter().copied().chain([store.as_str(), "Kerberos", "HADOOP_CONF_DIR"]) {
            assert!(refused.stderr.contains(word), "{word}: {}", refused.stderr);
        }
    };
    advised(&nobody, &["No Kerberos credentials available", "kinit", "hdfs.keytab", "KRB5_CLIENT_KTNAME"]);
    // Who does not know that the cluster wants Kerberos: it hangs up, and the client does not say more.
    let unaware: Vec<_> = ticket.iter().filter(|(name, _)| *name != "HADOOP_CONF_DIR").cloned().collect();
    advised(&unaware, &["hangs up", "hadoop.security.authentication"]);
}
