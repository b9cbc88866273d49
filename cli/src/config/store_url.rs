//! Where a store is: a folder of this machine, one of a cluster, or a place in a bucket.

use std::fmt;
use std::path::PathBuf;

use super::setting::Setting;

/// A store's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StoreUrl {
    /// A folder of a local or mounted disk.
    Folder(PathBuf),
    /// A folder of HDFS: `hdfs:` or `viewfs:`.
    Hdfs(String),
    /// A place in a bucket: `s3:` or `gs:`.
    Bucket(String),
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => path.display().fmt(f),
            Self::Hdfs(url) | Self::Bucket(url) => url.fmt(f),
        }
    }
}

impl Setting for StoreUrl {
    const PLACEHOLDER: &'static str = "STORE";

    fn read(text: &str) -> Result<Self, String> {
        let path = match text.split_once("://") {
            Some(("hdfs" | "viewfs", _)) => return Ok(Self::Hdfs(text.trim_end_matches('/').to_owned())),
            Some(("s3" | "gs", place)) if place.starts_with('/') || place.is_empty() => {
                return Err("it names no bucket".into());
            }
            Some(("s3" | "gs", _)) => return Ok(Self::Bucket(text.trim_end_matches('/').to_owned())),
            Some(("file", path)) => path,
            Some((scheme, _)) => return Err(format!("stores of the kind {scheme}: are not supported")),
            None => text.strip_prefix("file:").unwrap_or(text),
        };
        if path.is_empty() { Err("the path is empty".into()) } else { Ok(Self::Folder(PathBuf::from(path))) }
    }

    fn allowed() -> String {
        "a folder, file:///PATH, hdfs://HOST:PORT/PATH, hdfs://NAMESERVICE/PATH, hdfs:///PATH, viewfs://MOUNTS/PATH, \
         s3://BUCKET/PREFIX or gs://BUCKET/PREFIX"
            .into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_a_folder_here_or_in_a_cluster_or_a_place_in_a_bucket() {
        for text in ["/srv/store", "file:/srv/store", "file:///srv/store"] {
            assert_eq!(StoreUrl::read(text), Ok(StoreUrl::Folder("/srv/store".into())));
        }
        for text in ["hdfs://name:8020/x", "hdfs:///x", "viewfs://mounts/x"] {
            assert_eq!(StoreUrl::read(text), Ok(StoreUrl::Hdfs(text.into())));
        }
        for text in ["s3://bucket/x", "gs://bucket"] {
            assert_eq!(StoreUrl::read(text), Ok(StoreUrl::Bucket(text.into())));
        }
        for text in ["", "file:", "ftp://x/y", "file://", "s3://", "gs:///x"] {
            assert!(StoreUrl::read(text).is_err(), "{text:?}");
        }
    }
}
