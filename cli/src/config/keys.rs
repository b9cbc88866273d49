//! The one table of configuration keys. From it come the flags, the `HOURGLASS_*` variables, the keys a file may
//! hold, `config show`, the help and the reference. A key is added here and nowhere else.

use super::setting::{Address, Endpoint, Folder, Maybe, Setting, Size, Span, Switch, Web, Whole, Word};
use super::setting_hdfs::{FilePath, Mode, Name};
use super::setting_nouns::{AckPoint, Cron};
use super::store_url::StoreUrl;
use chrono_tz::Tz;
use schema::{Metrics, MonitorId};

/// What the table says about a key; the value's own type says the rest.
#[derive(Debug)]
pub(crate) struct Key {
    /// As a file has it: `listen.address`.
    pub(crate) name: &'static str,
    /// The flag without its dashes, where it is not the name with `-` for `.` and `_`.
    short_flag: Option<&'static str>,
    /// As a user would write it; empty: unset, and `doc` says what happens then.
    pub(crate) default: &'static str,
    /// What it is for, units and consequences included.
    doc: &'static str,
    /// The commands that take it as a flag.
    pub(crate) commands: &'static [&'static str],
    /// How help calls the value.
    pub(crate) placeholder: &'static str,
    /// What is allowed.
    pub(crate) allowed: fn() -> String,
    /// Reads the text and shows it again in its normal form, or says what is wrong.
    pub(crate) normal: fn(&str) -> Result<String, String>,
}

impl Key {
    /// The flag, without its dashes.
    pub(crate) fn flag(&self) -> String {
        self.short_flag.map_or_else(|| self.name.replace(['.', '_'], "-"), str::to_owned)
    }

    /// The environment variable.
    pub(crate) fn variable(&self) -> String {
        format!("HOURGLASS_{}", self.name.replace('.', "_").to_uppercase())
    }

    /// What it is for, in one paragraph.
    pub(crate) fn doc(&self) -> &'static str {
        self.doc.trim()
    }
}

/// The key of a name.
pub(crate) fn key(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// What reads or writes a store.
const ANY: &[&str] = &[
    "up",
    "monitor",
    "scheduler",
    "dashboard",
    "monitors",
    "import",
    "query",
    "cat",
    "services",
    "rebuild",
    "verify",
    "status",
];
/// What creates a store that is not there.
const CREATORS: &[&str] = &["up", "monitor", "scheduler", "import"];
const ROLES: &[&str] = &["up", "monitor", "scheduler"];
/// Roles keep a schedule, `status` judges by it: unset there, by the one the roles last started with.
const JUDGES: &[&str] = &["up", "monitor", "scheduler", "status"];
const MONITORS: &[&str] = &["up", "monitor"];
const ACCEPTERS: &[&str] = &["up", "monitor", "import"];
const SERVERS: &[&str] = &["up", "monitor", "scheduler", "dashboard"];
const SCHEDULERS: &[&str] = &["up", "scheduler"];
const BUILDERS: &[&str] = &["up", "scheduler", "rebuild"];

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const TIB: u64 = 1 << 40;
const SECOND: u64 = 1_000;
const HOUR: u64 = 3_600 * SECOND;
const DAY: u64 = 24 * HOUR;

macro_rules! keys {
    ($($(#[doc = $doc:literal])+ $field:ident: $type:ty = $name:literal $(as $flag:literal)?, $default:literal, $commands:expr;)+) => {
        /// Every key's effective value, typed.
        #[derive(Clone, Debug)]
        pub(crate) struct Settings {
            $($(#[doc = $doc])+ pub(crate) $field: $type,)+
        }

        impl Settings {
            /// Reads each key's text; the caller has checked every one of them.
            pub(super) fn read(text: impl Fn(&str) -> String) -> Result<Self, String> {
                Ok(Self { $($field: <$type>::read(&text($name))?,)+ })
            }
        }

        /// The table, in the order in which help and reference show it.
        pub(crate) const KEYS: &[Key] = &[$(Key {
            name: $name,
            short_flag: [$(Some($flag),)? None][0],
            default: $default,
            doc: concat!($($doc),+),
            commands: $commands,
            placeholder: <$type as Setting>::PLACEHOLDER,
            allowed: <$type as Setting>::allowed,
            normal: |text| <$type>::read(text).map(|value| value.to_string()),
        },)+];
    };
}

keys! {
    /// The data folder of this machine: day logs, journals, queues, local views. Created if it is not there.
    data: Maybe<Folder> = "data", "", ANY;
    /// The store that all monitors, schedulers and readers share: a folder; one of HDFS, whose settings come from HADOOP_CONF_DIR and whose user from HADOOP_USER_NAME; or a place in a bucket of S3 or Google Cloud Storage, whose credentials come from the environment (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, GOOGLE_APPLICATION_CREDENTIALS, and the others of those clouds) or from the machine's own role. Unset: the folder `store` in the data folder. Who only reads needs no data folder beside it.
    store: Maybe<StoreUrl> = "store", "", ANY;
    /// Copies of each block of a store in HDFS. Unset: the cluster's own.
    hdfs_replication: Maybe<Whole<1, 512>> = "hdfs.replication", "", ANY;
    /// Bytes in a block of a store in HDFS. Unset: the cluster's own.
    hdfs_block_size: Maybe<Size<MIB, TIB>> = "hdfs.block_size", "", ANY;
    /// The mode of files of a store in HDFS. The store's folder, if it is not there, is made with the same and `x` wherever that has `r`, and so are those above it; folders below have the mode of the one they are in. Unset: 644, and the store's folder has the mode of the one it is in. The cluster's umask is not read.
    hdfs_mode: Maybe<Mode> = "hdfs.mode", "", ANY;
    /// The group of the store's folder in HDFS if it is not there and has to be made; all below has that of the folder it is in. Whoever makes it must be in that group. Unset: that of the folder it is in.
    hdfs_group: Maybe<Name> = "hdfs.group", "", ANY;
    /// Who to be in a cluster without Kerberos, and so the owner of what is made there; in one with, on whose behalf the principal acts. Unset: HADOOP_USER_NAME, else the process's user; with Kerberos HADOOP_PROXY_USER, else nobody.
    hdfs_user: Maybe<Name> = "hdfs.user", "", ANY;
    /// Who to be in a cluster with Kerberos. Unset: whoever the ticket in KRB5CCNAME, or the keytab in KRB5_CLIENT_KTNAME, belongs to.
    hdfs_principal: Maybe<Name> = "hdfs.principal", "", ANY;
    /// The file with that principal's keys, from which tickets are taken and renewed. Unset: the tickets in KRB5CCNAME, or from KRB5_CLIENT_KTNAME.
    hdfs_keytab: Maybe<FilePath> = "hdfs.keytab", "", ANY;
    /// The server of a store in S3 that is not Amazon's. Plain text is spoken only where it says http. It must honour `If-None-Match: *` on writes. Unset: AWS_ENDPOINT_URL, else Amazon's.
    s3_endpoint: Maybe<Endpoint> = "s3.endpoint", "", ANY;
    /// The region of a store in S3. Unset: AWS_REGION, else us-east-1.
    s3_region: Maybe<Word> = "s3.region", "", ANY;
    /// Whether the bucket of a store in S3 is named in the path, `https://HOST/BUCKET`, or else in the host, `https://BUCKET.HOST`.
    s3_path_style: Switch = "s3.path_style", "true", ANY;
    /// The server of a store in Google Cloud Storage that is not Google's. Plain text is spoken only where it says http.
    gcs_endpoint: Maybe<Endpoint> = "gcs.endpoint", "", ANY;
    /// The monitor's id, part of every file name it writes. Unset: the host name. Fixed at the first start.
    id: Maybe<MonitorId> = "id", "", MONITORS;
    /// The metrics of a message, separated by commas. `name=used` reads a `{Total, Free}` pair as Total - Free instead of as a utilisation. Fixed when the store is created, refused if it has others. Unset: the store's; a new store gets cpu,ram,disk.
    metrics: Maybe<Metrics> = "metrics", "", CREATORS;

    /// Where the monitor listens for plain TCP.
    listen_address: Address = "listen.address" as "listen", "127.0.0.1:7070", MONITORS;
    /// Connections served at once; more are refused with a reason.
    listen_connections: Whole<1, 1_000_000> = "listen.connections", "10240", MONITORS;
    /// Memory for all connections' unfinished lines together; beyond it whoever holds most waits first.
    listen_bytes: Size<MIB, TIB> = "listen.bytes", "32MiB", MONITORS;

    /// Where the dashboard and its API are served. Unset: 127.0.0.1:7080 with `up` and `dashboard`, nowhere with `monitor` and `scheduler`.
    http_address: Maybe<Web> = "http.address" as "http", "", SERVERS;
    /// Connections of HTTP served at once; more are refused with a reason. A page that is open holds one.
    http_connections: Whole<1, 1_000_000> = "http.connections", "1024", SERVERS;
    /// Requests a second of each token or certificate, or of each address where nothing is shown; more are told when to ask again. This machine's own programs are not counted where they show nothing.
    http_rate: Whole<1, 1_000_000> = "http.rate", "200", SERVERS;

    /// The file that says who may send and who may ask: tokens, hashed, and names of client certificates, as `hourglass token new` writes them. Looked at each second; a file that is wrong changes nothing. Without it everybody may who reaches the address.
    access_file: Maybe<FilePath> = "access.file", "", SERVERS;
    /// The certificate, in PEM, with which all that listens is encrypted, those between it and the root behind it. Looked at each second, as the key is. Unset: nothing is encrypted.
    tls_certificate: Maybe<FilePath> = "tls.certificate", "", SERVERS;
    /// The certificate's private key, in PEM.
    tls_key: Maybe<FilePath> = "tls.key", "", SERVERS;
    /// Who signs certificates of clients, in PEM. A client that shows one stands for the entry in `access.file` that names one of its DNS names, and needs no token; without that file every client must show one.
    tls_client_ca: Maybe<FilePath> = "tls.client_ca", "", SERVERS;
    /// Listen beyond this machine even where not everything is asked for: a certificate of its own, so that nobody listens in, and `access.file`, so that not everybody may. Whoever reaches the address can then send, or ask, or both.
    insecure: Switch = "insecure", "false", SERVERS;

    /// Messages that start a commit when the writer is free.
    buffer_messages: Whole<1, 1_000_000_000> = "buffer.messages", "50", MONITORS;
    /// How long a message waits for others before its commit starts.
    buffer_linger: Span<0, { 10 * SECOND }> = "buffer.linger", "20ms", MONITORS;
    /// Size of one half of the double buffer; a full one stops reading from the sockets.
    buffer_bytes: Size<{ 128 * KIB }, GIB> = "buffer.bytes", "4MiB", MONITORS;
    /// What an acknowledgement promises. `local`: the line is fsynced on this machine's disk; it survives the process and the power. `store`: it is durable in the store as well; it survives the loss of this machine, and comes as late as the store answers.
    ack_after: AckPoint = "ack.after", "local", MONITORS;
    /// A day log file is closed at this size.
    log_bytes: Size<{ 64 * KIB }, TIB> = "log.bytes", "1GiB", MONITORS;
    /// Free space below which the monitor stops acknowledging, until there is room again.
    disk_reserve: Size<0, TIB> = "disk.reserve", "64MiB", MONITORS;

    /// How far ahead of the clock a timestamp may be.
    accept_future: Span<0, { 365 * DAY }> = "accept.future", "10m", ACCEPTERS;
    /// How many services there may be; messages of more are rejected.
    accept_services: Whole<1, 1_000_000> = "accept.services", "10000", ACCEPTERS;
    /// How many acknowledging clients are remembered; ids are never forgotten, more are refused.
    clients_max: Whole<1, 1_000_000> = "clients.max", "10000", MONITORS;
    /// Rejected lines kept as a sample for people, a day.
    quarantine_bytes: Size<0, TIB> = "quarantine.bytes", "16MiB", ACCEPTERS;

    /// When generations rotate and batch views are rebuilt: five cron fields, optional seconds in front, or `@hourly`.
    schedule_cron: Cron = "schedule.cron" as "schedule", "0 * * * *", JUDGES;
    /// The time zone of the schedule.
    schedule_timezone: Tz = "schedule.timezone", "UTC", JUDGES;
    /// A generation whose realtime view passes this many rows rotates early.
    realtime_rows: Whole<1_000, 1_000_000_000> = "realtime.rows", "1000000", MONITORS;
    /// How often the realtime view is refreshed.
    refresh_every: Span<100, DAY> = "refresh.every", "30s", MONITORS;
    /// Log bytes after which it is refreshed sooner.
    refresh_bytes: Size<{ 64 * KIB }, TIB> = "refresh.bytes", "64MiB", MONITORS;
    /// How often the day log is uploaded.
    upload_every: Span<100, DAY> = "upload.every", "5s", MONITORS;
    /// Log bytes after which it is uploaded sooner, and the most in one append.
    upload_bytes: Size<{ 64 * KIB }, GIB> = "upload.bytes", "8MiB", MONITORS;

    /// How long a rebuild waits for the cuts of monitors that had one at the tick before.
    rebuild_wait: Span<0, HOUR> = "rebuild.wait", "1m", SCHEDULERS;
    /// Memory for aggregates in a rebuild; beyond it sorted runs spill to disk.
    rebuild_memory: Size<{ 8 * MIB }, TIB> = "rebuild.memory", "128MiB", BUILDERS;
    /// How long superseded files stay for those who still read them.
    views_grace: Span<0, { 365 * DAY }> = "views.grace", "10m", ROLES;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_is_allowed_and_in_normal_form() {
        for key in KEYS {
            assert_eq!((key.normal)(key.default).as_deref(), Ok(key.default), "{}", key.name);
        }
    }

    #[test]
    fn flags_and_variables_follow_from_the_name() {
        let listen = key("listen.address").unwrap();
        assert_eq!(listen.flag(), "listen");
        assert_eq!(listen.variable(), "HOURGLASS_LISTEN_ADDRESS");
        assert_eq!(key("buffer.linger").unwrap().flag(), "buffer-linger");
        assert!(key("listen").is_none());
    }
}
