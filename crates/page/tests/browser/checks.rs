//! What a page must do, each part by hand and eye of a browser.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::webdriver::Browser;

/// Keys without a character (WebDriver's code points).
const LEFT: &str = "\u{e012}";
const UP: &str = "\u{e013}";
const RIGHT: &str = "\u{e014}";
const ESCAPE: &str = "\u{e00c}";
/// How long a file may take to arrive.
const DOWNLOAD: Duration = Duration::from_secs(60);

/// Where the map's plot is in the window: left, top, width, height.
fn plot(browser: &Browser) -> [f64; 4] {
    let found = browser.run(
        "document.documentElement.style.scrollBehavior = 'auto'; const c = document.getElementById('map'); \
         c.scrollIntoView({ block: 'center' }); const b = c.getBoundingClientRect(); \
         return [b.x + 51, b.y + 7, b.width - 62, b.height - 52];",
    );
    [0, 1, 2, 3].map(|i| found[i].as_f64().expect("a number"))
}

fn view(browser: &Browser) -> String {
    browser.settle();
    browser.text("return document.getElementById('map-view').textContent;")
}

const PIXELS: &str = "return document.getElementById('map').toDataURL();";

fn click(browser: &Browser, id: &str) {
    browser.run(&format!("document.getElementById('{id}').click();"));
    browser.settle();
}

fn is_fibre(browser: &Browser) -> bool {
    browser.run("return Boolean(document.getElementById('f-km0'));") == true
}

/// Nothing sticks out of the window; the colours are those asked for.
pub(crate) fn laid_out(browser: &Browser, width: u32, colours: &str, name: &str) {
    let widths = browser.run("return [document.documentElement.scrollWidth, window.innerWidth];");
    let (page, window) = (widths[0].as_u64(), widths[1].as_u64());
    assert!(window == Some(width.into()) && page <= window, "{name}: no horizontal scrolling at {width}: {widths}");
    let paper = browser.text("return getComputedStyle(document.body).backgroundColor;");
    assert_eq!(paper == "rgb(255, 255, 255)", colours == "light", "{name}, {colours}: {paper}");
    let outside = browser.run(
        "return [...document.querySelectorAll('main *, header *')].filter((e) => { \
         if (e.closest('.scroll, pre, .skip, svg, option, details:not([open]), thead')) return false; \
         const b = e.getBoundingClientRect(); \
         return b.width > 1 && (b.left < -1 || b.right > window.innerWidth + 1); }).map((e) => e.tagName + '#' + e.id + '.' + e.className);",
    );
    assert_eq!(outside, json!([]), "{name}: nothing sticks out at {width}");
    let unnamed = browser.run(
        "return [...document.querySelectorAll('button, input, select, canvas')].filter((e) => !(e.textContent.trim() \
         || e.getAttribute('aria-label') || e.closest('label') || e.getAttribute('aria-hidden'))).map((e) => e.id || e.outerHTML.slice(0, 80));",
    );
    let allowed = json!(["detail-picture"]);
    assert!(unnamed == json!([]) || unnamed == allowed, "{name}: all that is used has a name: {unnamed}");
}

/// Hover, drag in both directions, keys, views.
pub(crate) fn the_map_answers(browser: &Browser, name: &str) {
    let fibre = is_fibre(browser);
    let [left, top, width, height] = plot(browser);
    let at = |x: f64, y: f64| (left + x * width, top + y * height);
    browser.pointer(&[at(0.5, 0.5)], false);
    browser.wait("!document.getElementById('map-tip').hidden");
    let tip = browser.text("return document.getElementById('map-tip').innerText;");
    assert!(tip.contains("UTC") && (!fibre || tip.contains(" km")), "{name}: the tip tells time and place: {tip}");
    browser.pointer(&[at(0.1, 0.9)], false);
    let other = browser.text("return document.getElementById('map-tip').innerText;");
    assert!(other != tip, "{name}: another place, other values: {other}");

    let all = view(browser);
    assert!(all.starts_with("Shown: all"), "{name}: {all}");
    browser.pointer(&[at(0.3, 0.5), at(0.5, 0.5), at(0.6, 0.5)], true);
    let zoomed = view(browser);
    assert!(!zoomed.starts_with("Shown: all") && !zoomed.contains(" km"), "{name}: a part of the time: {zoomed}");
    click(browser, "map-all");
    assert_eq!(view(browser), all, "{name}: and back");
    if fibre {
        browser.pointer(&[at(0.3, 0.2), at(0.5, 0.5), at(0.6, 0.7)], true);
        let both = view(browser);
        assert!(both.contains(" km"), "{name}: time and distance: {both}");
        click(browser, "map-all");
        browser.pointer(&[at(0.5, 0.2), at(0.5, 0.5), at(0.5, 0.7)], true);
        let place = view(browser);
        assert!(place.contains(" km"), "{name}: a stretch of fibre alone: {place}");
        click(browser, "map-all");
    }
    views_differ(browser, name);
    keys_move(browser, name, &all);
}

fn views_differ(browser: &Browser, name: &str) {
    let layers = browser.run("return [...document.querySelectorAll('input[name=layer]')].map((r) => r.value);");
    let layers: Vec<&str> = layers.as_array().expect("views").iter().filter_map(Value::as_str).collect();
    let mut seen = Vec::new();
    for layer in layers.iter().rev() {
        browser.run(&format!("document.querySelector('input[name=layer][value={layer}]').click();"));
        browser.settle();
        let pixels = browser.text(PIXELS);
        assert!(!seen.contains(&pixels), "{name}: {layer} looks otherwise");
        seen.push(pixels);
    }
    click(browser, "map-events");
    assert!(browser.text(PIXELS) != *seen.last().expect("a view"), "{name}: events are switched off");
    click(browser, "map-events");
}

fn keys_move(browser: &Browser, name: &str, all: &str) {
    browser.run("document.getElementById('map').focus();");
    browser.keys(&[RIGHT, RIGHT, UP]);
    let status = browser.text("return document.getElementById('map-status').textContent;");
    assert!(status.contains("UTC"), "{name}: read out: {status}");
    browser.keys(&["+"]);
    assert!(!view(browser).starts_with("Shown: all"), "{name}: zoomed by key");
    browser.keys(&[ESCAPE]);
    assert_eq!(view(browser), *all, "{name}: Escape shows all");
    browser.keys(&["n"]);
    let status = browser.text("return document.getElementById('map-status').textContent;");
    assert!(status.starts_with("Event "), "{name}: the next event is read out: {status}");
}

/// An event opens with its picture; previous and next by keys; its link opens it again; the map shows it.
pub(crate) fn events_open_and_go_on(browser: &Browser, page: &Path, name: &str) {
    let title = || browser.text("return document.getElementById('detail-title').textContent;");
    browser.run("document.querySelector('#list .number-button').click();");
    browser.wait("document.getElementById('detail').open");
    let first = title();
    let drawn = "return (() => { const c = document.getElementById('detail-picture'); \
                 const p = c.getContext('2d').getImageData(0, 0, c.width, c.height).data; \
                 return new Set(new Uint32Array(p.buffer)).size; })();";
    browser.settle();
    let colours = browser.run(drawn).as_u64().unwrap_or(0);
    assert!(colours > 8, "{name}: the picture is drawn: {colours} colours");
    browser.keys(&[RIGHT]);
    let second = title();
    assert!(second != first, "{name}: the next one");
    browser.keys(&[LEFT]);
    assert_eq!(title(), first, "{name}: and back");
    std::thread::sleep(Duration::from_millis(300));
    let hash = browser.text("return location.hash;");
    assert!(hash.contains("event="), "{name}: the link names it: {hash}");
    browser.keys(&[ESCAPE]);
    browser.wait("!document.getElementById('detail').open");
    browser.open_at(page, "");
    browser.open_at(page, &hash);
    browser.wait("document.getElementById('detail').open");
    assert_eq!(title(), first, "{name}: the link opens it");
    click(browser, "detail-map");
    browser.wait("!document.getElementById('detail').open");
    assert!(!view(browser).starts_with("Shown: all"), "{name}: on the map");
    click(browser, "map-all");
}

fn shown(browser: &Browser) -> usize {
    browser.settle();
    let text = browser.text("return document.getElementById('count').textContent;");
    let digits: String =
        text.chars().take_while(|c| c.is_ascii_digit() || *c == '\u{202f}').filter(char::is_ascii_digit).collect();
    digits.parse().unwrap_or_else(|_| panic!("a number: {text}"))
}

fn set(browser: &Browser, id: &str, value: &str) {
    browser.run(&format!(
        "const i = document.getElementById('{id}'); i.value = '{value}'; i.dispatchEvent(new Event('input')); i.dispatchEvent(new Event('change'));"
    ));
}

/// Filters by kind, time, place, rise and words; orders.
pub(crate) fn the_list_is_filtered(browser: &Browser, name: &str) {
    let all = shown(browser);
    assert!(all >= 2, "{name}: some events: {all}");
    let fewer = |what: &str| {
        let n = shown(browser);
        assert!(n < all, "{name}: {what} leaves {n} of {all}");
        click(browser, "f-clear");
        assert_eq!(shown(browser), all, "{name}: cleared after {what}");
    };
    browser.run("document.querySelector('#f-kinds input').click();");
    fewer("a kind switched off");
    let middle = browser
        .text("return document.querySelector('#list td[data-label=Time] .nowrap').textContent.replace(' ', 'T');");
    set(browser, "f-from", &middle);
    let after = shown(browser);
    set(browser, "f-from", "");
    set(browser, "f-to", &middle);
    let before = shown(browser);
    assert!(after + before >= all, "{name}: {after} from {middle} on, {before} up to it, {all} in all");
    fewer_or_all(browser, after.min(before), all, name);
    if is_fibre(browser) {
        set(browser, "f-km0", "1000");
        fewer("a place beyond the fibre");
        if browser.run(
            "return [...document.querySelectorAll('#list td[data-label=Rise]')].some((c) => c.textContent !== '–');",
        ) == true
        {
            set(browser, "f-rise", "99");
            fewer("a rise of 99 dB");
        }
    }
    set(browser, "f-text", "nothing is called so");
    fewer("a word that no event has");
    for order in ["score", "time", "rarity"] {
        set(browser, "sort", order);
        assert_eq!(shown(browser), all, "{name}: {order} only orders");
        if order == "score" {
            let scores = browser.run("return [...document.querySelectorAll('#list td[data-label=Score]')].map((c) => -Number(c.textContent));");
            let scores: Vec<f64> = scores.as_array().expect("scores").iter().filter_map(Value::as_f64).collect();
            assert!(scores.len() >= 2 && scores.is_sorted(), "{name}: strongest first: {scores:?}");
        }
    }
}

fn fewer_or_all(browser: &Browser, fewer: usize, all: usize, name: &str) {
    assert!(fewer < all, "{name}: a time in the middle leaves some out");
    click(browser, "f-clear");
}

/// Clicks a button and waits for the file that it saves.
fn saved(browser: &Browser, downloads: &Path, button: &str, file: &str) -> String {
    let path = downloads.join(file);
    let _ = std::fs::remove_file(&path);
    click(browser, button);
    let start = Instant::now();
    loop {
        // The browser writes under another name and renames.
        if let Ok(text) = std::fs::read_to_string(&path)
            && !text.is_empty()
        {
            return text;
        }
        assert!(start.elapsed() < DOWNLOAD, "{file} never came");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The filtered list as CSV and JSON.
pub(crate) fn the_list_is_exported(browser: &Browser, downloads: &Path, name: &str) {
    let all = shown(browser);
    browser.run("document.querySelector('#f-kinds input').click();");
    let left = shown(browser);
    assert!(left < all, "{name}: filtered");
    let csv = saved(browser, downloads, "save-csv", "events.csv");
    assert!(
        csv.starts_with("event,time_from,time_to,distance_from_km,"),
        "{name}: the columns of events.csv: {csv:.80}"
    );
    assert_eq!(csv.lines().count(), left + 1, "{name}: a line per shown event");
    let json: Value = serde_json::from_str(&saved(browser, downloads, "save-json", "events.json")).expect("JSON");
    assert_eq!(json.as_array().map(Vec::len), Some(left), "{name}: as many as JSON");
    assert!(json.as_array().is_some_and(|l| l.iter().all(|e| e["time_from"].is_string())), "{name}: with their times");
    click(browser, "f-clear");
}

/// A name that is typed in is everywhere at once, and in names.toml; `ignore` leaves a kind out.
pub(crate) fn kinds_are_named(browser: &Browser, downloads: &Path, name: &str) {
    if browser.run("return Boolean(document.getElementById('save-names'));") != true {
        return;
    }
    let all = shown(browser);
    let typed = |value: &str| {
        let value = json!(value);
        browser.run(&format!(
            "const i = document.querySelector('#kind-cards input'); i.value = {value}; i.dispatchEvent(new Event('input'));"
        ));
        browser.settle();
    };
    typed("a \"train\" <b>");
    let heading = browser.text("return document.querySelector('#list h3').textContent;");
    assert!(heading.contains("a \"train\" <b>"), "{name}: renamed at once: {heading}");
    let toml = saved(browser, downloads, "save-names", "names.toml");
    let table: toml::Table = toml.parse().unwrap_or_else(|e| panic!("{name}: TOML: {e}: {toml}"));
    assert!(table.values().any(|v| v.as_str() == Some("a \"train\" <b>")), "{name}: saved: {toml}");
    typed("ignore");
    assert!(shown(browser) < all, "{name}: an ignored kind is left out");
    typed("");
    assert_eq!(shown(browser), all, "{name}: and is back");
}

/// A day and a week are chosen from the calendar.
pub(crate) fn a_day_is_chosen_from_the_calendar(browser: &Browser) {
    let all = shown(browser);
    browser.run("document.querySelector('#calendar [data-day=\"2025-05-20\"]').click();");
    let day = shown(browser);
    let words = view(browser);
    assert!(day > 0 && day < all / 10, "one day of thirty: {day} of {all}");
    assert!(words.contains("2025-05-20 00:00:00 to 2025-05-21 00:00:00"), "the map follows: {words}");
    browser.run("document.querySelectorAll('#calendar .week')[1].click();");
    let week = shown(browser);
    assert!(week > day && week < all / 2, "a week: {week}");
    browser.run("document.querySelectorAll('#calendar .week')[1].click();");
    assert_eq!(shown(browser), all, "chosen again: all");
    let heading = browser.text("return document.querySelector('#list h3').textContent;");
    assert!(heading.contains("seen once in"), "the rarest kind leads: {heading}");
}

/// 300 images over 20 days fill the map; the five of 1970 are named.
pub(crate) fn gaps_are_folded(browser: &Browser) {
    let words = view(browser);
    assert!(words.contains("gaps are folded") && !words.contains("1970"), "{words}");
    let absent = browser.run(
        "const c = document.getElementById('map'), g = c.getContext('2d'), p = g.getImageData(60, 100, c.width - 80, 1).data; \
         const v = getComputedStyle(document.documentElement).getPropertyValue('--absent').trim(); \
         const a = [1, 3, 5].map((i) => parseInt(v.slice(i, i + 2), 16)); let n = 0; \
         for (let i = 0; i < p.length; i += 4) n += a.every((x, k) => x === p[i + k]); return n / (p.length / 4);",
    );
    assert!(absent.as_f64().is_some_and(|share| share < 0.45), "images take most of the width: {absent} is gap");
    let note = browser.text("return document.querySelector('.note').textContent;");
    assert!(note.contains("5 images are dated far from the rest (1970-01-01"), "{note}");
}

/// Zooming in ends at a part of one image, whose picture is shown in place.
pub(crate) fn the_map_zooms_to_single_images(browser: &Browser) {
    for _ in 0..14 {
        click(browser, "map-in");
    }
    let words = view(browser);
    let times: Vec<&str> = words.split(" to ").collect();
    assert!(times.len() == 2, "{words}");
    let minutes = browser.run(
        "const m = document.getElementById('map-view').textContent.match(/(\\d+:\\d+:\\d+)/g); \
         const s = m.map((t) => t.split(':').reduce((a, b) => a * 60 + Number(b), 0)); return (s[1] - s[0]) / 60;",
    );
    assert!(minutes.as_f64().is_some_and(|m| m < 1.0), "within one image: {words}");
    browser.run("document.querySelector('input[name=layer][value=pictures]').click();");
    browser.settle();
    let colours = browser.run(
        "const c = document.getElementById('map'), p = c.getContext('2d').getImageData(60, 20, c.width - 80, c.height - 90).data; \
         return new Set(new Uint32Array(p.buffer)).size;",
    );
    assert!(colours.as_u64().is_some_and(|n| n > 3), "the picture in place: {colours} colours");
}

/// No error in the console, and no request but for the page itself and what it holds.
pub(crate) fn nothing_went_out(browser: &Browser, page: &Path, name: &str) {
    let console: Vec<Value> = browser.log("browser").into_iter().filter(|l| l["level"] != "INFO").collect();
    assert!(console.is_empty(), "{name}: the console: {console:?}");
    let mut asked = 0;
    for line in browser.log("performance") {
        let event: Value = serde_json::from_str(line["message"].as_str().unwrap_or("{}")).expect("an event");
        if event["message"]["method"] == "Network.requestWillBeSent" {
            let url = event["message"]["params"]["request"]["url"].as_str().unwrap_or("").to_owned();
            let of_page = url.split('#').next().is_some_and(|u| u.ends_with(&*page.to_string_lossy()));
            assert!(url.starts_with("data:") || url.starts_with("blob:") || of_page, "{name}: a request to {url}");
            asked += 1;
        }
    }
    assert!(asked > 0, "{name}: negative control: the page itself was asked for");
}
