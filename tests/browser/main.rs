//! The report in a real browser: headless Chromium, driven through chromedriver.
//!
//! Ignored unless asked for, because not every machine has a browser; CI asks for it.

mod webdriver;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use webdriver::{Browser, installed};

/// A file name that would run a script if it ever became markup.
const EVIL: &str = "<img src=x onerror=alert(1)>";

fn program(arguments: &[&str]) {
    let out = Command::new(env!("CARGO_BIN_EXE_scatterfall")).args(arguments).output().expect("the program starts");
    assert!(out.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&out.stderr));
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// A synthetic archive whose worst image, and one that is left out, have the evil name; its report.
fn report(folder: &Path) -> PathBuf {
    let (archive, output) = (folder.join("archive"), folder.join("output"));
    program(&["synth", "--output", text(&archive), "--images", "90", "--small"]);
    let config = archive.join("config.toml");
    let run = [
        ["run", "--config", text(&config), "--output", text(&output), "--backend", "cpu", "--no-progress"].as_slice(),
        // Few rows, few pictures: the page is what is looked at here.
        &["--set", "anomaly.quantile=0.98", "--set", "visualize.methods=[\"cluster_counts\"]"],
    ]
    .concat();
    program(&run);
    let table = std::fs::read_to_string(output.join("anomalies.csv")).expect("events");
    let worst = table.lines().nth(1).and_then(|l| l.rsplit(',').next()).expect("an event").to_owned();
    let time = worst.strip_prefix("Waterfall_RMS_").expect("the usual name").to_owned();
    std::fs::rename(archive.join(&worst), archive.join(format!("{EVIL}_{time}"))).expect("renamed");
    std::fs::write(archive.join(format!("{EVIL}_20250515_000000.png")), b"no picture").expect("written");
    let out = Command::new(env!("CARGO_BIN_EXE_scatterfall")).args(&run).output().expect("the program starts");
    assert_eq!(out.status.code(), Some(3), "one file is left out: {}", String::from_utf8_lossy(&out.stderr));
    output.join("report.html")
}

/// Where the map's plot area is in the window: left, top, width, height.
fn map(browser: &Browser) -> [f64; 4] {
    let found = browser.run(
        "document.documentElement.style.scrollBehavior = 'auto'; const c = document.getElementById('map-canvas'); \
         c.scrollIntoView({ block: 'center' }); const b = c.getBoundingClientRect(); return [b.x + 54, b.y + 8, b.width - 66, b.height - 52];",
    );
    let number = |i: usize| found[i].as_f64().expect("a number");
    [number(0), number(1), number(2), number(3)]
}

/// A digest of the map's pixels.
const PIXELS: &str = "const c = document.getElementById('map-canvas'); return c.toDataURL();";

#[test]
#[ignore = "needs chromium and chromedriver: run with --include-ignored"]
fn the_report_in_a_browser() {
    let tools = installed().expect("chromium and chromedriver (Debian: chromium, chromium-driver) are installed");
    let folder = tempfile::tempdir().expect("a folder");
    let page = report(folder.path());
    let browser = Browser::start(&tools);
    window(&browser, 1440, 900, "light");
    browser.log("performance");
    browser.open(&page);
    browser.wait("document.readyState === 'complete' && document.getElementById('map-view').textContent");

    names_stay_text(&browser);
    the_map_answers(&browser);
    the_table_sorts_and_filters(&browser);
    for (width, height) in [(1440, 900), (390, 844)] {
        for colours in ["light", "dark"] {
            window(&browser, width, height, colours);
            browser.open(&page);
            browser.wait("document.getElementById('map-view').textContent");
            laid_out(&browser, width, colours);
        }
    }
    nothing_went_out(&browser, &page);
}

fn window(browser: &Browser, width: u32, height: u32, colours: &str) {
    let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
    browser.devtools("Emulation.setDeviceMetricsOverride", &size);
    let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": colours }] });
    browser.devtools("Emulation.setEmulatedMedia", &media);
}

fn names_stay_text(browser: &Browser) {
    for table in ["anomaly-table", "left-out-table"] {
        let words = browser.text(&format!("return document.getElementById('{table}').textContent;"));
        assert!(words.contains(EVIL), "{table} shows the name as text: {words}");
    }
    assert_eq!(browser.run("return document.querySelectorAll('img[src=x], [onerror]').length;"), 0, "no markup of it");
}

fn the_map_answers(browser: &Browser) {
    let [left, top, width, height] = map(browser);
    let at = |x: f64, y: f64| (left + x * width, top + y * height);
    // Hover.
    browser.pointer(&[at(0.5, 0.5)], false);
    browser.wait("!document.getElementById('map-tip').hidden");
    let tip = browser.text("return document.getElementById('map-tip').innerText;");
    for part in ["UTC", " km", "cluster ", "score "] {
        assert!(tip.contains(part), "the tip tells time, distance, cluster and score: {tip}");
    }
    browser.pointer(&[at(0.1, 0.9)], false);
    let other = browser.text("return document.getElementById('map-tip').innerText;");
    assert!(other != tip, "another place, other values: {other}");
    // Click.
    assert_eq!(browser.run("return document.getElementById('map-detail').hidden;"), true, "closed at first");
    browser.pointer(&[at(0.5, 0.5)], true);
    browser.wait("!document.getElementById('map-detail').hidden");
    let shown = browser.run(
        "const i = document.querySelector('#map-detail-figure img'); return [i.src.slice(0, 15), i.naturalWidth];",
    );
    assert_eq!(shown[0], "data:image/png;", "a waterfall");
    assert!(shown[1].as_u64().is_some_and(|w| w > 50), "that is decoded: {shown}");
    // Drag.
    let view = || browser.text("return document.getElementById('map-view').textContent;");
    let all = view();
    assert!(all.starts_with("Shown: all"), "{all}");
    let [left, top, width, height] = map(browser);
    let at = |x: f64, y: f64| (left + x * width, top + y * height);
    browser.pointer(&[at(0.3, 0.5), at(0.5, 0.5), at(0.6, 0.5)], true);
    let zoomed = view();
    assert!(!zoomed.starts_with("Shown: all"), "zoomed: {zoomed}");
    browser.run("document.getElementById('map-reset').click();");
    assert_eq!(view(), all, "and back");
    // Clusters off and on, scores.
    let before = browser.text(PIXELS);
    browser.run("document.querySelector('.map-cluster').click();");
    let without = browser.text(PIXELS);
    assert!(without != before, "a cluster that is switched off goes");
    browser.run("document.querySelector('.map-cluster').click();");
    assert_eq!(browser.text(PIXELS), before, "and comes back");
    browser.run("document.getElementById('map-score').click();");
    assert!(browser.text(PIXELS) != before, "scores look otherwise");
    assert_eq!(browser.run("return document.getElementById('map-scale').hidden;"), false, "with their scale");
    browser.run("document.getElementById('map-labels').click();");
    // Keyboard.
    browser.run("document.getElementById('map-canvas').focus();");
    browser.keys(&["\u{e014}", "\u{e014}", "\u{e013}"]);
    let status = browser.text("return document.getElementById('map-status').textContent;");
    assert!(status.contains("UTC") && status.contains("km"), "read out: {status}");
    browser.keys(&["+"]);
    assert!(!view().starts_with("Shown: all"), "zoomed by key");
    browser.keys(&["\u{e00c}"]);
    assert_eq!(view(), all, "Escape shows all");
}

fn the_table_sorts_and_filters(browser: &Browser) {
    let ranks = || {
        browser.run("return [...document.querySelectorAll('#anomaly-table tbody tr')].filter((r) => !r.hidden).map((r) => Number(r.dataset.rank));")
    };
    let all = ranks();
    let n = all.as_array().map_or(0, Vec::len);
    assert!(n >= 3, "some events: {all}");
    let pictures = browser.run("return [...document.querySelectorAll('#anomaly-table img')].filter((i) => i.src.startsWith('data:image/png')).length;");
    assert_eq!(pictures, n, "a thumbnail each");
    browser.run("document.querySelector('#anomaly-table button[data-sort=time]').click();");
    let times = browser
        .run("return [...document.querySelectorAll('#anomaly-table tbody tr')].map((r) => Number(r.dataset.time));");
    let times: Vec<f64> = times.as_array().expect("times").iter().filter_map(Value::as_f64).collect();
    assert!(times.is_sorted(), "sorted by time: {times:?}");
    browser.run("document.querySelector('#anomaly-table button[data-sort=rank]').click();");
    assert_eq!(ranks(), all, "and by rank again");
    browser.run("const f = document.getElementById('anomaly-filter'); f.value = 'onerror'; f.dispatchEvent(new Event('input'));");
    let found = ranks();
    let words = browser.text("return document.getElementById('anomaly-count').textContent;");
    assert!(found.as_array().is_some_and(|f| !f.is_empty() && f.len() < n), "only events of that file: {found}");
    assert!(words.contains(&format!("of {n} events")), "counted: {words}");
    browser
        .run("const f = document.getElementById('anomaly-filter'); f.value = ''; f.dispatchEvent(new Event('input'));");
    browser.run("document.querySelector('#anomaly-table button[data-show]').click();");
    assert!(
        !browser.text("return document.getElementById('map-view').textContent;").starts_with("Shown: all"),
        "an event on the map"
    );
}

fn laid_out(browser: &Browser, width: u32, colours: &str) {
    let widths = browser.run("return [document.documentElement.scrollWidth, window.innerWidth];");
    let (page, window) = (widths[0].as_u64(), widths[1].as_u64());
    assert!(window == Some(width.into()) && page <= window, "no horizontal scrolling at {width}: {widths}");
    let paper = browser.text("return getComputedStyle(document.body).backgroundColor;");
    assert_eq!(paper == "rgb(255, 255, 255)", colours == "light", "{colours}: {paper}");
    let outside = browser.run(
        "return [...document.querySelectorAll('main *, header *')].filter((e) => { \
         if (e.closest('.scroll, pre, table, .skip, svg, option')) return false; const b = e.getBoundingClientRect(); \
         return b.width > 0 && (b.left < -1 || b.right > window.innerWidth + 1); }).map((e) => e.tagName + '#' + e.id + '.' + e.className);",
    );
    assert_eq!(outside, json!([]), "nothing sticks out at {width}");
}

/// No error in the console, and no request but for the page itself and what it holds.
fn nothing_went_out(browser: &Browser, page: &Path) {
    let console: Vec<Value> = browser.log("browser").into_iter().filter(|l| l["level"] != "INFO").collect();
    assert!(console.is_empty(), "the console: {console:?}");
    let mut asked = 0;
    for line in browser.log("performance") {
        let event: Value = serde_json::from_str(line["message"].as_str().unwrap_or("{}")).expect("an event");
        if event["message"]["method"] == "Network.requestWillBeSent" {
            let url = event["message"]["params"]["request"]["url"].as_str().unwrap_or("").to_owned();
            assert!(url.starts_with("data:") || url.ends_with(text(page)), "a request to {url}");
            asked += 1;
        }
    }
    assert!(asked > 0, "negative control: the page itself was asked for");
}
