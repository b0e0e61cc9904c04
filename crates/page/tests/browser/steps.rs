//! One page in every window: what both browser tests go through.

use std::path::Path;

use serde_json::json;

use super::checks;
use super::webdriver::{Browser, installed};

/// Widths of a desk's screen and of a telephone's.
pub(crate) const WINDOWS: [(u32, u32); 2] = [(1440, 900), (390, 844)];

pub(crate) fn window(browser: &Browser, (width, height): (u32, u32), colours: &str) {
    let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
    browser.devtools("Emulation.setDeviceMetricsOverride", &size);
    let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": colours }] });
    browser.devtools("Emulation.setEmulatedMedia", &media);
}

/// Opens a page afresh and waits until it is drawn.
pub(crate) fn open(browser: &Browser, page: &Path) {
    browser.open_at(page, "");
    browser.wait("document.readyState === 'complete' && document.getElementById('map-view').textContent");
}

/// Everything that a page must do, in every window and both colours.
pub(crate) fn goes_through(browser: &Browser, page: &Path, downloads: &Path, name: &str) {
    for size in WINDOWS {
        for colours in ["light", "dark"] {
            window(browser, size, colours);
            open(browser, page);
            checks::laid_out(browser, size.0, colours, name);
            checks::the_map_answers(browser, name);
            checks::events_open_and_go_on(browser, page, name);
            checks::the_list_is_filtered(browser, name);
            checks::the_list_is_exported(browser, downloads, name);
            checks::kinds_are_named(browser, downloads, name);
        }
    }
    checks::nothing_went_out(browser, page, name);
}

pub(crate) fn start(downloads: &Path) -> Browser {
    let tools = installed().expect("chromium and chromedriver (Debian: chromium, chromium-driver) are installed");
    let browser = Browser::start(&tools);
    browser.devtools("Browser.setDownloadBehavior", &json!({ "behavior": "allow", "downloadPath": downloads }));
    browser.log("performance");
    browser
}
