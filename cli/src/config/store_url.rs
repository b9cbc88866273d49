//! Where a store is: a folder of this machine, or one of a cluster.

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
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => path.display().fmt(f),
            Self::Hdfs(url) => url.fmt(f),
        }
    }
}

impl Setting for StoreUrl {
    const PLACEHOLDER: &'static str = "STORE";

    fn read(text: &str) -> Result<Self, String> {
        let path = match text.split_once("://") {
            Some(("hdfs" | "viewfs", _)) => return Ok(Self::Hdfs(text.trim_end_matches('/').to_owned())),
            Some(("file", path)) => path,
            Some((scheme, _)) => return Err(format!("stores of the kind {scheme}: are not supported")),
            None => text.strip_prefix("file:").unwrap_or(text),
        };
        if path.is_empty() { Err("the path is empty".into()) } else { Ok(Self::Folder(PathBuf::from(path))) }
    }

    fn allowed() -> String {
        "a folder, file:///PATH, hdfs://HOST:PORT/PATH, hdfs://NAMESERVICE/PATH, hdfs:///PATH or viewfs://MOUNTS/PATH"
            .into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_a_folder_here_or_in_a_cluster() {
        for text in ["/srv/store", "file:/srv/store", "file:///srv/store"] {
            assert_eq!(StoreUrl::read(text), Ok(StoreUrl::Folder("/srv/store".into())));
        }
        for text in ["hdfs://name:8020/x", "hdfs:///x", "viewfs://mounts/x"] {
            assert_eq!(StoreUrl::read(text), Ok(StoreUrl::Hdfs(text.into())));
        }
        for text in ["", "file:", "ftp://x/y", "file://"] {
            assert!(StoreUrl::read(text).is_err(), "{text:?}");
        }
    }
}
