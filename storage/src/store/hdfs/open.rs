//! Opening: a URL and options become a client that the cluster lets in, and the store's folder, once there is
//! something to write, a folder of the mode and group wanted.

use hdfs_native::{Client, ClientBuilder, HdfsError, WriteOptions};
use parking_lot::Mutex;
use tokio::sync::OnceCell;

use super::answer::answered;
use super::error::{Kind, kind};
use super::{HdfsFailure, HdfsOptions, HdfsStore};

/// Set unless the options say otherwise: a call that no name node answers fails within seconds. Whoever made it knows
/// better than it does what to do meanwhile; a failover takes a few such calls.
const SETTINGS: [(&str, &str); 3] = [
    ("dfs.client.failover.max.attempts", "5"),
    ("dfs.client.failover.sleep.base.millis", "100"),
    ("dfs.client.failover.sleep.max.millis", "1000"),
];
/// Set with a principal: naming one means Kerberos, whatever the files say or do not say.
const KERBEROS: (&str, &str) = ("hadoop.security.authentication", "kerberos");
/// Of files, unless the options say otherwise.
const MODE: u32 = 0o644;

/// What the store's folder is made with if it is not there; nothing set: as HDFS does it.
#[derive(Default)]
pub(super) struct NewFolder {
    mode: Option<u32>,
    group: Option<String>,
    /// Set once it is known to be there.
    there: OnceCell<()>,
}

impl HdfsStore {
    /// The store in the folder that `url` names: `hdfs://host:port/path`,
    /// `hdfs://nameservice/path`, `hdfs:///path` (of `fs.defaultFS`), or the
    /// same with `viewfs`. The folder is made with the first file; nothing is
    /// asked of the cluster yet.
    ///
    /// # Errors
    /// What the URL or the Hadoop configuration is refused for.
    pub fn new(url: &str, options: &HdfsOptions) -> Result<Self, HdfsFailure> {
        let (cluster, root) = split(url).ok_or_else(|| HdfsFailure::url(url))?;
        let mut create = WriteOptions::default().permission(options.mode.unwrap_or(MODE));
        if let Some(replication) = options.replication {
            create = create.replication(replication);
        }
        if let Some(block_size) = options.block_size {
            create = create.block_size(block_size);
        }
        let folder = NewFolder {
            mode: options.mode.map(|mode| mode | (mode & 0o444) >> 2),
            group: options.group.clone(),
            there: OnceCell::new(),
        };
        let client = client(cluster, options)?;
        Ok(HdfsStore {
            client,
            root: root.to_owned(),
            url: url.to_owned(),
            create,
            folder,
            block_size: OnceCell::new(),
            open: Mutex::default(),
        })
    }

    /// As [`new`](Self::new), once the cluster has let us in.
    ///
    /// # Errors
    /// What the URL, the Hadoop configuration or the cluster is refused for.
    pub async fn open(url: &str, options: &HdfsOptions) -> Result<Self, HdfsFailure> {
        let store = Self::new(url, options)?;
        store.length_of(store.folder()).await?;
        Ok(store)
    }

    /// Makes the store's folder if something is to be said about how, and it is not there.
    pub(super) async fn prepare_folder(&self) -> Result<(), HdfsError> {
        if self.folder.mode.is_none() && self.folder.group.is_none() {
            return Ok(());
        }
        self.folder.there.get_or_try_init(|| self.make_folder()).await.copied()
    }

    async fn make_folder(&self) -> Result<(), HdfsError> {
        let path = self.folder();
        match answered(self.client.get_file_info(path)).await {
            Err(error) if kind(&error) == Kind::Absent => {}
            found => return found.map(drop),
        }
        // Two that make it at once make the same.
        answered(self.client.mkdirs(path, self.folder.mode.unwrap_or(0o755), true)).await?;
        match &self.folder.group {
            Some(group) => answered(self.client.set_owner(path, None, Some(group))).await,
            None => Ok(()),
        }
    }

    fn folder(&self) -> &str {
        if self.root.is_empty() { "/" } else { &self.root }
    }
}

fn client(cluster: Option<String>, options: &HdfsOptions) -> Result<Client, HdfsFailure> {
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    let kerberos = options.principal.is_some().then(|| owned(KERBEROS));
    let settings = SETTINGS.map(owned).into_iter().chain(kerberos).chain(options.settings.iter().cloned());
    let mut builder = ClientBuilder::new().with_config(settings);
    if let Some(cluster) = cluster {
        builder = builder.with_url(cluster);
    }
    if let Some(folder) = &options.configuration {
        builder = builder.with_config_dir(folder);
    }
    if let Some(user) = &options.user {
        builder = builder.with_user(user);
    }
    if let Some(principal) = &options.principal {
        builder = builder.with_kerberos_principal(principal);
    }
    if let Some(keytab) = &options.keytab {
        builder = builder.with_kerberos_keytab(keytab);
    }
    Ok(builder.build()?)
}

/// The cluster, if one is named, and the path in it without a slash at its end.
fn split(url: &str) -> Option<(Option<String>, &str)> {
    let (scheme, rest) = url.split_once("://").filter(|(scheme, _)| matches!(*scheme, "hdfs" | "viewfs"))?;
    let (cluster, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let cluster = (!cluster.is_empty()).then(|| format!("{scheme}://{cluster}"));
    Some((cluster, path.trim_end_matches('/')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_a_cluster_and_a_path() {
        let cluster = |text: &str| Some(text.to_owned());
        for (url, expected) in [
            ("hdfs://node:9000/a/b/", Some((cluster("hdfs://node:9000"), "/a/b"))),
            ("hdfs://service", Some((cluster("hdfs://service"), ""))),
            ("hdfs:///a", Some((None, "/a"))),
            ("viewfs://mounts/a", Some((cluster("viewfs://mounts"), "/a"))),
            ("s3://bucket/a", None),
            ("/a", None),
        ] {
            assert_eq!(split(url), expected, "{url}");
        }
    }
}
