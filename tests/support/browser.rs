//! A real browser: headless Chromium, driven through chromedriver by the WebDriver protocol, which is JSON over HTTP.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use reqwest::{Client, Method};
use serde_json::{Value, json};

use super::DEADLINE;

/// Keys as the protocol writes them.
pub const TAB: &str = "\u{e004}";
pub const ENTER: &str = "\u{e007}";
pub const RIGHT: &str = "\u{e014}";

/// A window.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    pub width: u32,
    pub height: u32,
    pub dark: bool,
}

/// One browser with one window; both end when it is dropped.
#[derive(Debug)]
pub struct Browser {
    driver: Child,
    client: Client,
    session: String,
    /// Where its downloads go.
    pub downloads: tempfile::TempDir,
}

impl Browser {
    /// Opens a window; `None` where there is no browser to be driven.
    pub async fn open(window: Window) -> Option<Self> {
        // The client can speak TLS, so it wants to know how.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut driver = Command::new("chromedriver").arg("--port=0").stdout(Stdio::piped()).spawn().ok()?;
        let lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = lines.map_while(Result::ok).find_map(|line| {
            let port = line.split_once("started successfully on port ")?.1;
            port.trim_end_matches('.').parse::<u16>().ok()
        });
        let (client, downloads) = (Client::new(), tempfile::tempdir().unwrap());
        let mut browser = Self { driver, client, session: format!("http://127.0.0.1:{}/session", port?), downloads };
        let id = browser.send(Method::POST, "", json!({ "capabilities": capabilities(window) })).await;
        browser.session = format!("{}/{}", browser.session, id["sessionId"].as_str().unwrap());
        let scheme = if window.dark { "dark" } else { "light" };
        let feature = json!({ "name": "prefers-color-scheme", "value": scheme });
        browser.develop("Emulation.setEmulatedMedia", json!({ "features": [feature] })).await;
        let folder = json!({ "behavior": "allow", "downloadPath": browser.downloads.path() });
        browser.develop("Browser.setDownloadBehavior", folder).await;
        Some(browser)
    }

    pub async fn go(&self, url: &str) {
        self.send(Method::POST, "/url", json!({ "url": url })).await;
    }

    /// Runs the body of a function in the page.
    pub async fn run(&self, script: &str) -> Value {
        self.send(Method::POST, "/execute/sync", json!({ "script": script, "args": [] })).await
    }

    /// Waits until an expression is true in the page, and gives what it is.
    pub async fn until(&self, expression: &str) -> Value {
        let start = Instant::now();
        loop {
            let found = self.run(&format!("return {expression}")).await;
            if !matches!(found, Value::Null | Value::Bool(false)) {
                return found;
            }
            let page = self.run("return document.body.innerText.slice(0, 2000)").await;
            assert!(start.elapsed() < DEADLINE, "waited for {expression} in\n{page}");
        }
    }

    /// Presses and releases keys.
    pub async fn press(&self, keys: &str) {
        let each = keys.chars().map(String::from);
        let pressed: Vec<Value> =
            each.flat_map(|key| ["keyDown", "keyUp"].map(|kind| json!({ "type": kind, "value": key }))).collect();
        let keyboard = json!({ "type": "key", "id": "keyboard", "actions": pressed });
        self.send(Method::POST, "/actions", json!({ "actions": [keyboard] })).await;
    }

    /// Presses Tab until what has the focus matches.
    pub async fn tab_to(&self, selector: &str) {
        for _ in 0..80 {
            if self.run(&format!("return document.activeElement.matches('{selector}')")).await == json!(true) {
                return;
            }
            self.press(TAB).await;
        }
        panic!("no Tab leads to {selector}");
    }

    /// Clicks as a mouse does.
    pub async fn click(&self, selector: &str) {
        let find = json!({ "using": "css selector", "value": selector });
        let found = self.send(Method::POST, "/element", find).await;
        let id = found.as_object().unwrap().values().next().unwrap().as_str().unwrap().to_owned();
        self.send(Method::POST, &format!("/element/{id}/click"), json!({})).await;
    }

    /// What the console complained of since it was last asked.
    pub async fn complaints(&self) -> Vec<String> {
        let log = self.send(Method::POST, "/se/log", json!({ "type": "browser" })).await;
        let entries = log.as_array().unwrap().iter();
        entries.filter(|entry| entry["level"] == "SEVERE").map(|entry| entry["message"].to_string()).collect()
    }

    /// Keeps a picture for a person to look at.
    pub async fn picture(&self, name: &str) {
        let picture = self.send(Method::GET, "/screenshot", Value::Null).await;
        let folder = pictures();
        std::fs::create_dir_all(&folder).unwrap();
        let bytes = BASE64_STANDARD.decode(picture.as_str().unwrap()).unwrap();
        std::fs::write(folder.join(format!("{name}.png")), bytes).unwrap();
    }

    async fn develop(&self, command: &str, params: Value) {
        self.send(Method::POST, "/goog/cdp/execute", json!({ "cmd": command, "params": params })).await;
    }

    async fn send(&self, method: Method, path: &str, body: Value) -> Value {
        let mut request = self.client.request(method, format!("{}{path}", self.session));
        if !body.is_null() {
            request = request.json(&body);
        }
        let mut answer: Value = request.send().await.unwrap().json().await.unwrap();
        assert!(answer["value"].get("error").is_none(), "{path} {body}: {answer}");
        answer["value"].take()
    }
}

impl Drop for Browser {
    /// The driver ends its browser with it.
    fn drop(&mut self) {
        let driver = rustix::process::Pid::from_child(&self.driver);
        let _ = rustix::process::kill_process(driver, rustix::process::Signal::TERM);
        let _ = self.driver.wait();
    }
}

/// `target/screenshots`.
fn pictures() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("screenshots")
}

fn capabilities(window: Window) -> Value {
    let Window { width, height, .. } = window;
    let size = format!("--window-size={width},{height}");
    // A sandbox cannot be had by root, and nothing but our own server is visited.
    let arguments = [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--hide-scrollbars",
        "--lang=en-US",
        &size,
    ];
    let mut options = json!({ "args": arguments });
    if width < 500 {
        // A window cannot be that narrow.
        options["mobileEmulation"] = json!({ "deviceMetrics": { "width": width, "height": height, "pixelRatio": 1 } });
    }
    let options =
        json!({ "browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": { "browser": "ALL" } });
    json!({ "alwaysMatch": options })
}
