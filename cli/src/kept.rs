//! How a store keeps its files, as `status` says it: what survives which failure, and who may read them.

use std::fmt;

use serde_json::{Value, json};
use storage::Durability;

/// How a store keeps its files.
#[derive(Debug)]
pub(crate) enum Kept {
    /// A folder of a local or mounted disk.
    Folder,
    /// A folder of HDFS; this is how its first file is kept, and so are the others.
    Hdfs(storage::Kept),
    /// A place in a bucket.
    Bucket,
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hdfs = match self {
            Self::Folder => return f.write_str("appends synced by fsync, on that disk alone"),
            Self::Bucket => return f.write_str("each part durable once the bucket has taken it"),
            Self::Hdfs(hdfs) => hdfs,
        };
        match hdfs.durability {
            Durability::Synced => write!(f, "appends synced by hsync, replication {}", hdfs.replication)?,
            Durability::Closed => f.write_str("erasure-coded, so never synced: appends durable once closed")?,
        }
        write!(f, "; files of {}:{}, mode {:03o}", hdfs.owner, hdfs.group, hdfs.mode)
    }
}

impl Kept {
    /// The same as one object.
    pub(crate) fn json(&self) -> Value {
        match self {
            Self::Folder => json!({ "kind": "folder", "durable": "fsync" }),
            Self::Bucket => json!({ "kind": "bucket", "durable": "put" }),
            Self::Hdfs(hdfs) => json!({
                "kind": "hdfs",
                "durable": match hdfs.durability {
                    Durability::Synced => "hsync",
                    Durability::Closed => "close",
                },
                "replication": hdfs.replication,
                "erasure_coded": hdfs.durability == Durability::Closed,
                "owner": hdfs.owner,
                "group": hdfs.group,
                "mode": format!("{:03o}", hdfs.mode),
            }),
        }
    }
}
