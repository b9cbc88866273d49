//! The data folder and store that a command works on: found, created where a role may create them, or refused
//! with what to do about it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail};
use schema::Metrics;
use serde::{Deserialize, Serialize};
use storage::layout::{self, DataFolder};
use storage::{
    BucketOptions, BucketStore, Clock, Created, Disk, FileStore, HdfsFailure, HdfsOptions, HdfsStore, LocalDisk, Store,
    StoreError, WallClock, sealed,
};
use tempfile::TempDir;
use views::{BuildOptions, Reader};

use crate::advice::Advice;
use crate::config::{Name, Settings, StoreUrl};
use crate::kept::Kept;

/// Where a command works. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The data folder's path.
    pub(crate) data: PathBuf,
    /// That folder, where it is one for this command alone: a reader was given a store and nothing else.
    borrowed: Option<Arc<TempDir>>,
    /// The same, as everything below it is named.
    pub(crate) folder: DataFolder,
    /// The local disk.
    pub(crate) disk: Arc<dyn Disk>,
    /// The shared store.
    pub(crate) store: Arc<dyn Store>,
    /// The same, where it is in HDFS.
    hdfs: Option<Arc<HdfsStore>>,
    /// Where that is.
    pub(crate) url: StoreUrl,
    /// The clock.
    pub(crate) clock: Arc<dyn Clock>,
    /// The store's metrics.
    pub(crate) metrics: Metrics,
}

/// What `store.json` says, once and for all.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Description {
    version: u32,
    metrics: Metrics,
}

const VERSION: u32 = 1;

impl Place {
    /// A store that is there. Where the store is named, no data folder need be.
    ///
    /// # Errors
    /// Nothing named, or no store there.
    pub(crate) async fn existing(settings: &Settings) -> Result<Self> {
        let mut place = match (&settings.data.0, &settings.store.0) {
            (None, Some(_)) => {
                let folder = Arc::new(tempfile::tempdir().context("cannot make a temporary folder")?);
                let place = Self::with_data(settings, folder.path().to_owned()).await?;
                Self { borrowed: Some(folder), ..place }
            }
            _ => Self::named(settings).await?,
        };
        match place.described().await? {
            Some(metrics) => place.metrics = metrics,
            None => return Err(place.missing()),
        }
        Ok(place)
    }

    /// A store that is there, or a new one.
    ///
    /// # Errors
    /// No data folder named, or a store whose metrics are others than configured.
    pub(crate) async fn existing_or_new(settings: &Settings) -> Result<Self> {
        let mut place = Self::named(settings).await?;
        place.disk.create_folders(&place.data)?;
        let wanted = settings.metrics.0.clone();
        if place.described().await?.is_none() {
            place.describe(wanted.clone().unwrap_or_default()).await?;
        }
        let found = place.described().await?.ok_or_else(|| place.missing())?;
        match wanted {
            Some(wanted) if wanted != found => bail!(place.mismatch(&wanted, &found)),
            _ => place.metrics = found,
        }
        Ok(place)
    }

    /// A reader of it all: the store, and the log of the monitor here if there is one.
    pub(crate) fn reader(&self) -> Reader {
        let reader = Reader::new(Arc::clone(&self.store), self.metrics.clone());
        reader.with_folder(Arc::clone(&self.disk), self.folder.clone())
    }

    /// How the store keeps its files: what survives which failure.
    ///
    /// # Errors
    /// What HDFS, which has to be asked, says.
    pub(crate) async fn kept(&self) -> Result<Kept> {
        match (&self.hdfs, &self.url) {
            (Some(hdfs), _) => Ok(Kept::Hdfs(hdfs.kept(&layout::store()).await?)),
            (None, StoreUrl::Bucket(_)) => Ok(Kept::Bucket),
            (None, _) => Ok(Kept::Folder),
        }
    }

    /// How batch views are built here.
    pub(crate) fn build_options(&self, settings: &Settings, full: bool) -> BuildOptions {
        BuildOptions {
            metrics: self.metrics.clone(),
            full,
            memory: usize::try_from(settings.rebuild_memory.0).unwrap_or(usize::MAX),
            scratch: self.data.clone(),
            threads: 0,
            check: true,
            progress: Arc::default(),
        }
    }

    /// The data folder's path, unless the command has none.
    pub(crate) fn own_data(&self) -> Option<&Path> {
        self.borrowed.is_none().then_some(&self.data)
    }

    async fn named(settings: &Settings) -> Result<Self> {
        let data = settings.data.0.clone().ok_or_else(|| {
            anyhow!("no data folder is given")
                .advise("give --data DIR, set HOURGLASS_DATA, or write data = \"DIR\" in hourglass.toml")
        })?;
        let data = std::path::absolute(&data.0)
            .with_context(|| format!("cannot find the data folder {}", data.0.display()))?;
        Self::with_data(settings, data).await
    }

    async fn with_data(settings: &Settings, data: PathBuf) -> Result<Self> {
        let disk: Arc<dyn Disk> = Arc::new(LocalDisk::new());
        let folder = DataFolder::new(data.clone());
        let url = settings.store.0.clone().unwrap_or_else(|| StoreUrl::Folder(folder.store()));
        let mut hdfs = None;
        let store: Arc<dyn Store> = match &url {
            StoreUrl::Folder(root) => Arc::new(FileStore::new(Arc::clone(&disk), root.clone())),
            StoreUrl::Hdfs(url) => Arc::clone(hdfs.insert(Arc::new(in_hdfs(url, settings).await?))) as Arc<dyn Store>,
            StoreUrl::Bucket(url) => Arc::new(bucket(url, settings).await?),
        };
        let clock: Arc<dyn Clock> = Arc::new(WallClock::new());
        Ok(Self { data, borrowed: None, folder, disk, store, hdfs, url, clock, metrics: Metrics::default() })
    }

    /// The metrics in the store's description; `None` without one.
    async fn described(&self) -> Result<Option<Metrics>> {
        let key = layout::store();
        let named = || format!("{}/{key}", self.url);
        let bytes = match self.store.read(&key).await {
            Ok(bytes) => bytes,
            Err(StoreError::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let description: Description =
            sealed::open(&bytes).with_context(|| format!("{} is not a store's description", named()))?;
        if description.version != VERSION {
            let version = description.version;
            return Err(anyhow!("{} has version {version}, this program reads {VERSION}", named())
                .advise("use the release of hourglass that wrote it"));
        }
        Ok(Some(description.metrics))
    }

    /// Writes the description of a new store. Someone else may be doing the same: the first one counts.
    async fn describe(&self, metrics: Metrics) -> Result<()> {
        let description = Description { version: VERSION, metrics };
        let created = self.store.create(&layout::store(), sealed::seal(&description)?.into()).await;
        match created {
            Ok(Created::Created | Created::Exists) | Err(StoreError::Unknown { .. }) => Ok(()),
            Err(error) => Err(error).with_context(|| format!("cannot create a store in {}", self.url)),
        }
    }

    fn missing(&self) -> anyhow::Error {
        anyhow!("there is no store in {}", self.url).advise(format!(
            "start one with `hourglass up --data {}`, or name the folder where one is",
            self.data.display()
        ))
    }

    fn mismatch(&self, wanted: &Metrics, found: &Metrics) -> anyhow::Error {
        anyhow!("metrics = \"{wanted}\", but the store in {} has \"{found}\"", self.url)
            .advise("a store's metrics are fixed when it is created: leave the key out, or use another store")
    }
}

async fn in_hdfs(url: &str, settings: &Settings) -> Result<HdfsStore> {
    let text = |name: &Option<Name>| name.as_ref().map(|name| name.0.clone());
    let options = HdfsOptions {
        replication: settings.hdfs_replication.0.map(|copies| copies.0 as u32),
        block_size: settings.hdfs_block_size.0.map(|size| size.0),
        mode: settings.hdfs_mode.0.map(|mode| mode.0),
        group: text(&settings.hdfs_group.0),
        user: text(&settings.hdfs_user.0),
        principal: text(&settings.hdfs_principal.0),
        keytab: settings.hdfs_keytab.0.as_ref().map(|keytab| keytab.0.clone()),
        ..HdfsOptions::default()
    };
    if let (Some(keytab), None) = (&options.keytab, &options.principal) {
        return Err(anyhow!("hdfs.keytab = {keytab:?}, but no hdfs.principal says whose keys of it to use")
            .advise(format!("set hdfs.principal to one that `klist -kt {keytab}` lists")));
    }
    let opened = HdfsStore::open(url, &options).await;
    let next = match &opened {
        Err(HdfsFailure::Refused(_)) => WHO_WE_ARE,
        _ => WHERE_IT_IS,
    };
    opened.with_context(|| format!("cannot open the store {url}")).advise(next)
}

/// What to do when HDFS does not know us.
const WHO_WE_ARE: &str = "in a cluster with Kerberos get a ticket with `kinit`, or set hdfs.principal and hdfs.keytab \
     (or KRB5_CLIENT_KTNAME) so that tickets are taken and renewed; HADOOP_CONF_DIR must hold the core-site.xml and \
     hdfs-site.xml that say hadoop.security.authentication and dfs.data.transfer.protection, krb5.conf (KRB5_CONFIG) \
     must name the realm's server, and libgssapi-krb5-2 (Debian) or krb5-libs (Red Hat) be installed";

/// What to do when HDFS is not to be had.
const WHERE_IT_IS: &str = "see that its name node is up, that HADOOP_CONF_DIR holds the cluster's core-site.xml and \
     hdfs-site.xml where it needs more than host and port, and that HADOOP_USER_NAME may write there; a name node that \
     hangs up wants Kerberos, of which those files must say so (hadoop.security.authentication)";

async fn bucket(url: &str, settings: &Settings) -> Result<BucketStore> {
    let endpoint = if url.starts_with("s3:") { &settings.s3_endpoint } else { &settings.gcs_endpoint };
    let options = BucketOptions {
        endpoint: endpoint.0.as_ref().map(|endpoint| endpoint.0.clone()),
        region: settings.s3_region.0.as_ref().map(|region| region.0.clone()),
        bucket_in_host: !settings.s3_path_style.0,
        settings: Vec::new(),
    };
    BucketStore::open(url, &options).await.with_context(|| format!("cannot open the store {url}")).advise(
        "see that the bucket is there, that the environment holds credentials that may read and write it, and that \
         s3.endpoint and s3.region, or gcs.endpoint, name its server",
    )
}
