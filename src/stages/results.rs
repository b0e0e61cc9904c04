//! What a run has stored, read back as a whole for the pictures and the report.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use ::csv::StringRecord;
use ndarray::Array2;
use serde::Deserialize;
use serde_json::Value;

use super::cluster_files::folder;
use super::reduce::independent_file;
use super::rows::{read_matrix, stored_geometry};
use crate::archive::LeftOut;
use crate::config::Config;
use crate::error::{Error, Result, StoredError};
use crate::places::Geometry;
use crate::store::csv;
use crate::store::day::Stage;
use scatterfall_figures::rows::Rows;
use scatterfall_npz::NpzFile;
use scatterfall_npz::Time;
use scatterfall_timestamps::{Micros, day_name, micros, parse_iso};

/// The clustered rows of a run, in order of time.
#[derive(Debug)]
pub(super) struct Results {
    /// Start of each row's image.
    pub(super) times: Vec<Micros>,
    /// Where each row's segment begins on the fibre, km.
    pub(super) place_km: Vec<f64>,
    /// Cluster of each row; negative: none.
    pub(super) labels: Vec<i32>,
    /// Score of each row; NaN: none.
    pub(super) scores: Vec<f64>,
    /// Images that have rows: their files below the archive's folder.
    pub(super) images: BTreeMap<Micros, String>,
    /// Geometry of the rows.
    pub(super) geometry: Geometry,
    /// Time from one image to the next: what an image spans; of a seismogram the usual step, as its segments overlap.
    pub(super) duration: Micros,
    /// One more than the highest label.
    pub(super) clusters: usize,
    /// The independent components of each row, where they are stored.
    pub(super) components: Option<Array2<f64>>,
    /// `summary.json`; null where there is none.
    pub(super) summary: Value,
}

/// `clusters.csv` of an output folder.
pub(super) fn rows_file(output: &Path) -> PathBuf {
    folder(output).join("clusters.csv")
}

/// `summary.json` of an output folder; null where it cannot be read.
pub(super) fn cluster_summary(output: &Path) -> Value {
    read_json(&folder(output).join("summary.json"))
}

/// A JSON file; null where it cannot be read.
pub(super) fn read_json(path: &Path) -> Value {
    std::fs::read(path).ok().and_then(|t| serde_json::from_slice(&t).ok()).unwrap_or(Value::Null)
}

/// `left_out` of `run.json`: files and reasons.
pub(super) fn left_out(output: &Path) -> Vec<LeftOut> {
    let run = read_json(&output.join("run.json"));
    serde_json::from_value(run["left_out"].clone()).unwrap_or_default()
}

/// Times of the images that were left out, as far as their names tell them; ascending.
pub(super) fn left_out_times(config: &Config) -> Vec<Micros> {
    let time = |left: LeftOut| {
        let stem = Path::new(&left.file).file_stem()?.to_str()?.to_owned();
        let time = config.input.time_pattern.read(&stem)?;
        let within = config.input.start.is_none_or(|s| time >= s) && config.input.end.is_none_or(|e| time < e);
        within.then_some(time)
    };
    let mut times: Vec<Micros> = left_out(&config.output.path).into_iter().filter_map(time).collect();
    times.sort_unstable();
    times
}

/// Times of the images whose features are stored, with rows or without, of the days that have rows; ascending.
///
/// # Errors
/// Those of reading.
pub(super) fn images_held(config: &Config, results: &Results) -> Result<Vec<Micros>> {
    let output = &config.output.path;
    let with_rows: BTreeSet<String> = results.images.keys().map(|&t| day_name(t)).collect();
    let mut held = Vec::new();
    for day in Stage::Features.days(output)?.into_iter().filter(|d| with_rows.contains(d)) {
        let (_, times) = NpzFile::open(&Stage::Features.file(output, &day))?.read::<Time>("times")?;
        held.extend(times.into_iter().map(|t| t.0));
    }
    held.sort_unstable();
    Ok(held)
}

/// The columns of `clusters.csv`.
const COLUMNS: [&str; 5] = ["time", "distance_km", "cluster", "score", "image_file"];

/// A line of it.
#[derive(Deserialize)]
struct ClusterRow<'a> {
    time: &'a str,
    distance_km: f64,
    cluster: i32,
    score: f64,
    image_file: &'a str,
}

impl Results {
    /// Reads the rows below `config.output.path`.
    ///
    /// # Errors
    /// [`Error::Stored`] where there are none yet, [`Error::Store`] for a file that is no such table.
    pub(super) fn read(config: &Config) -> Result<Self> {
        let output = &config.output.path;
        let path = rows_file(output);
        if !path.is_file() {
            return Err(StoredError::Missing { path, command: "cluster" }.into());
        }
        let text = std::fs::read_to_string(&path).map_err(|e| Error::io("read", &path, e))?;
        let geometry = stored_geometry(config);
        let mut this = Self {
            times: Vec::new(),
            place_km: Vec::new(),
            labels: Vec::new(),
            scores: Vec::new(),
            images: BTreeMap::new(),
            geometry,
            duration: micros(geometry.duration_s).max(1),
            clusters: 0,
            components: None,
            summary: cluster_summary(output),
        };
        let mut records = csv::records(&text);
        let header = records.next().unwrap_or_default();
        if header != COLUMNS[..] {
            return Err(Error::store(&path, "not a table of clusters; run `scatterfall cluster` again"));
        }
        for record in records {
            this.add(&record).ok_or_else(|| {
                let line = record.position().map_or(0, ::csv::Position::line);
                let columns = COLUMNS.join(",");
                Error::store(&path, format!("line {line} is not `{columns}`; run `scatterfall cluster` again"))
            })?;
        }
        this.components = stored_components(output, this.times.len())?;
        this.sort();
        if !this.has_distance() {
            let times = this.image_times();
            let mut steps: Vec<Micros> = times.windows(2).map(|t| t[1].saturating_sub(t[0])).collect();
            steps.sort_unstable();
            this.duration = steps.get(steps.len() / 2).map_or(this.duration, |&step| step.min(this.duration));
        }
        Ok(this)
    }

    /// Adds a row; `None` where the record is none.
    fn add(&mut self, record: &StringRecord) -> Option<()> {
        let row: ClusterRow<'_> = record.deserialize(None).ok().filter(|_| record.len() == COLUMNS.len())?;
        let time = parse_iso(row.time)?;
        self.times.push(time);
        self.place_km.push(self.geometry.place(row.distance_km));
        self.labels.push(row.cluster);
        self.scores.push(row.score);
        self.clusters = self.clusters.max(usize::try_from(row.cluster.saturating_add(1)).unwrap_or(0));
        self.images.entry(time).or_insert_with(|| row.image_file.to_owned());
        Some(())
    }

    /// Days are stored in order; a table from elsewhere may not be.
    fn sort(&mut self) {
        if self.times.is_sorted() {
            return;
        }
        let mut order: Vec<usize> = (0..self.times.len()).collect();
        order.sort_by_key(|&i| self.times[i]);
        let pick = |values: &[f64]| order.iter().map(|&i| values[i]).collect();
        (self.place_km, self.scores) = (pick(&self.place_km), pick(&self.scores));
        self.labels = order.iter().map(|&i| self.labels[i]).collect();
        self.components = self.components.take().map(|c| c.select(ndarray::Axis(0), &order));
        self.times.sort_unstable();
    }

    /// True where rows have places; false for seismograms, whose rows all lie at distance 0.
    pub(super) fn has_distance(&self) -> bool {
        self.geometry.segment_km > 0.0 || self.place_km.iter().any(|&km| km != 0.0)
    }

    /// The rows as the pictures take them.
    pub(super) fn rows(&self) -> Rows<'_> {
        Rows {
            times: &self.times,
            distance: &self.place_km,
            labels: &self.labels,
            scores: &self.scores,
            duration: self.duration,
            segment_km: self.geometry.segment_km,
        }
    }

    /// Times of the images that have rows, ascending.
    pub(super) fn image_times(&self) -> Vec<Micros> {
        self.images.keys().copied().collect()
    }

    /// The rows of one image.
    pub(super) fn rows_of(&self, time: Micros) -> std::ops::Range<usize> {
        self.times.partition_point(|&t| t < time)..self.times.partition_point(|&t| t <= time)
    }

    /// The label of the row nearest to `km` in each image; the first of two that are equally near.
    pub(super) fn labels_at(&self, km: f64) -> Vec<i32> {
        let nearest = |&time: &Micros| {
            let apart = |i: &usize| (self.place_km[*i] - km).abs();
            let row = self.rows_of(time).min_by(|a, b| apart(a).total_cmp(&apart(b)));
            row.map_or(-1, |i| self.labels[i])
        };
        self.images.keys().map(nearest).collect()
    }

    /// Number of rows in each cluster.
    pub(super) fn sizes(&self) -> Vec<usize> {
        let mut sizes = vec![0; self.clusters];
        self.labels.iter().filter_map(|&l| usize::try_from(l).ok()).for_each(|l| sizes[l] += 1);
        sizes
    }

    /// Mean of the components over the rows of each cluster, `(clusters, components)`; 0 for an empty one.
    ///
    /// The mean serves every method, with or without centres of its own.
    pub(super) fn centers(&self) -> Option<Array2<f64>> {
        let components = self.components.as_ref().filter(|c| c.ncols() > 0 && self.clusters > 0)?;
        let mut sums = Array2::<f64>::zeros((self.clusters, components.ncols()));
        let mut counts = vec![0.0; self.clusters];
        for (row, &label) in components.rows().into_iter().zip(&self.labels) {
            let Ok(label) = usize::try_from(label) else { continue };
            if row.iter().all(|v| v.is_finite()) {
                sums.row_mut(label).scaled_add(1.0, &row);
                counts[label] += 1.0;
            }
        }
        for (mut sum, count) in sums.rows_mut().into_iter().zip(counts) {
            sum.mapv_inplace(|v| v / f64::max(count, 1.0));
        }
        Some(sums)
    }

    /// Up to `most` rows of a cluster in different images, those with the highest scores first.
    pub(super) fn worst(&self, label: i32, most: usize) -> Vec<usize> {
        self.first_by(label, most, |i| Some(-self.scores[i]).filter(|s| s.is_finite()))
    }

    /// Up to `most` rows of a cluster in different images, those nearest to its centre first; none without components.
    pub(super) fn typical(&self, label: i32, most: usize, centers: Option<&Array2<f64>>) -> Vec<usize> {
        let (Some(centers), Some(components), Ok(k)) = (centers, &self.components, usize::try_from(label)) else {
            return Vec::new();
        };
        let apart =
            |i: usize| -> f64 { components.row(i).iter().zip(centers.row(k)).map(|(x, c)| (x - c).powi(2)).sum() };
        self.first_by(label, most, |i| Some(apart(i)).filter(|d| d.is_finite()))
    }

    /// The rows of a cluster with the lowest `key`, one an image.
    fn first_by(&self, label: i32, most: usize, key: impl Fn(usize) -> Option<f64>) -> Vec<usize> {
        let rows = (0..self.labels.len()).filter(|&i| self.labels[i] == label);
        let mut keyed: Vec<(f64, usize)> = rows.filter_map(|i| Some((key(i)?, i))).collect();
        let order = |a: &(f64, usize), b: &(f64, usize)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
        // Rows of the same image share the first places at most as often as an image has rows of the cluster.
        keyed.sort_unstable_by(order);
        let mut found: Vec<usize> = Vec::new();
        for (_, i) in keyed {
            if found.len() == most {
                break;
            }
            if found.iter().all(|&j| self.times[j] != self.times[i]) {
                found.push(i);
            }
        }
        found
    }
}

/// The independent components, where they are of these rows.
fn stored_components(output: &Path, rows: usize) -> Result<Option<Array2<f64>>> {
    let path = independent_file(output);
    if !path.is_file() {
        return Ok(None);
    }
    let components = read_matrix(&mut NpzFile::open(&path)?, &path, "features")?;
    Ok((components.nrows() == rows).then_some(components))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results() -> Results {
        Results {
            times: vec![0, 0, 5, 5, 9],
            place_km: vec![0.0, 2.0, 0.0, 2.0, 2.0],
            labels: vec![0, 1, 0, 1, 1],
            scores: vec![1.0, 9.0, 3.0, f64::NAN, 8.0],
            images: [(0, "a".to_owned()), (5, "b".to_owned()), (9, "c".to_owned())].into(),
            geometry: Geometry { segment_km: 1.0, duration_s: 60.0, period_km: None, offset_km: 0.0 },
            duration: 5,
            clusters: 2,
            components: Some(ndarray::array![[1.0], [4.0], [3.0], [f64::NAN], [6.0]]),
            summary: Value::Null,
        }
    }

    #[test]
    fn rows_are_picked_by_place_centre_and_score() {
        let r = results();
        assert_eq!(r.labels_at(0.9), [0, 0, 1], "the nearest row of each image, even if it is far");
        let centers = r.centers().expect("components");
        assert_eq!(centers, ndarray::array![[2.0], [5.0]], "means of the finite rows");
        assert_eq!(r.typical(0, 5, Some(&centers)), [0, 2], "equally near: in order");
        assert_eq!(r.typical(1, 1, Some(&centers)), [1], "no more than asked for");
        assert_eq!(r.worst(1, 5), [1, 4], "highest first, none without a score");
        assert_eq!(r.sizes(), [2, 3], "sizes");
        assert_eq!(r.rows_of(5), 2..4, "rows of an image");
    }

    #[test]
    fn tables_in_another_order_are_sorted() {
        let mut r = results();
        r.times = vec![9, 0, 5, 5, 0];
        r.sort();
        assert_eq!((r.times, r.labels), (vec![0, 0, 5, 5, 9], vec![1, 1, 0, 1, 0]), "stable");
        assert_eq!(r.components.expect("kept")[[1, 0]], 6.0, "rows stay whole");
    }
}
