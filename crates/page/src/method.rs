//! The recorder's state and, last, the figures of the method.

use maud::{Markup, html};

use crate::axis::TimeAxis;
use crate::contract::png_address;
use crate::model::{Page, Source};
use crate::time::clock;
use crate::words::{counted, grouped, span_words};

/// Lists are cut here; the files of the run hold all of it.
const MAX_LINES: usize = 200;

pub(crate) fn has_health(page: &Page, axis: &TimeAxis) -> bool {
    !page.health.is_empty() || !page.left_out.is_empty() || axis.segments.len() > 1 || !axis.strays.is_empty()
}

/// Names the images whose times are implausible.
pub(crate) fn strays(axis: &TimeAxis) -> Markup {
    let first = axis.strays.iter().take(3).map(|&t| clock(t)).collect::<Vec<_>>().join(", ");
    html! {
        p.note {
            (counted(axis.strays.len(), "image is", "images are")) " dated far from the rest (" (first)
            @if axis.strays.len() > 3 { ", …" }
            ") and left out of the time axis: check the recorder's clock or the file names."
        }
    }
}

/// What is wrong with recorder and fibre: defects, gaps, files that were left out.
pub(crate) fn health(page: &Page, axis: &TimeAxis) -> Markup {
    let fibre = matches!(page.source, Source::Fibre { .. });
    let gaps = axis.gaps();
    html! {
        section #health aria-labelledby="health-title" {
            h2 #health-title { (if fibre { "Recorder and fibre" } else { "Record" }) }
            @if !page.health.is_empty() {
                table.stack #health-table {
                    caption { "What is no event: these times and places take no part in the list." }
                    thead { tr { th scope="col" { "What" } th scope="col" { "From (UTC)" } th scope="col" { "For" }
                        th scope="col" { "Place (km)" } th scope="col" { "Remark" } } }
                    tbody {
                        @for defect in page.health.iter().take(MAX_LINES) {
                            tr {
                                td data-label="What" { (defect.what) }
                                td data-label="From (UTC)" { (clock(defect.time.0)) }
                                td data-label="For" { (span_words(defect.time.1 - defect.time.0)) }
                                td.number data-label="Place (km)" { (format!("{:.2} – {:.2}", defect.distance_km.0, defect.distance_km.1)) }
                                td data-label="Remark" { (defect.words) }
                            }
                        }
                    }
                }
                @if page.health.len() > MAX_LINES { p.soft { (rest(page.health.len())) " health.csv holds all." } }
            }
            @if !gaps.is_empty() {
                h3 { (counted(gaps.len(), "gap", "gaps")) }
                details open[gaps.len() <= 12] {
                    summary { "Longest first" }
                    ul.plain {
                        @for gap in gaps.iter().take(MAX_LINES) {
                            li { (clock(gap.from)) " to " (clock(gap.to)) ", " (span_words(gap.to - gap.from)) }
                        }
                    }
                }
                @if gaps.len() > MAX_LINES { p.soft { (rest(gaps.len())) } }
            }
            @if !page.left_out.is_empty() {
                h3 { (counted(page.left_out.len(), "file was left out", "files were left out")) }
                table.stack #left-out-table {
                    thead { tr { th scope="col" { "File" } th scope="col" { "Reason" } } }
                    tbody {
                        @for (file, reason) in page.left_out.iter().take(MAX_LINES) {
                            tr { td data-label="File" { bdi.file { (file) } } td data-label="Reason" { (reason) } }
                        }
                    }
                }
                @if page.left_out.len() > MAX_LINES { p.soft { (rest(page.left_out.len())) " run.json holds all." } }
            }
        }
    }
}

fn rest(all: usize) -> String {
    format!("And {} more.", grouped(all - MAX_LINES))
}

/// How the list was made, for those who tune it.
pub(crate) fn method(page: &Page, axis: &TimeAxis) -> Markup {
    let method = &page.method;
    html! {
        section #method aria-labelledby="method-title" {
            h2 #method-title { "Method" }
            dl.pairs {
                dt { (if matches!(page.source, Source::Fibre { .. }) { "Images with results" } else { "Segments" }) }
                dd { (grouped(page.images.len())) ", " (span_words(axis.recorded())) }
                @if let Some(t) = page.threshold {
                    dt { "Score of a listed event" }
                    dd { "from " (format!("{t:.2}"))
                        @if let Some(n) = page.false_alarms_per_day { ", set for at most " (n) " false alarms a day" } }
                }
                @for (name, value) in &method.facts { dt { (name) } dd { (value) } }
            }
            @if !method.stages.is_empty() { (stages(&method.stages)) }
            @if !method.clusters.is_empty() {
                details { summary { "Clusters of rows" }
                    div.cards { @for (label, cluster) in method.clusters.iter().enumerate() { (cluster_card(label, cluster)) } }
                }
            }
            @if !method.figures.is_empty() {
                details { summary { "Reduction and model" }
                    div.figures {
                        @for figure in &method.figures {
                            figure { img loading="lazy" src=(png_address(&figure.png)) alt=(figure.title);
                                figcaption.small.soft { (figure.title) } }
                        }
                    }
                }
            }
            @if !method.configuration.is_empty() {
                details { summary { "Configuration" } pre { (method.configuration) } }
            }
        }
    }
}

fn stages(stages: &[(String, f64)]) -> Markup {
    html! {
        details { summary { "Time of each stage" }
            table { thead { tr { th scope="col" { "Stage" } th.number scope="col" { "Seconds" } } }
                tbody { @for (name, seconds) in stages {
                    tr { td { (name) } td.number { (format!("{seconds:.2}")) } }
                } } }
        }
    }
}

fn cluster_card(label: usize, cluster: &crate::model::Cluster) -> Markup {
    let most = cluster.hours.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    html! {
        article.card {
            h3 { span.swatch data-cluster=(label) {} " Cluster " (label) }
            p { (grouped(cluster.rows)) " rows. " (cluster.words) }
            svg.hours viewBox="0 0 240 48" role="img" aria-label="Share of its rows by hour of the day, UTC" {
                @for (hour, share) in cluster.hours.iter().enumerate() {
                    rect x=(hour * 10 + 1) y=(format!("{:.1}", 34.0 - 34.0 * share / most)) width="8"
                        height=(format!("{:.1}", 34.0 * share / most)) {}
                }
                @for hour in [0, 6, 12, 18] { text x=(hour * 10) y="46" { (format!("{hour:02}")) } }
            }
        }
    }
}
