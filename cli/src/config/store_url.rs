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
            Some(("hdfs" | "viewfs", _)) => return Ok(Self::Hdfs(trimmed(text))),
            Some(("s3" | "gs", place)) if place.starts_with('/') || place.is_empty() => {
                return Err("it names no bucket".into());
            }
            Some(("s3" | "gs", _)) => return Ok(Self::Bucket(trimmed(text))),
            Some(("file", path)) if !path.is_empty() && !path.starts_with('/') => {
                return Err(format!("it names the host {path}; a folder of this machine is file:///PATH"));
            }
            Some(("file", path)) => path,
            Some((scheme, _)) => return Err(format!("stores of the kind {scheme}: are not supported{}", hint(scheme))),
            None => match text.split_once(':') {
                Some(("file", path)) => path,
                Some((scheme, _)) if ["hdfs", "viewfs", "s3", "s3a", "gs"].contains(&scheme) => {
                    return Err(format!("{scheme}: is followed by two slashes"));
                }
                _ => text,
            },
        };
        match path {
            "" => Err("the path is empty".into()),
            // A role may be started elsewhere next time.
            path => std::path::absolute(path).map(Self::Folder).map_err(|error| error.to_string()),
        }
    }

    fn allowed() -> String {
        "a folder, file:///PATH, hdfs://HOST:PORT/PATH, hdfs://NAMESERVICE/PATH, hdfs:///PATH, viewfs://MOUNTS/PATH, \
         s3://BUCKET/PREFIX or gs://BUCKET/PREFIX"
            .into()
    }
}

/// Without slashes at its end, as long as they are not what makes it a URL.
fn trimmed(text: &str) -> String {
    let short = text.trim_end_matches('/');
    if short.ends_with(':') { format!("{short}///") } else { short.to_owned() }
}

/// What is most likely meant.
fn hint(scheme: &str) -> String {
    match scheme.to_ascii_lowercase().as_str() {
        "s3a" | "s3n" => "; write s3://".to_owned(),
        "gcs" => "; write gs://".to_owned(),
        "webhdfs" | "swebhdfs" => "; write hdfs:// and the name node's RPC port".to_owned(),
        lower if lower != scheme => format!("; write {lower}://"),
        _ => String::new(),
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
        for text in [
            "",
            "file:",
            "ftp://x/y",
            "file://",
            "s3://",
            "gs:///x",
            "hdfs:/x",
            "s3:/bucket/x",
            "file://host/x",
            "s3a://bucket/x",
            "HDFS://name/x",
        ] {
            assert!(StoreUrl::read(text).is_err(), "{text:?}");
        }
        let here = std::env::current_dir().unwrap();
        assert_eq!(StoreUrl::read("srv/store"), Ok(StoreUrl::Folder(here.join("srv/store"))));
    }
}
