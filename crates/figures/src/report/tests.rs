use super::*;
use scatterfall_timestamps::parse_compact;

const MINUTE: Micros = 60_000_000;
const EVIL: &str = "<img src=x onerror=alert(1)>_20250515_000000.png";

struct Run {
    times: Vec<Micros>,
    held: Vec<Micros>,
    distance: Vec<f64>,
    labels: Vec<i32>,
    scores: Vec<f64>,
}

fn run(minutes: i64) -> Run {
    let start = parse_compact("20250515_113000").expect("a valid time");
    let held: Vec<Micros> = (0..minutes).map(|i| start + i * MINUTE).collect();
    let times: Vec<Micros> = held.iter().flat_map(|&t| [t; 8]).collect();
    let n = times.len();
    Run {
        times,
        held,
        distance: (0..n).map(|i| (i % 8) as f64 * 2.4).collect(),
        labels: (0..n).map(|i| (i % 5) as i32 - 1).collect(),
        scores: (0..n).map(|i| (i % 91) as f64).collect(),
    }
}

fn with_data(run: &Run, check: impl FnOnce(ReportData<'_>)) {
    let at_place: Vec<i32> = run.labels.iter().step_by(8).copied().collect();
    let event = |i: i64| EventLine {
        time: (run.held[0] + i * MINUTE, run.held[0] + (i + 2) * MINUTE),
        distance_km: (2.4, 5.4),
        score: 100.0 - i as f64,
        cluster: (i % 3) as i32,
        file: EVIL.to_owned(),
        thumbnail: (i % 2 == 0).then_some(0),
    };
    let events: Vec<EventLine> = (0..4).map(event).collect();
    let thumbnail =
        Thumbnail { time: run.held[0], distance_km: (0.0, 20.0), file: EVIL.to_owned(), png: vec![1, 2, 3] };
    check(ReportData {
        title: "archive \"<b>\"",
        program: "scatterfall 0.1.0",
        device: "CPU, 2 threads",
        fingerprint: "",
        facts: &[("Clustering".to_owned(), "gmm <i>".to_owned())],
        stages: &[("features".to_owned(), 1.5)],
        gaps: &[(run.held[0], run.held[0] + 90 * MINUTE)],
        left_out: &[(EVIL.to_owned(), "broken & <u>".to_owned())],
        configuration: "path = \"</pre><script>\"",
        rows: Rows {
            times: &run.times,
            distance: &run.distance,
            labels: &run.labels,
            scores: &run.scores,
            duration: MINUTE,
            segment_km: 3.0,
        },
        has_distance: true,
        coverage: Some(Coverage { held: &run.held, left_out: &[], duration: MINUTE }),
        counts: Some(Counts {
            times: &run.held,
            labels: &at_place,
            duration: MINUTE,
            accumulate: 4,
            place_km: Some(13.9),
        }),
        events: &events,
        cards: &[ClusterCard { typical: vec![0], worst: vec![0, 99] }],
        thumbnails: &[thumbnail],
        pictures: &[PictureFile { title: EVIL.to_owned(), png: vec![9] }],
    });
}

#[test]
fn names_stay_text() {
    with_data(&run(20), |data| {
        let page = render(&data);
        assert!(page.contains("&lt;img src=x onerror=alert(1)&gt;_20250515_000000.png"), "shown as text");
        for markup in ["<img src=x", "<b>", "<i>", "<u>", "</pre><script>", "archive \"<"] {
            assert!(!page.contains(markup), "{markup} must not be in the page");
        }
        assert_eq!(page.matches("</script>").count(), 2, "data and script, each closed once");
        assert!(!page.contains("{{"), "every place of the template is filled");
    });
}

#[test]
fn the_page_asks_for_nothing() {
    with_data(&run(20), |data| {
        let page = render(&data);
        assert!(page.contains("default-src 'none'"), "and says so");
        for address in ["http://", "https://", "src=\"/", "@import", "url("] {
            assert!(!page.contains(address), "{address}");
        }
    });
}

#[test]
fn all_parts_are_there_under_stable_names() {
    with_data(&run(20), |data| {
        let page = render(&data);
        for id in [
            "summary",
            "map",
            "anomalies",
            "clusters",
            "counts",
            "coverage",
            "left-out",
            "pictures",
            "configuration",
            "map-canvas",
            "map-tip",
            "map-detail",
            "map-reset",
            "anomaly-table",
            "anomaly-filter",
            "anomaly-cluster",
            "anomaly-count",
            "left-out-table",
            "gap-table",
            "cluster-3",
            "theme",
            "report-data",
        ] {
            assert_eq!(page.matches(&format!("id=\"{id}\"")).count(), 1, "{id}");
        }
        let json = page.split("id=\"report-data\">").nth(1).and_then(|p| p.split("</script>").next()).expect("data");
        let json: serde_json::Value = serde_json::from_str(json).expect("JSON");
        assert_eq!((json["columns"].as_u64(), json["exact"].as_bool()), (Some(20), Some(true)), "a column a minute");
        assert_eq!(json["thumbnails"][0]["file"], EVIL, "the name as it is; the script writes it as text");
    });
}

#[test]
fn what_is_missing_is_left_out() {
    with_data(&run(3), |data| {
        let bare = ReportData {
            device: "",
            fingerprint: "",
            facts: &[],
            stages: &[],
            gaps: &[],
            left_out: &[],
            configuration: "",
            rows: Rows { times: &[], distance: &[], labels: &[], scores: &[], duration: MINUTE, segment_km: 0.0 },
            has_distance: false,
            coverage: None,
            counts: None,
            events: &[],
            cards: &[],
            thumbnails: &[],
            pictures: &[],
            ..data
        };
        let page = render(&bare);
        assert!(page.contains("id=\"summary\"") && page.matches("<section").count() == 1, "the summary alone");
        let seismogram = render(&ReportData { has_distance: false, coverage: None, counts: None, ..data });
        assert!(!seismogram.contains("Place (km)") && !seismogram.contains("id=\"coverage\""), "no places");
        assert!(seismogram.contains("id=\"map-canvas\""), "a map over time");
    });
}

#[test]
fn a_month_is_small() {
    with_data(&run(43_200), |data| {
        let thumbnails: Vec<Thumbnail> =
            (0..350).map(|_| Thumbnail { png: vec![7; 12_000], ..data.thumbnails[0].clone() }).collect();
        let page = render(&ReportData { thumbnails: &thumbnails, ..data });
        assert!(page.len() < 10_000_000, "{} bytes with 350 thumbnails", page.len());
    });
}
