//! The data folder and store that a command works on: found, created where a role may create them, or refused
//! with what to do about it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail};
use schema::Metrics;
use storage::layout::{self, DataFolder};
use storage::{
    BucketOptions, BucketStore, Clock, Disk, FileStore, HdfsFailure, HdfsOptions, HdfsStore, LocalDisk, Store,
    WallClock,
};
use tempfile::TempDir;
use views::{BuildOptions, Reader};

use crate::advice::Advice;
use crate::config::{Name, Settings, StoreUrl};
use crate::description::Description;
use crate::kept::Kept;
use crate::outcome::in_full;

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
    /// What it said of itself, once it was asked.
    described: Option<Description>,
    /// Why the store could not be asked, where what the data folder remembers of it had to do.
    pub(crate) away: Option<String>,
}

impl Place {
    /// A store that is there and answers. Where the store is named, no data folder need be.
    ///
    /// # Errors
    /// Nothing named, no store there, or no answer.
    pub(crate) async fn existing(settings: &Settings) -> Result<Self> {
        let place = Self::to_read(settings)?;
        let described = place.described().await?.ok_or_else(|| place.missing())?;
        Ok(place.of(described))
    }

    /// The same; while the store does not answer, what the data folder remembers of it, and why it is [away](Self::away).
    ///
    /// # Errors
    /// Nothing named, no store there, or no answer and nothing remembered.
    pub(crate) async fn existing_or_away(settings: &Settings) -> Result<Self> {
        let mut place = Self::to_read(settings)?;
        let described = place.described_or_away().await?.ok_or_else(|| place.missing())?;
        Ok(place.of(described))
    }

    /// A store that is there, or a new one; or, while it does not answer, the one that the data folder remembers.
    ///
    /// # Errors
    /// No data folder named, a store whose metrics are others than configured, or no answer and nothing remembered.
    pub(crate) async fn existing_or_new(settings: &Settings) -> Result<Self> {
        let mut place = Self::named(settings)?;
        place.disk.create_folders(&place.data)?;
        let wanted = settings.metrics.0.clone();
        let mut found = place.described_or_away().await?;
        if found.is_none() {
            let new = Description::new(wanted.clone().unwrap_or_default());
            new.create(&*place.store).await.with_context(|| format!("cannot create a store in {}", place.url))?;
            found = place.described().await?;
        }
        let found = found.ok_or_else(|| place.missing())?;
        match wanted {
            Some(wanted) if wanted != found.metrics => bail!(place.mismatch(&wanted, &found.metrics)),
            _ => Ok(place.of(found)),
        }
    }

    /// Has the data folder remember its store, for when that is away.
    ///
    /// # Errors
    /// The disk's.
    pub(crate) fn remember(&self) -> Result<()> {
        match &self.described {
            Some(described) if Description::remembered(&*self.disk, &self.folder)?.is_none() => {
                described.remember(&*self.disk, &self.folder)
            }
            _ => Ok(()),
        }
    }

    /// A reader of it all: the store, and the log of the monitor here if there is one.
    pub(crate) fn reader(&self) -> Reader {
        let reader = Reader::new(Arc::clone(&self.store), self.metrics.clone());
        reader.with_folder(Arc::clone(&self.disk), self.folder.clone())
    }

    /// Whether the store is there and answers.
    ///
    /// # Errors
    /// That it is not, or does not.
    pub(crate) async fn answers(&self) -> Result<()> {
        self.described().await?.map(drop).ok_or_else(|| self.missing())
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

    fn to_read(settings: &Settings) -> Result<Self> {
        if settings.data.0.is_some() || settings.store.0.is_none() {
            return Self::named(settings);
        }
        let folder = Arc::new(tempfile::tempdir().context("cannot make a temporary folder")?);
        let place = Self::with_data(settings, folder.path().to_owned())?;
        Ok(Self { borrowed: Some(folder), ..place })
    }

    fn named(settings: &Settings) -> Result<Self> {
        let data = settings.data.0.clone().ok_or_else(|| {
            anyhow!("no data folder is given")
                .advise("give --data DIR, set HOURGLASS_DATA, or write data = \"DIR\" in hourglass.toml")
        })?;
        let data = std::path::absolute(&data.0)
            .with_context(|| format!("cannot find the data folder {}", data.0.display()))?;
        Self::with_data(settings, data)
    }

    fn with_data(settings: &Settings, data: PathBuf) -> Result<Self> {
        let disk: Arc<dyn Disk> = Arc::new(LocalDisk::new());
        let folder = DataFolder::new(data.clone());
        let url = settings.store.0.clone().unwrap_or_else(|| StoreUrl::Folder(folder.store()));
        let mut hdfs = None;
        let store: Arc<dyn Store> = match &url {
            StoreUrl::Folder(root) => Arc::new(FileStore::new(Arc::clone(&disk), root.clone())),
            StoreUrl::Hdfs(url) => Arc::clone(hdfs.insert(Arc::new(in_hdfs(url, settings)?))) as Arc<dyn Store>,
            StoreUrl::Bucket(url) => Arc::new(bucket(url, settings)?),
        };
        let clock: Arc<dyn Clock> = Arc::new(WallClock::new());
        Ok(Self {
            data,
            borrowed: None,
            folder,
            disk,
            store,
            hdfs,
            url,
            clock,
            metrics: Metrics::default(),
            described: None,
            away: None,
        })
    }

    fn of(self, described: Description) -> Self {
        Self { metrics: described.metrics.clone(), described: Some(described), ..self }
    }

    /// What the store says of itself; `None` without one.
    async fn described(&self) -> Result<Option<Description>> {
        let described = Description::read(&*self.store, &self.url).await.map_err(|error| self.unreached(error))?;
        self.agreed(described)
    }

    /// The same, if it is what the data folder remembers.
    fn agreed(&self, described: Option<Description>) -> Result<Option<Description>> {
        match Description::remembered(&*self.disk, &self.folder)? {
            Some(remembered) if described.as_ref() != Some(&remembered) => Err(self.another(described.is_some())),
            _ => Ok(described),
        }
    }

    async fn described_or_away(&mut self) -> Result<Option<Description>> {
        match Description::read(&*self.store, &self.url).await {
            Ok(described) => self.agreed(described),
            Err(why) => {
                let remembered = Description::remembered(&*self.disk, &self.folder)?;
                let why = self.unreached(why);
                if remembered.is_none() {
                    return Err(why);
                }
                self.away = Some(in_full(&why));
                Ok(remembered)
            }
        }
    }

    /// The store could not be read.
    fn unreached(&self, why: anyhow::Error) -> anyhow::Error {
        let refused = why.chain().filter_map(|cause| cause.downcast_ref::<HdfsFailure>());
        let refused = refused.into_iter().any(|failure| matches!(failure, HdfsFailure::Refused(_)));
        let next = match &self.url {
            StoreUrl::Hdfs(_) if refused => WHO_WE_ARE,
            StoreUrl::Hdfs(_) => WHERE_IT_IS,
            StoreUrl::Bucket(_) => WHICH_BUCKET,
            StoreUrl::Folder(_) => return why,
        };
        why.context(format!("cannot open the store {}", self.url)).advise(next)
    }

    /// The store is not the one that the data folder writes to: gone, or another one.
    fn another(&self, there: bool) -> anyhow::Error {
        let (url, data) = (&self.url, self.data.display());
        let next = "name the store that it writes to with --store URL (is everything mounted, is it the right cluster?), \
             bring that back from a copy, or begin anew with an empty folder, with --data DIR";
        match there {
            true => anyhow!("the store in {url} is not the one that the data folder {data} writes to").advise(next),
            false => anyhow!("there is no store in {url}, and the data folder {data} writes to one").advise(next),
        }
    }

    fn missing(&self) -> anyhow::Error {
        let none = anyhow!("there is no store in {}", self.url);
        match (self.own_data(), self.url == StoreUrl::Folder(self.folder.store())) {
            (Some(data), true) => none.advise(format!(
                "start one with `hourglass up --data {}`, or name the folder where one is",
                data.display()
            )),
            _ => none.advise(format!(
                "see that it is spelt as its monitors have it; the first `hourglass up --data DIR --store {}` makes one",
                self.url
            )),
        }
    }

    fn mismatch(&self, wanted: &Metrics, found: &Metrics) -> anyhow::Error {
        anyhow!("metrics = \"{wanted}\", but the store in {} has \"{found}\"", self.url)
            .advise("a store's metrics are fixed when it is created: leave the key out, or use another store")
    }
}

fn in_hdfs(url: &str, settings: &Settings) -> Result<HdfsStore> {
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
    HdfsStore::new(url, &options).with_context(|| format!("cannot open the store {url}")).advise(WHERE_IT_IS)
}

/// What to do when HDFS does not know us.
const WHO_WE_ARE: &str = "in a cluster with Kerberos get a ticket with `kinit`, or set hdfs.principal and hdfs.keytab \
     (or KRB5_CLIENT_KTNAME) so that tickets are taken and renewed; HADOOP_CONF_DIR must hold the core-site.xml and \
     hdfs-site.xml that say hadoop.security.authentication and dfs.data.transfer.protection, krb5.conf (KRB5_CONFIG) \
     must name the realm's server, and libgssapi-krb5-2 (Debian) or krb5-libs (Red Hat) be installed";

/// What to do when HDFS is not to be had.
const WHERE_IT_IS: &str = "see that its name node is up, that it is hdfs://HOST:PORT or a name service, that HADOOP_CONF_DIR holds the cluster's core-site.xml and \
     hdfs-site.xml where it needs more than host and port, and that HADOOP_USER_NAME may write there; a name node that \
     hangs up wants Kerberos, of which those files must say so (hadoop.security.authentication)";

/// What to do when a bucket is not to be had.
const WHICH_BUCKET: &str = "see that the bucket is there, that the environment holds credentials that may read and write \
     it, and that s3.endpoint and s3.region, or gcs.endpoint, name its server";

fn bucket(url: &str, settings: &Settings) -> Result<BucketStore> {
    let endpoint = if url.starts_with("s3:") { &settings.s3_endpoint } else { &settings.gcs_endpoint };
    let options = BucketOptions {
        endpoint: endpoint.0.as_ref().map(|endpoint| endpoint.0.clone()),
        region: settings.s3_region.0.as_ref().map(|region| region.0.clone()),
        bucket_in_host: !settings.s3_path_style.0,
        settings: Vec::new(),
    };
    BucketStore::new(url, &options).with_context(|| format!("cannot open the store {url}")).advise(WHICH_BUCKET)
}
