//! `status.json` and `metrics.prom`: how the watching is doing, for people and for Prometheus' textfile collector.

use std::path::Path;

use serde_json::{Value, json};

use crate::detect::health::Fault;
use crate::error::Result;
use crate::store::atomic::write_bytes;
use scatterfall_timestamps::{Micros, iso};

/// What is told.
#[derive(Clone, Debug, Default)]
pub(super) struct Status {
    /// Start and name of the last image.
    pub(super) last_image: Option<(Micros, String)>,
    /// Start of the last image whose events are decided.
    pub(super) decided_until: Option<Micros>,
    /// Seconds from the last change of the last picture's file to the first word about it.
    pub(super) lag_s: f64,
    /// The largest of these since the start, but for pictures that were there before.
    pub(super) largest_lag_s: f64,
    /// Images read since the start.
    pub(super) images: usize,
    /// Images left out since the start.
    pub(super) left_out: usize,
    /// The last of these, with the reason.
    pub(super) last_left_out: Option<(String, String)>,
    /// Whether the list is of all images, and every event in it was decided and told.
    pub(super) settled: bool,
    /// Pictures that came after later ones.
    pub(super) late: usize,
    /// Files that are still being written.
    pub(super) waiting: usize,
    /// Events told, ever.
    pub(super) events: usize,
    /// Events of the last minutes that may still change.
    pub(super) provisional: Vec<Value>,
    /// What is wrong with instrument or fibre now.
    pub(super) faults: Vec<Fault>,
    /// Events that the command of `--on-event` has yet to take, and its failures since the start.
    pub(super) on_event: (usize, usize),
    /// Whether the watching ended in order.
    pub(super) ended: bool,
}

impl Status {
    /// Writes both files.
    ///
    /// # Errors
    /// [`crate::Error::Io`].
    pub(super) fn write(&self, output: &Path) -> Result<()> {
        let text = format!("{:#}\n", self.json());
        write_bytes(&output.join("status.json"), text.as_bytes())?;
        write_bytes(&output.join("metrics.prom"), self.metrics().as_bytes())
    }

    fn json(&self) -> Value {
        let fault = |f: &Fault| json!({ "what": f.kind.name(), "since": iso(f.time_from), "from_km": f.from_km, "to_km": f.to_km });
        json!({
            "state": if self.ended { "ended" } else { "watching" },
            "process": std::process::id(),
            "written": iso(super::now()),
            "last_image": self.last_image.as_ref().map(|(time, name)| json!({ "time": iso(*time), "file": name })),
            "decided_until": self.decided_until.map(iso),
            "lag_s": (1e3 * self.lag_s).round() / 1e3,
            "largest_lag_s": (1e3 * self.largest_lag_s).round() / 1e3,
            "images": self.images,
            "left_out": self.left_out,
            "last_left_out": self.last_left_out.as_ref().map(|(file, why)| json!({ "file": file, "reason": why })),
            "late": self.late,
            "settled": self.settled,
            "waiting": self.waiting,
            "events": self.events,
            "provisional": self.provisional,
            "health": self.faults.iter().map(fault).collect::<Vec<_>>(),
            "on_event": { "waiting": self.on_event.0, "failures": self.on_event.1 },
        })
    }

    fn metrics(&self) -> String {
        let seconds = |time: Micros| time as f64 / 1e6;
        let rows: [(&str, &str, &str, f64); 12] = [
            ("written_timestamp_seconds", "gauge", "When this file was written.", seconds(super::now())),
            ("up", "gauge", "1 while the folder is watched.", f64::from(u8::from(!self.ended))),
            (
                "last_image_timestamp_seconds",
                "gauge",
                "Start of the last image.",
                self.last_image.as_ref().map_or(f64::NAN, |(t, _)| seconds(*t)),
            ),
            ("lag_seconds", "gauge", "From the last picture's last change to the first word about it.", self.lag_s),
            ("images_total", "counter", "Images read since the start.", self.images as f64),
            ("images_left_out_total", "counter", "Images left out since the start.", self.left_out as f64),
            ("images_late_total", "counter", "Images that came after later ones.", self.late as f64),
            ("events_total", "counter", "Events told, ever.", self.events as f64),
            ("events_provisional", "gauge", "Events that may still change.", self.provisional.len() as f64),
            ("faults", "gauge", "Faults of instrument or fibre that go on.", self.faults.len() as f64),
            ("on_event_waiting", "gauge", "Events that the command has yet to take.", self.on_event.0 as f64),
            ("on_event_failures_total", "counter", "Attempts of the command that failed.", self.on_event.1 as f64),
        ];
        let row = |(name, kind, help, value): &(&str, &str, &str, f64)| {
            let name = format!("scatterfall_{name}");
            let value = if value.is_nan() { "NaN".to_owned() } else { value.to_string() };
            format!("# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n")
        };
        rows.iter().map(row).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_has_help_type_and_one_number() {
        let text = Status { images: 7, ..Status::default() }.metrics();
        for group in text.lines().collect::<Vec<_>>().chunks(3) {
            let name = group[2].split(' ').next().expect("a name");
            assert!(group[0].starts_with(&format!("# HELP {name} ")), "{}", group[0]);
            assert!(group[1].starts_with(&format!("# TYPE {name} ")), "{}", group[1]);
            let value = group[2].rsplit(' ').next().expect("a value");
            assert!(value.parse::<f64>().is_ok(), "{value} is a number of Prometheus' format");
        }
        assert!(text.contains("\nscatterfall_images_total 7\n"), "its value");
    }
}
