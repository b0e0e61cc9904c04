//! The report of a run in a real browser: headless Chromium, driven through chromedriver.
//!
//! Ignored unless asked for, because not every machine has a browser; CI asks for it. What a page must do is checked by
//! the same steps as the page builder's own pages.

mod archive;
#[path = "../../crates/page/tests/browser/checks.rs"]
#[expect(dead_code, reason = "some checks are of pages with invented values")]
mod checks;
#[path = "../../crates/page/tests/browser/steps.rs"]
mod steps;
#[path = "../../crates/page/tests/browser/webdriver.rs"]
mod webdriver;

use steps::{goes_through, start};

#[test]
#[ignore = "needs chromium and chromedriver: run with --include-ignored"]
fn the_report_of_a_run_in_a_browser() {
    let folder = tempfile::tempdir().expect("a folder");
    let page = archive::report(folder.path());
    let browser = start(folder.path());
    goes_through(&browser, &page, folder.path(), "demo");
    archive::names_stay_text(&browser);
    let hard = archive::hard_report(folder.path());
    goes_through(&browser, &hard, folder.path(), "hard");
}
