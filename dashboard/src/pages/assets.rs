//! The files beside the pages: style, script, icon, and plotly, which draws the charts.
//!
//! Enters: a file's name. Leaves: its bytes, compressed once. What must hold: the name holds a hash of the content, so a
//! browser that has it never asks again; plotly comes out of its package, is compressed when it is first asked for, and
//! nothing is loaded from anywhere else.

use std::io::Write;
use std::sync::LazyLock;

use axum::body::{Body, Bytes};
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

use crate::compression::accepts_gzip;
use crate::problem::Problem;

/// How our style looks.
pub(crate) static STYLE: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("pages", "css", "text/css; charset=utf-8", || include_str!("../../assets/pages.css").into())
});
/// What our script does.
pub(crate) static SCRIPT: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("pages", "js", "text/javascript; charset=utf-8", || include_str!("../../assets/pages.js").into())
});
/// The script of the charts.
pub(crate) static CHARTS: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("charts", "js", "text/javascript; charset=utf-8", || include_str!("../../assets/charts.js").into())
});
/// The picture in a browser's tab.
pub(crate) static ICON: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("icon", "svg", "image/svg+xml", || include_str!("../../assets/icon.svg").into()));
/// What draws the charts.
pub(crate) static PLOTLY: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("plotly", "js", "text/javascript; charset=utf-8", plotly_alone));

/// A file that never changes.
#[derive(Debug)]
pub(crate) struct Asset {
    /// `pages-0123456789abcdef.css`.
    name: String,
    media: &'static str,
    content: fn() -> String,
    compressed: LazyLock<Bytes, Box<dyn FnOnce() -> Bytes + Send>>,
}

impl Asset {
    fn new(stem: &str, extension: &str, media: &'static str, content: fn() -> String) -> Self {
        let hash: String = Sha256::digest(content()).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let compressed = LazyLock::new(Box::new(move || compressed(content().as_bytes())) as Box<_>);
        Self { name: format!("{stem}-{hash}.{extension}"), media, content, compressed }
    }

    /// Where it is served.
    pub(crate) fn path(&self) -> String {
        format!("/assets/{}", self.name)
    }
}

/// `GET /assets/{name}`.
pub(super) async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Result<Response, Problem> {
    let gzip = accepts_gzip(&headers);
    // Hashing and compressing plotly takes a moment.
    let found = tokio::task::spawn_blocking(move || found(&name, gzip)).await;
    let (asset, body) = found.map_err(|_| Problem::broken())?.ok_or_else(Problem::not_found)?;
    let mut response = Body::from(body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.media));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if gzip {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Ok(response)
}

fn found(name: &str, gzip: bool) -> Option<(&'static Asset, Bytes)> {
    let all: [&LazyLock<Asset>; 5] = [&STYLE, &SCRIPT, &CHARTS, &ICON, &PLOTLY];
    let asset: &'static Asset = all.into_iter().map(|asset| &**asset).find(|asset| asset.name == name)?;
    let body = if gzip { asset.compressed.clone() } else { (asset.content)().into() };
    Some((asset, body))
}

/// Nothing in practice fails in memory; what could not be compressed would be empty, and no script.
fn compressed(content: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content).and_then(|()| encoder.finish()).unwrap_or_default().into()
}

/// Its package gives it as the first of two scripts in HTML, the other being MathJax, which nothing here needs.
fn plotly_alone() -> String {
    let scripts = plotly::Plot::offline_js_sources();
    let from = scripts.find('>').map_or(0, |end| end + 1);
    let to = scripts.find("</script>").unwrap_or(scripts.len());
    scripts[from..to].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plotly_is_whole_and_alone() {
        let plotly = plotly_alone();
        assert!(plotly.trim_start().starts_with("/**\n* plotly.js v"), "{:?}", &plotly[..80]);
        assert!((4_000_000..6_000_000).contains(&plotly.len()), "{}", plotly.len());
        assert!(!plotly.contains("MathJax.loader"));
        assert!(PLOTLY.compressed.len() < 1_500_000, "{}", PLOTLY.compressed.len());
    }

    #[test]
    fn no_template_or_script_asks_another_host() {
        for text in [
            include_str!("../../assets/pages.js"),
            include_str!("../../assets/charts.js"),
            include_str!("../../assets/pages.css"),
        ] {
            assert!(!text.contains("https:") && !text.contains("http:"));
        }
    }
}
