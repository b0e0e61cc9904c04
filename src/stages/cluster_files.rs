//! What clustering writes: labels, scores, events. The same for a fit and for new images under a fitted model.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::rows::image_names;
use crate::anomaly::{Event, events};
use crate::config::{Baseline, Config};
use crate::error::{Error, Result};
use crate::model::Clusters;
use crate::places::{Geometry, Places};
use crate::store::atomic::{write_atomic, write_bytes};
use crate::store::csv::{Table, writer};
use scatterfall_rowstats::baselines::quantile;
use scatterfall_rowstats::clustering::{NOISE, sizes};
use scatterfall_timestamps::iso;

/// The folder of the clustering's results.
pub(crate) fn folder(output: &Path) -> PathBuf {
    output.join("clustering_results")
}

/// The files that a current clustering must have.
pub(super) fn files(output: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        ["cluster_labels.dat", "clusters.csv", "summary.json"].iter().map(|n| folder(output).join(n)).collect();
    files.push(output.join("anomalies.csv"));
    files
}

/// Every row's cluster and score.
pub(super) struct Assignments<'a> {
    pub(super) places: &'a Places,
    pub(super) geometry: &'a Geometry,
    pub(super) labels: &'a [i32],
    pub(super) scores: &'a [f64],
    pub(super) clusters: &'a Clusters,
    /// The scores whose quantile makes events: the rows' own, or those of the model's fit.
    pub(super) usual_scores: &'a [f64],
}

impl Assignments<'_> {
    /// Writes all results; `more` goes into `summary.json`. Returns the number of events.
    pub(super) fn write(&self, config: &Config, more: Map<String, Value>) -> Result<usize> {
        let output = &config.output.path;
        let folder = folder(output);
        let threshold = quantile(self.usual_scores, config.anomaly.quantile).unwrap_or(f64::INFINITY);
        let mut events = events(self.scores, self.places, self.geometry, threshold);
        events.truncate(config.anomaly.top);
        let names = image_names(output)?;
        let name = |i: usize| names.get(&self.places.times[i]).map_or("", String::as_str);
        self.clusters.write(&folder.join("model.npz"))?;
        write_bytes(&folder.join("cluster_labels.dat"), self.dat().as_bytes())?;
        self.write_csv(&folder.join("clusters.csv"), name)?;
        write_bytes(&output.join("anomalies.csv"), &self.anomalies(&events, name))?;
        let count = self.clusters.count();
        let mut summary = json!({
            "rows": self.labels.len(),
            "rows_not_finite": self.scores.iter().filter(|s| s.is_nan()).count(),
            "method": self.clusters.method(),
            "clusters": count,
            "sizes": sizes(self.labels, count),
            "noise": self.labels.iter().filter(|&&l| l == NOISE).count(),
            "baseline": match config.anomaly.baseline { Baseline::Place => "place", Baseline::Model => "model" },
            "threshold": if threshold.is_finite() { json!(threshold) } else { Value::Null },
            "events": events.len(),
        });
        if let Some(all) = summary.as_object_mut() {
            all.extend(more);
        }
        write_bytes(&folder.join("summary.json"), format!("{summary:#}\n").as_bytes())?;
        tracing::info!(rows = self.labels.len(), clusters = count, events = events.len(), "clustered");
        Ok(events.len())
    }

    fn write_csv<'n>(&self, path: &Path, name: impl Fn(usize) -> &'n str) -> Result<()> {
        write_atomic(path, |out| {
            let failed = |e| Error::io("write", path, e);
            let mut table = writer(out);
            let mut line = |fields: [&str; 5]| table.write_record(fields).map_err(|e| failed(e.into()));
            line(["time", "distance_km", "cluster", "score", "image_file"])?;
            for (i, (label, score)) in self.labels.iter().zip(self.scores).enumerate() {
                let (time, distance) = (iso(self.places.times[i]), format!("{:.6}", self.places.distance[i]));
                line([&time, &distance, &label.to_string(), &number(*score), name(i)])?;
            }
            table.flush().map_err(failed)
        })
    }

    fn dat(&self) -> String {
        let mut text = String::from("dist clusters\n");
        for (distance, label) in self.places.distance.iter().zip(self.labels) {
            let _ = writeln!(text, "{distance:.3} {label}");
        }
        text
    }

    fn anomalies<'n>(&self, events: &[Event], name: impl Fn(usize) -> &'n str) -> Vec<u8> {
        let mut table = Table::new("rank,time_from,time_to,distance_from_km,distance_to_km,score,cluster,image_file");
        for (rank, e) in (1..).zip(events) {
            table.line([
                &format!("{rank}"),
                &iso(e.time_from),
                &iso(e.time_to),
                &format!("{:.6}", e.distance_from_km),
                &format!("{:.6}", e.distance_to_km),
                &number(e.score),
                &self.labels[e.worst].to_string(),
                name(e.worst),
            ]);
        }
        table.finish()
    }
}

/// A score as text: enough digits to tell rows apart, `nan` where there is none.
fn number(score: f64) -> String {
    if score.is_finite() { format!("{score:.6}") } else { "nan".into() }
}
