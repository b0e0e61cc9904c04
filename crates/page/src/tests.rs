//! The whole page: what stands in the markup, what the script is given, and how large it becomes.

use super::*;

fn script_value(page: &Page) -> serde_json::Value {
    let html = render(page);
    let (_, after) = html.split_once("type=\"application/json\">").expect("the data");
    let (json, _) = after.split_once("</script>").expect("its end");
    serde_json::from_str(json).expect("JSON")
}

#[test]
fn names_never_become_markup() {
    let mut page = fixture::three_hours();
    let evil = "</script><img src=x onerror=alert(1)>";
    page.title = evil.to_owned();
    page.events[0].file = evil.to_owned();
    page.names = vec![KindName { kind: 1, name: evil.to_owned() }];
    page.left_out = vec![(evil.to_owned(), evil.to_owned())];
    page.health[0].words = evil.to_owned();
    let html = render(&page);
    assert!(!html.contains("<img src=x"), "escaped in markup and in data");
    assert!(html.contains("&lt;img src=x onerror=alert(1)&gt;"), "shown as text");
    let value = script_value(&page);
    let files: Vec<&str> =
        value["events"]["file"].as_array().expect("files").iter().filter_map(|f| f.as_str()).collect();
    assert!(files.contains(&evil), "the script gets the name itself");
}

#[test]
fn every_page_is_one_small_file_without_requests() {
    for (name, page) in fixture::all() {
        let html = render(&page);
        assert!(html.len() < 10_000_000, "{name}: {} bytes", html.len());
        assert!(html.contains("default-src 'none'"), "{name}: nothing may be loaded");
        assert!(
            !html.contains("http://")
                || html.matches("http://").count() == html.matches("http://www.w3.org/2000/svg").count(),
            "{name}: no address"
        );
        assert!(!html.contains("https://"), "{name}: no address");
    }
}

#[test]
fn what_is_empty_is_left_out() {
    let page =
        Page { events: Vec::new(), health: Vec::new(), waterfalls: Vec::new(), score: None, ..fixture::three_hours() };
    let html = render(&Page { images: page.images[..60].to_vec(), ..page });
    assert!(
        !html.contains("id=\"events\"") && !html.contains("id=\"kinds\"") && !html.contains("id=\"health\""),
        "no empty part"
    );
    assert!(!html.contains("value=\"pictures\"") && !html.contains("value=\"score\""), "no view without values");
    assert!(html.contains("value=\"level\""), "the level is there");
    let nothing = Page { images: Vec::new(), level: None, clusters: None, ..fixture::three_hours() };
    assert!(render(&nothing).contains("no images"), "an empty archive has a page too");
}

#[test]
fn strays_are_named() {
    let html = render(&fixture::gaps());
    assert!(html.contains("5 images are dated far from the rest (1970-01-01 00:00"), "the five of 1970");
    let value = script_value(&fixture::gaps());
    let first = value["segments"][0][0].as_f64().expect("a time");
    assert!(first > 1.7e12, "and not on the axis");
}
