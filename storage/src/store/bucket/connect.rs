//! From a URL and settings to a client of the bucket that they name.

use std::sync::Arc;

use object_store::path::Path as Location;
use object_store::{ClientConfigKey, ObjectStore, RetryConfig};

use super::BucketFailure;
use super::attempts::CONNECT;

/// How a bucket is reached. What is absent is taken from the environment, as
/// object_store reads it: `AWS_…` or `GOOGLE_…`, credentials above all; else
/// from the machine's own role in the cloud.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BucketOptions {
    /// The server, `https://HOST` or `http://HOST:PORT`; the cloud's own if absent. Only where it says `http` is
    /// plain text spoken.
    pub endpoint: Option<String>,
    /// S3's region.
    pub region: Option<String>,
    /// Whether S3's bucket is in the server's name (`https://BUCKET.HOST`) instead of the path.
    pub bucket_in_host: bool,
    /// object_store's other settings for this cloud, by name: `access_key_id`, `skip_signature`.
    pub settings: Vec<(String, String)>,
}

/// Longer than any call of ours: those end by themselves.
const NEVER: &str = "1day";

/// The bucket's client, and the prefix without slashes around it.
pub(super) fn connect(url: &str, options: &BucketOptions) -> Result<(Arc<dyn ObjectStore>, String), BucketFailure> {
    let (scheme, bucket, prefix) = split(url).ok_or_else(|| BucketFailure::Url(url.to_owned()))?;
    // Whoever was first has chosen.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client: Arc<dyn ObjectStore> = match scheme {
        #[cfg(feature = "s3")]
        "s3" => Arc::new(s3(bucket, options)?),
        #[cfg(feature = "gcs")]
        "gs" => Arc::new(gcs(bucket, options)?),
        _ => return Err(BucketFailure::Url(url.to_owned())),
    };
    Ok((client, prefix.to_owned()))
}

/// Scheme, bucket and prefix.
fn split(url: &str) -> Option<(&str, &str, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let prefix = prefix.trim_matches('/');
    let plain = |bucket: &str| bucket.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    (!bucket.is_empty() && plain(bucket) && Location::parse(prefix).is_ok()).then_some((scheme, bucket, prefix))
}

/// Our own attempts are the only ones.
fn once() -> RetryConfig {
    RetryConfig { max_retries: 0, ..RetryConfig::default() }
}

/// What is the same for both clouds' clients.
fn client_settings(endpoint: Option<&str>) -> Vec<(ClientConfigKey, String)> {
    let mut settings = vec![
        (ClientConfigKey::ConnectTimeout, format!("{}s", CONNECT.as_secs())),
        (ClientConfigKey::Timeout, NEVER.to_owned()),
    ];
    if let Some(endpoint) = endpoint {
        settings.push((ClientConfigKey::AllowHttp, endpoint.starts_with("http://").to_string()));
    }
    settings
}

#[cfg(feature = "s3")]
fn s3(bucket: &str, options: &BucketOptions) -> object_store::Result<object_store::aws::AmazonS3> {
    use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, S3ConditionalPut};

    let endpoint = options.endpoint.as_ref().map(|endpoint| endpoint.trim_end_matches('/'));
    let mut builder = AmazonS3Builder::from_env()
        .with_bucket_name(bucket)
        .with_retry(once())
        .with_conditional_put(S3ConditionalPut::ETagMatch)
        // One request an object is what every server knows.
        .with_disable_bulk_delete(true)
        .with_virtual_hosted_style_request(options.bucket_in_host);
    for (key, value) in client_settings(endpoint) {
        builder = builder.with_config(AmazonS3ConfigKey::Client(key), value);
    }
    if let Some(endpoint) = endpoint {
        let (scheme, host) = endpoint.split_once("://").unwrap_or(("https", endpoint));
        let dot = if options.bucket_in_host { format!("{bucket}.") } else { String::new() };
        builder = builder.with_endpoint(format!("{scheme}://{dot}{host}"));
    }
    if let Some(region) = &options.region {
        builder = builder.with_region(region);
    }
    for (name, value) in &options.settings {
        builder = builder.with_config(name.parse()?, value);
    }
    builder.build()
}

#[cfg(feature = "gcs")]
fn gcs(bucket: &str, options: &BucketOptions) -> object_store::Result<object_store::gcp::GoogleCloudStorage> {
    use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};

    let endpoint = options.endpoint.as_ref().map(|endpoint| endpoint.trim_end_matches('/'));
    let mut builder = GoogleCloudStorageBuilder::from_env().with_bucket_name(bucket).with_retry(once());
    for (key, value) in client_settings(endpoint) {
        builder = builder.with_config(GoogleConfigKey::Client(key), value);
    }
    if let Some(endpoint) = endpoint {
        builder = builder.with_base_url(endpoint);
    }
    for (name, value) in &options.settings {
        builder = builder.with_config(name.parse()?, value);
    }
    builder.build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_a_bucket_and_a_prefix() {
        assert_eq!(split("s3://metrics/hourglass/"), Some(("s3", "metrics", "hourglass")));
        assert_eq!(split("gs://metrics/a/b"), Some(("gs", "metrics", "a/b")));
        assert_eq!(split("s3://metrics"), Some(("s3", "metrics", "")));
        for bad in ["s3:///prefix", "metrics/prefix", "s3://a b/c", "s3://metrics/a//b", "s3://metrics/../b"] {
            assert_eq!(split(bad), None, "{bad}");
        }
        assert!(matches!(connect("ftp://bucket/x", &BucketOptions::default()), Err(BucketFailure::Url(_))));
    }
}
