//! Pages with invented values in a real browser: headless Chromium, driven through chromedriver.
//!
//! Ignored unless asked for, because not every machine has a browser; CI asks for it.

mod checks;
mod steps;
mod webdriver;

use scatterfall_page::*;
#[path = "../../fixtures/pages.rs"]
mod fixture;

use steps::{WINDOWS, goes_through, open, start, window};

#[test]
#[ignore = "needs chromium and chromedriver: run with --include-ignored"]
fn pages_of_every_kind_in_a_browser() {
    let folder = tempfile::tempdir().expect("a folder");
    let browser = start(folder.path());
    for (name, page) in fixture::all() {
        let path = folder.path().join(format!("{name}.html"));
        std::fs::write(&path, render(&page)).expect("written");
        goes_through(&browser, &path, folder.path(), name);
    }
    window(&browser, WINDOWS[0], "light");
    let month = folder.path().join("month.html");
    open(&browser, &month);
    checks::a_day_is_chosen_from_the_calendar(&browser);
    open(&browser, &folder.path().join("gaps.html"));
    checks::gaps_are_folded(&browser);
    open(&browser, &folder.path().join("three_hours.html"));
    checks::the_map_zooms_to_single_images(&browser);
}
