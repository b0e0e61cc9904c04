//! The page's markup, section by section.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::axis::TimeAxis;
use crate::method;
use crate::model::{Page, Source};
use crate::script::{SCRIPT, STYLE};
use crate::words;

pub(crate) const POLICY: &str = "default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
                      base-uri 'none'; form-action 'none'";

pub(crate) fn document(page: &Page, axis: &TimeAxis, json: &str) -> String {
    let fibre = matches!(page.source, Source::Fibre { .. });
    let has_events = !page.events.is_empty();
    let has_health = method::has_health(page, axis);
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="fingerprint" content=(page.fingerprint);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                link rel="icon" href="data:,";
                title { (page.title) " – scatterfall" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#content" { "Skip to the content" }
                (header(page, axis, fibre, has_events, has_health))
                main #content.wrap {
                    (opening(page, axis))
                    (map(page, fibre))
                    @if has_events { (events(fibre)) (kinds(fibre)) }
                    @if has_health { (method::health(page, axis)) }
                    (method::method(page, axis))
                }
                footer.wrap.soft.small { "Written by " (page.program) ". One file: nothing on this page is loaded from elsewhere." }
                (detail())
                script #report-data type="application/json" { (PreEscaped(json)) }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    }
    .into_string()
}

fn header(page: &Page, axis: &TimeAxis, fibre: bool, has_events: bool, has_health: bool) -> Markup {
    html! {
        header.top {
            div.wrap.title {
                div {
                    h1 { bdi { (page.title) } }
                    p.soft { (words::span(axis)) }
                }
                div.controls.no-print {
                    label.inline { span.skip { "Time zone" }
                        select #zone { option value="utc" { "UTC" } option value="local" { "UTC and local" } } }
                    button #copy-link.button type="button" { "Copy link" }
                    button #theme.button type="button" aria-label="Switch between light and dark colours" { "Light / dark" }
                }
            }
            nav.wrap.no-print aria-label="Sections" {
                a href="#what" { "What happened" }
                a href="#map-section" { "Map" }
                @if has_events {
                    a href="#events" { (if fibre { "Events" } else { "Unusual spans" }) }
                    a href="#kinds" { (if fibre { "Kinds" } else { "Clusters" }) }
                }
                @if has_health { a href="#health" { (if fibre { "Recorder" } else { "Record" }) } }
                a href="#method" { "Method" }
            }
        }
    }
}

fn opening(page: &Page, axis: &TimeAxis) -> Markup {
    html! {
        section #what aria-label="What happened" {
            p #sentence.lead { (words::sentence(page, axis)) }
            @if page.events_beyond > 0 {
                p.soft { "The page lists the " (words::grouped(page.events.len())) " strongest; events.csv holds all." }
            }
            @if !axis.strays.is_empty() { (method::strays(axis)) }
            @if page.events.iter().any(|e| e.provisional) {
                p.soft { "Events of the last minutes are provisional (dashed): later images may still change them." }
            }
            noscript { p.note { "Map, list and filters need JavaScript; events.csv beside this page holds the same list." } }
            ol #highlights.highlights {}
            figure.timeline {
                canvas #timeline role="img" aria-label="Events of every kind over time" {}
                figcaption.soft.small.no-print { "Drag over the timeline to choose a time; click an event to open it." }
            }
            div #calendar hidden {}
        }
    }
}

fn map(page: &Page, fibre: bool) -> Markup {
    let layer = |id: &str, name: &str| {
        html! {
            label.choice { input type="radio" name="layer" value=(id); span { (name) } }
        }
    };
    html! {
        section #map-section aria-labelledby="map-title" {
            h2 #map-title { (if fibre { "Time and distance" } else { "The record over time" }) }
            p #map-help.soft.small {
                "Drag to choose a part" (if fibre { " in time and distance" } else { "" })
                ", click an event to open it. Keys: arrows move, + and − zoom, 0 shows all, "
                "n and p go to the next and previous event, Enter opens it."
            }
            div.bar.no-print {
                fieldset.choices { legend.skip { "View" }
                    @if page.level.is_some() { (layer("level", "Level")) }
                    @if !fibre && !page.waveforms.is_empty() { (layer("trace", "Waveform")) }
                    @if page.score.is_some() { (layer("score", "Score")) }
                    @if page.clusters.is_some() { (layer("clusters", "Clusters")) }
                    @if !page.waterfalls.is_empty() { (layer("pictures", "Pictures")) }
                }
                div.buttons role="group" aria-label="Zoom" {
                    button #map-in.button type="button" aria-label="Zoom in" { "+" }
                    button #map-out.button type="button" aria-label="Zoom out" { "−" }
                    button #map-left.button type="button" aria-label="Earlier" { "←" }
                    button #map-right.button type="button" aria-label="Later" { "→" }
                    button #map-all.button type="button" { "All" }
                }
                label.check { input #map-events type="checkbox" checked; " Events" }
                span #map-legend.legend {}
            }
            div.map {
                canvas #map tabindex="0" role="application" aria-roledescription="map" aria-label="Map of the record"
                    aria-describedby="map-help" {}
                div #map-tip hidden {}
            }
            p #map-view.soft.small aria-live="polite" {}
            p #map-status.skip role="status" {}
        }
    }
}

fn events(fibre: bool) -> Markup {
    html! {
        section #events aria-labelledby="events-title" {
            h2 #events-title { (if fibre { "Events" } else { "Unusual spans" }) }
            div #filters.filters.no-print {
                fieldset.kinds { legend { (if fibre { "Kinds" } else { "Clusters" }) } div #f-kinds.chips {} }
                div.fields {
                    label { "From (UTC)" input #f-from type="datetime-local" step="1"; }
                    label { "To (UTC)" input #f-to type="datetime-local" step="1"; }
                    @if fibre {
                        label { "From km" input #f-km0 type="number" step="any" inputmode="decimal"; }
                        label { "To km" input #f-km1 type="number" step="any" inputmode="decimal"; }
                        label { "Rise from, dB" input #f-rise type="number" step="any" min="0" inputmode="decimal"; }
                    }
                    label { "Words" input #f-text type="search" placeholder="name, file, reason"; }
                }
                div.bar {
                    label.check { input #f-map type="checkbox"; " Only what the map shows" }
                    button #f-clear.button type="button" { "Clear filters" }
                    label.inline { "Order"
                        select #sort {
                            option value="rarity" { (if fibre { "Rarest kinds first" } else { "Rarest clusters first" }) }
                            option value="score" { "Strongest first" }
                            option value="time" { "By time" }
                            @if fibre { option value="rise" { "Highest rise first" } option value="place" { "By place" } }
                        }
                    }
                    span.spring {}
                    button #save-csv.button type="button" { "Save CSV" }
                    button #save-json.button type="button" { "Save JSON" }
                }
            }
            p #count.soft role="status" {}
            div #list {}
        }
    }
}

fn kinds(fibre: bool) -> Markup {
    html! {
        section #kinds aria-labelledby="kinds-title" {
            h2 #kinds-title { (if fibre { "Kinds" } else { "Clusters" }) }
            @if fibre {
                p.soft.small.no-print {
                    "Give the kinds names; “ignore” leaves a kind out of the list. Save names.toml into the output folder: "
                    "the next run, apply and watch use it."
                }
            }
            @if fibre { div.bar.no-print { button #save-names.button type="button" { "Save names.toml" } } }
            div #kind-cards.cards {}
        }
    }
}

fn detail() -> Markup {
    html! {
        dialog #detail aria-labelledby="detail-title" {
            div.detail-head {
                h2 #detail-title {}
                div.buttons {
                    button #detail-previous.button type="button" aria-label="Previous event" aria-keyshortcuts="ArrowLeft p" { "‹ Previous" }
                    button #detail-next.button type="button" aria-label="Next event" aria-keyshortcuts="ArrowRight n" { "Next ›" }
                    button #detail-close.button type="button" aria-label="Close" { "✕" }
                }
            }
            p #detail-reason.reason {}
            figure {
                canvas #detail-picture role="img" {}
                figcaption #detail-caption.soft.small {}
            }
            dl #detail-facts.pairs {}
            div.bar { button #detail-map.button type="button" { "Show on the map" } span #detail-place.soft.small {} }
        }
    }
}
