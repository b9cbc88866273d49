//! Promise: the pages show what the API answers, to whoever comes with a browser: with a mouse or a keyboard, on a
//! screen or a telephone, by day or night; they stay fresh, complain of nothing and load nothing from another host.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::path::Path;

use serde_json::Value;
use support::browser::{Browser, ENTER, RIGHT, Window};
use support::{AckingClient, Hourglass, hourglass, now_micros, run, skip, until};

const WIDE: Window = Window { width: 1440, height: 1000, dark: false };
const DARK: Window = Window { dark: true, ..WIDE };
const NARROW: Window = Window { width: 390, height: 844, dark: false };
const MINUTE: u64 = 60_000_000;
const HOSTILE: &str = "<script>alert(1)</script>\\\"'50%&\u{202e}drow";

/// A monitor that has something to show, and a browser to show it in.
struct Seen {
    folder: tempfile::TempDir,
    server: Hourglass,
    browser: Browser,
}

impl Seen {
    /// None where there is no browser.
    async fn open(window: Window) -> Option<Self> {
        let Some(browser) = Browser::open(window).await else {
            skip("no chromedriver on PATH: install chromium and chromium-driver");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let server = Hourglass::start(folder.path(), "up --data DATA");
        Some(Self { folder, server, browser })
    }

    fn data(&self) -> &Path {
        self.folder.path()
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.server.http.unwrap())
    }

    async fn go(&self, path: &str) {
        self.browser.go(&self.url(path)).await;
    }

    /// Sends and waits until it is durable.
    fn send(&self, lines: &[String]) {
        static CLIENTS: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
        let client = CLIENTS.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let mut client = AckingClient::connect(self.server.address, &format!("c{client}")).unwrap();
        assert!(client.send(lines.iter().map(String::as_str)) && client.await_ack(lines.len() as u64));
    }

    /// Three hours of four services, two messages a minute, up to the minute before this one.
    fn fill(&self) {
        let end = now_micros() / MINUTE * MINUTE;
        let services = ["checkout", "payments", "search", HOSTILE];
        let mut lines = Vec::new();
        for n in 0..360_u64 {
            for (index, service) in services.iter().enumerate() {
                let wave = (n as f64 / 40.0 + index as f64).sin().mul_add(0.25, 0.45);
                let jump = if (n * 7 + index as u64 * 31).is_multiple_of(97) { 0.25 } else { 0.0 };
                lines.push(line(service, end - (360 - n) * MINUTE / 2, wave + jump));
            }
        }
        self.send(&lines);
    }

    /// What the command line answers.
    fn queried(&self, arguments: &[&str]) -> Vec<u8> {
        let mut all = vec!["query", "--data", self.data().to_str().unwrap()];
        all.extend(arguments);
        let output = hourglass(all).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    async fn text(&self) -> String {
        self.browser.run("return document.body.innerText").await.as_str().unwrap().to_owned()
    }

    /// Nothing in the console, and no other host was asked.
    async fn blameless(&self) {
        let complaints = self.browser.complaints().await;
        assert!(complaints.is_empty(), "{complaints:?}");
        let own = self.url("/");
        let asked = self.browser.run("return performance.getEntriesByType('resource').map(e => e.name)").await;
        for name in asked.as_array().unwrap().iter().filter_map(Value::as_str) {
            assert!(name.starts_with(&own) || name.starts_with("data:"), "{name}");
        }
    }
}

fn line(service: &str, micros: u64, cpu: f64) -> String {
    let service = serde_json::to_string(&service.replace("\\\"", "\"")).unwrap();
    format!(
        "{{\"serviceName\":{service},\"Timestamp\":{micros},\"CPU\":{cpu:.4},\"RAM\":{{\"Total\":16,\"Free\":{:.3}}},\"Disk\":0.31}}",
        8.0 - cpu * 3.0
    )
}

/// A time as the picker's fields take it, typed.
fn typed(time: chrono::DateTime<chrono::Utc>) -> String {
    time.format(&format!("%m%d%Y{RIGHT}%I%M%p")).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn by_keyboard_from_a_date_to_a_chart_to_a_peak_to_its_lines() {
    let Some(seen) = Seen::open(WIDE).await else { return };
    seen.fill();
    let browser = &seen.browser;
    let to = chrono::Utc::now() - chrono::Duration::minutes(10);
    let from = to - chrono::Duration::minutes(100);
    seen.go("/").await;
    browser.until("document.querySelectorAll('#services tbody tr').length === 4").await;
    browser.picture("home").await;
    browser.tab_to(".skip").await;
    browser.tab_to("input[name=from]").await;
    browser.press(&typed(from)).await;
    browser.tab_to("input[name=to]").await;
    browser.press(&typed(to)).await;
    browser.tab_to("input[name=service][value=checkout]").await;
    browser.press(" ").await;
    browser.press(ENTER).await;

    browser.until("document.querySelector('#charts[data-ready]')").await;
    let address = browser.run("return location.search").await;
    let minute = |time: chrono::DateTime<chrono::Utc>| time.format("%Y-%m-%dT%H:%M").to_string();
    let colons = address.as_str().unwrap().replace("%3A", ":");
    assert!(colons.contains(&format!("from={}&to={}", minute(from), minute(to))), "{colons}");
    let peak = "document.querySelector('.chart[data-metric=cpu]').data.find(t => t.name.endsWith('peak'))";
    let drawn = browser.run(&format!("const t = {peak}; return [t.meta, Math.max(...t.y), t.y.length]")).await;
    let range = [format!("{}Z", minute(from)), format!("{}Z", minute(to))];
    let asked = ["--from", &range[0], "--to", &range[1], "--service", "checkout"];
    let answer = seen.queried(&[&asked[..], &["--format", "json"]].concat());
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    let peaks: Vec<f64> =
        answer["rows"].as_array().unwrap().iter().map(|row| row["max_cpu"].as_f64().unwrap()).collect();
    assert_eq!(drawn[0], "checkout");
    assert_eq!(
        (drawn[1].as_f64().unwrap(), drawn[2].as_u64().unwrap()),
        (peaks.iter().copied().fold(0.0, f64::max), peaks.len() as u64)
    );
    browser.picture("analytics").await;

    for (format, name) in [("csv", "CSV"), ("json", "JSON"), ("parquet", "Parquet")] {
        browser.click(&format!("a[download$='.{format}']")).await;
        let file = browser.downloads.path().join(format!("hourglass-1m.{format}"));
        until("the download", || file.metadata().is_ok_and(|found| found.len() > 0));
        let expected = seen.queried(&[&asked[..], &["--format", format]].concat());
        until(name, || std::fs::read(&file).unwrap() == expected);
    }

    browser.run("location.reload()").await;
    browser.until("document.querySelector('#charts[data-ready]')").await;
    browser.tab_to(".totals .peak a").await;
    browser.press(ENTER).await;
    browser.until("document.querySelector('.lines .meant')").await;
    let highest = peaks.iter().copied().fold(0.0, f64::max);
    let meant = browser.run("return document.querySelector('.lines .meant code').textContent").await;
    let meant: Value = serde_json::from_str(meant.as_str().unwrap()).unwrap();
    assert_eq!((meant["serviceName"].as_str(), meant["CPU"].as_f64()), (Some("checkout"), Some(highest)));
    browser.picture("messages").await;
    seen.blameless().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_more_message_arrives_by_itself_and_nobody_who_watches_holds_the_server_up() {
    let Some(seen) = Seen::open(WIDE).await else { return };
    let browser = &seen.browser;
    seen.go("/").await;
    let empty = seen.text().await;
    assert!(empty.contains("No message yet"), "{empty}");
    let command = format!("hourglass client sample --connect {}", seen.server.address);
    assert!(empty.contains(&command), "{empty}");
    browser.picture("empty").await;
    seen.send(&[line("first", now_micros(), 0.5)]);
    browser.until("document.querySelector('#services tbody a')?.textContent === 'first'").await;

    browser.run("window.same = true; document.querySelector('input[name=service]').click()").await;
    seen.send(&[line("second", now_micros(), 0.9)]);
    browser.until("document.querySelectorAll('#services tbody tr').length === 2").await;
    let kept = "return [window.same, document.querySelector('input[value=first]').checked, document.querySelector('#freshness').textContent]";
    let kept = browser.run(kept).await;
    assert_eq!((&kept[0], &kept[1]), (&Value::Bool(true), &Value::Bool(true)), "{kept}");
    assert!(kept[2].as_str().unwrap().starts_with("complete to "), "{kept}");

    seen.go("/analytics?service=second&from=-15m&to=now").await;
    browser.until("document.querySelector('#charts')?.dataset.ready >= 1").await;
    seen.send(&[line("second", now_micros(), 0.95)]);
    let peaks = "document.querySelector('.chart[data-metric=cpu]').data?.[0].y";
    browser.until(&format!("{peaks}?.includes(0.95)")).await;
    seen.blameless().await;
    let Seen { server, .. } = seen;
    let (status, log) = server.drained();
    assert!(status.success(), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_shown_is_said() {
    let Some(seen) = Seen::open(WIDE).await else { return };
    seen.fill();
    let browser = &seen.browser;
    let status = "return performance.getEntriesByType('navigation')[0].responseStatus";

    seen.go("/analytics?service=checkout&from=2026-11-21T10:00&to=2026-11-21T09:00").await;
    assert_eq!(browser.run(status).await, 400);
    let said = browser
        .run("return [document.querySelector('#problem').innerText, document.querySelector('input[name=from]').value]")
        .await;
    assert!(said[0].as_str().unwrap().contains("ends before it starts"), "{said}");
    assert_eq!(said[1], "2026-11-21T10:00");
    browser.picture("impossible").await;

    seen.go("/nothing/<b>here</b>").await;
    assert_eq!(browser.run(status).await, 404);
    assert!(seen.text().await.contains("there is nothing at this address"));
    seen.go("/analytics?service=nobody&from=-1h&to=now").await;
    assert!(seen.text().await.contains("No message in this range"));

    // Complaints about the pages that are none are the browser's right.
    browser.complaints().await;
    seen.go("/").await;
    let name = HOSTILE.replace("\\\"", "\"");
    let found = "return [...document.querySelectorAll('#services th a')].map(a => [a.textContent, a.href])";
    let links = browser.run(found).await;
    let link = links.as_array().unwrap().iter().find(|link| link[0] == *name).unwrap();
    browser.go(link[1].as_str().unwrap()).await;
    browser.until("document.querySelector('#charts[data-ready]')").await;
    let drawn = browser.run("return document.querySelector('.chart[data-metric=cpu]').data[0].meta").await;
    assert_eq!(drawn, *name);
    browser.run("document.querySelector('.totals .peak a').click()").await;
    browser.until("document.querySelector('.lines .meant')").await;
    let heading = browser.run("return document.querySelector('h1 bdi').textContent").await;
    assert_eq!(heading, *name);
    assert_eq!(browser.run("return document.querySelectorAll('script:not([src])').length").await, 0);
    seen.blameless().await;

    // A search without a script, and with one.
    seen.go("/?search=pay").await;
    let shown = "return document.querySelectorAll('#services tbody tr:not([hidden])').length";
    assert_eq!(browser.run(shown).await, 1);
    browser.press("/").await;
    browser.press("zzz").await;
    assert_eq!(browser.run(shown).await, 0);
    assert_eq!(browser.run("return document.querySelector('#found').textContent").await, "0 of 4 services");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_readable_on_a_telephone_and_in_the_dark() {
    for (window, name) in [(NARROW, "narrow"), (DARK, "dark")] {
        let Some(seen) = Seen::open(window).await else { return };
        seen.fill();
        run(seen.data(), "rebuild --data DATA");
        let browser = &seen.browser;
        for (path, page) in [
            ("/", "home"),
            ("/analytics?from=-3h&to=now", "analytics"),
            ("/messages?service=checkout&at=-5m", "messages"),
            ("/status", "status"),
        ] {
            seen.go(path).await;
            if page == "analytics" {
                browser
                    .until("document.querySelector('#charts[data-ready]') && document.querySelector('#rows table')")
                    .await;
            }
            let width = browser.run("return document.documentElement.scrollWidth").await;
            assert!(width.as_u64().unwrap() <= u64::from(window.width), "{page} is {width} wide");
            let ground = browser.run("return getComputedStyle(document.body).backgroundColor").await;
            let ground = ground.as_str().unwrap().trim_start_matches("rgb(").split(',').next().unwrap().parse::<u8>();
            assert_eq!(ground.unwrap() < 64, window.dark, "{page}");
            browser.picture(&format!("{page}-{name}")).await;
            seen.blameless().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_visit_is_light_and_a_second_lighter() {
    let Some(seen) = Seen::open(WIDE).await else { return };
    seen.fill();
    let weight = "return performance.getEntriesByType('resource').concat(performance.getEntriesByType('navigation'))
        .reduce((sum, entry) => sum + entry.transferSize, 0)";
    let visit = async || {
        seen.go("/analytics?from=-3h&to=now").await;
        seen.browser.until("document.querySelector('#charts[data-ready]')").await;
        seen.browser.run(weight).await.as_u64().unwrap()
    };
    let (first, second) = (visit().await, visit().await);
    assert!(first <= 1_700_000 && first > 1_000_000, "{first}");
    assert!(second <= 100_000, "{second}");
    eprintln!("first visit {first} bytes, second {second}");
    // The boxes of the charts are as high before as after: nothing moves.
    let shift = "return new Promise(done => {
        const sum = list => list.getEntries().reduce((sum, entry) => sum + entry.value, 0);
        new PerformanceObserver(list => done(sum(list))).observe({ type: 'layout-shift', buffered: true });
        setTimeout(() => done(0), 1000);
    })";
    assert!(seen.browser.run(shift).await.as_f64().unwrap() < 0.01);
}
