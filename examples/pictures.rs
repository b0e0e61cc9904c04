//! Draws every picture from made-up data into a folder, to look at them: `cargo run --example pictures -- FOLDER`.

use std::path::{Path, PathBuf};

use image::RgbImage;
use ndarray::{Array2, ArrayView2};
use scatterfall::Result;
use scatterfall::store::pictures::SavePicture;
use scatterfall_colormap::Colormap;
use scatterfall_figures::bank::{BankPicture, Domain, filter_bank};
use scatterfall_figures::clusters::{Candidate, centroids, selection};
use scatterfall_figures::counts::{Counts, accumulated, occurrences};
use scatterfall_figures::coverage::{Coverage, coverage};
use scatterfall_figures::examples::{Example, examples};
use scatterfall_figures::image_features::{ImageFeatures, features_clusters};
use scatterfall_figures::map::{cluster_map, score_map};
use scatterfall_figures::preview::{Preview, preview};
use scatterfall_figures::rate::detection_rate;
use scatterfall_figures::reduction::{Kind, explained_variance, first_two, over_time};
use scatterfall_figures::rows::Rows;
use scatterfall_figures::scattergram::{Scattergram, extents, nearest_filter, scattergram};
use scatterfall_figures::stack::{Mark, Stack};
use scatterfall_figures::waterfall::{Scene, Waterfall};
use scatterfall_lane_fft::planned::num_complex::Complex64;
use scatterfall_recognize::TimeAxis;
use scatterfall_timestamps::parse_compact;

const MINUTE: i64 = 60_000_000;
const PLACES: usize = 8;
const CLUSTERS: usize = 6;

fn main() -> Result<()> {
    let folder = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| "pictures".to_owned()));
    for (name, minutes) in [("20min", 20), ("day", 1_440), ("week", 10_080), ("month", 43_200), ("halfyear", 262_800)] {
        archive_pictures(&Archive::new(minutes), &folder.join(name))?;
    }
    waterfall_pictures(&folder)?;
    network_pictures(&folder)
}

/// Pseudo-random numbers between 0 and 1.
struct Random(u64);

impl Random {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f64 / f64::from(1 << 24)
    }

    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.next()).sum::<f64>() - 6.0
    }
}

/// Rows of an archive with two gaps, clusters that follow place and time of day, and rare high scores.
struct Archive {
    times: Vec<i64>,
    distance: Vec<f64>,
    labels: Vec<i32>,
    scores: Vec<f64>,
    components: Array2<f64>,
    left_out: Vec<i64>,
}

impl Archive {
    fn new(minutes: i64) -> Self {
        let start = parse_compact("20250515_113000").unwrap_or_default();
        let mut random = Random(1);
        let missing = |i: i64| (minutes / 3..minutes / 3 + minutes / 12 + 2).contains(&i) || i == minutes * 3 / 4;
        let mut archive = Self {
            times: Vec::new(),
            distance: Vec::new(),
            labels: Vec::new(),
            scores: Vec::new(),
            components: Array2::zeros((0, 0)),
            left_out: vec![start + minutes * 3 / 4 * MINUTE],
        };
        for i in (0..minutes).filter(|&i| !missing(i)) {
            let day = (i as f64 / 1_440.0 * std::f64::consts::TAU).sin();
            for place in 0..PLACES {
                let chance = random.next();
                let label = match place {
                    _ if chance < 0.004 => 5,
                    2 | 3 if chance < 0.4 + 0.35 * day => 1,
                    6 => 2,
                    7 if chance < 0.5 => 3,
                    _ if chance > 0.93 => 4,
                    _ => 0,
                };
                archive.times.push(start + i * MINUTE);
                archive.distance.push(place as f64 * 2.4);
                archive.labels.push(label);
                archive.scores.push(2.0 + random.next() + if label == 5 { 30.0 * random.next() } else { 0.0 });
            }
        }
        let labels = &archive.labels;
        archive.components = Array2::from_shape_fn((labels.len(), 5), |(row, k)| {
            0.6 * random.normal() + if labels[row] == k as i32 { 3.0 } else { 0.0 }
        });
        archive
    }

    fn rows(&self) -> Rows<'_> {
        let Self { times, distance, labels, scores, .. } = self;
        Rows { times, distance, labels, scores, duration: MINUTE, segment_km: 3.0 }
    }
}

fn archive_pictures(archive: &Archive, folder: &Path) -> Result<()> {
    let rows = archive.rows();
    let held = rows.image_times();
    let at_place: Vec<i32> = archive.labels.iter().skip(2).step_by(PLACES).copied().collect();
    let counts = Counts { times: &held, labels: &at_place, duration: MINUTE, accumulate: 4, place_km: Some(4.8) };
    for label in 0..3 {
        occurrences(&counts, label).save(&folder.join(format!("cluster_counts/cluster{label}_counts.png")))?;
        accumulated(&counts, label)
            .save(&folder.join(format!("cluster_counts/cluster{label}_accumulated_counts.png")))?;
    }
    cluster_map(&rows).save(&folder.join("cluster_map.png"))?;
    score_map(&rows).save(&folder.join("score_map.png"))?;
    detection_rate(&rows).save(&folder.join("detection_rate.png"))?;
    coverage(&Coverage { held: &held, left_out: &archive.left_out, duration: MINUTE })
        .save(&folder.join("coverage.png"))?;
    let values = archive.components.view();
    over_time(values, &archive.times, MINUTE, Kind::Principal).save(&folder.join("components.png"))?;
    first_two(values, &archive.distance, "distance (km)", Kind::Independent).save(&folder.join("first_two.png"))
}

/// A made-up plot area: noise, a moving source, a standing one.
fn waterfall(seed: u64) -> Vec<u8> {
    let mut random = Random(seed);
    let pixel = |at: usize| {
        let (t, x) = ((at / 1_719) as f64 / 536.0, (at % 1_719) as f64 / 1_719.0);
        let moving = (-((x - 0.2 - 0.5 * t) / 0.006).powi(2)).exp();
        let standing = (-((x - 0.86) / 0.03).powi(2)).exp() * (0.5 + 0.5 * (t * 50.0).cos());
        (70.0 + 9.0 * random.normal() + 110.0 * moving + 40.0 * standing + 30.0 * x).clamp(0.0, 255.0) as u8
    };
    (0..536 * 1_719).map(pixel).collect()
}

fn waterfall_pictures(folder: &Path) -> Result<()> {
    let map = Colormap::builtin("jet").expect("comes with the program");
    let scene =
        Scene { colormap: &map, db: (-113.0, -35.0), distance_km: (0.0, 20.0), duration_s: 60.0, segment_km: 3.0 };
    let start = parse_compact("20250515_113000").unwrap_or_default();
    let pixels: Vec<Vec<u8>> = (1..6).map(waterfall).collect();
    let images: Vec<Waterfall<'_>> = (0..)
        .zip(&pixels)
        .map(|(i, indices)| Waterfall { time: start + 2 * i * MINUTE, rows: 536, columns: 1_719, indices })
        .collect();
    let stack = Stack::new(&images, scene);
    let marks: Vec<Mark> = (0..5 * PLACES)
        .map(|i| Mark { image: i / PLACES, distance_km: (i % PLACES) as f64 * 2.4, label: (i * 7 % 3) as i32 })
        .collect();
    stack.marked(&marks, 1).save(&folder.join("blackdots.png"))?;

    let Some(&image) = images.first() else { return Ok(()) };
    let distance: Vec<f64> = (0..859).map(|i| (2.0 * f64::from(i) + 1.5) * 20.0 / 1_719.0).collect();
    let feature =
        |shift: f64| distance.iter().map(|d| (30.0 + shift + 9.0 * (d + shift).sin()) as f32).collect::<Vec<f32>>();
    let (std, gabor, frequency) = (feature(0.0), feature(2.0), feature(4.0));
    let response: Vec<f32> = image.indices.iter().map(|&v| f32::from(v) * 0.2).collect();
    let segments: Vec<(f64, i32)> = (0..PLACES).map(|p| (p as f64 * 2.4, p as i32 % 6 - 1)).collect();
    let features = ImageFeatures {
        image,
        name: "Waterfall_RMS_20250515_113000.png",
        distance: &distance,
        std: Some(&std),
        gabor: Some((&response, &gabor)),
        dominant_frequency: Some(&frequency),
        others: &[],
        segments: &segments,
        clusters: CLUSTERS,
    };
    features_clusters(&features, &scene).save(&folder.join("features_clusters.png"))?;
    let list: Vec<Example<'_>> =
        (0..).zip(&images).map(|(i, &image)| Example { image, distance_km: 2.4 * f64::from(i), score: 3.25 }).collect();
    examples(1, &list, &list[..3], &scene).save(&folder.join("examples.png"))?;

    let mut screenshot = RgbImage::from_pixel(1_920, 800, image::Rgb([255; 3]));
    for (at, &index) in image.indices.iter().enumerate() {
        screenshot.put_pixel((70 + at % 1_719) as u32, (160 + at / 1_719) as u32, image::Rgb(map.color(index)));
    }
    let shown = Preview {
        name: "Waterfall_RMS_20250515_113000.png",
        time: start,
        screenshot: &screenshot,
        crop: [160, 696, 70, 1_789],
        indices: image.indices,
        colormap: &map,
        db: scene.db,
        residual: 0.0,
        max_residual: 40.0,
        duration_s: 60.0,
        distance_km: scene.distance_km,
        time_axis: TimeAxis::Down,
        problem: None,
    };
    preview(&shown).save(&folder.join("preview.png"))
}

fn network_pictures(folder: &Path) -> Result<()> {
    explained_variance(&[0.52, 0.2, 0.09, 0.04, 0.02]).save(&folder.join("explained_variance.png"))?;
    let centers = Array2::from_shape_fn((CLUSTERS, 5), |(i, k)| ((i * 5 + k) as f64 * 1.7).sin() * 2.0);
    centroids(centers.view(), &[120_000, 90_000, 70_000, 40_000, 20_000, 5_600], "IC")
        .save(&folder.join("centroids.png"))?;
    let candidate = |n: usize| Candidate {
        components: n,
        log_likelihood: -6.0 + 0.1 * n as f64,
        aic: 4_000_000.0 - 9_000.0 * n as f64,
        bic: 4_000_000.0 + 3_000.0 * (n as f64 - 6.0).powi(2),
    };
    selection(&(2..=10).map(candidate).collect::<Vec<_>>(), 6).save(&folder.join("selection.png"))?;
    for (layer, octaves, bins, rate, domain) in
        [(1, 4, 129, 42.95, Domain::Distance), (2, 5, 2_000, 50.0, Domain::Time)]
    {
        bank(layer, octaves, bins, rate, domain).save_to(folder)?;
    }
    seismogram().save(&folder.join("scattergram.png"))
}

/// A Morlet bank of six filters an octave.
struct Bank {
    layer: usize,
    centers: Vec<f64>,
    wavelets: Array2<Complex64>,
    spectra: Array2<Complex64>,
    rate: f64,
    domain: Domain,
}

fn bank(layer: usize, octaves: usize, bins: usize, rate: f64, domain: Domain) -> Bank {
    let centers: Vec<f64> = (1..=octaves * 6).map(|i| rate / 2.0 * (-(i as f64) / 6.0).exp2()).collect();
    let wavelet = |i: usize, k: usize| {
        let t = (k as f64 / (bins - 1) as f64 - 0.5) * bins as f64 / rate;
        let (sin, cos) = (std::f64::consts::TAU * centers[i] * t).sin_cos();
        Complex64::new(cos, sin) * (-(t * centers[i]).powi(2)).exp()
    };
    let wavelets = Array2::from_shape_fn((centers.len(), bins), |(i, k)| wavelet(i, k));
    let fft = scatterfall_lane_fft::planned::forward(bins);
    let mut spectra = wavelets.clone();
    for mut row in spectra.rows_mut() {
        let mut buffer = row.to_vec();
        fft.process(&mut buffer);
        row.iter_mut().zip(buffer).for_each(|(a, b)| *a = b);
    }
    Bank { layer, centers, wavelets, spectra, rate, domain }
}

impl Bank {
    fn save_to(&self, folder: &Path) -> Result<()> {
        let picture = BankPicture {
            layer: self.layer,
            centers: &self.centers,
            wavelets: self.wavelets.view(),
            spectra: self.spectra.view(),
            sampling_rate: self.rate,
            domain: self.domain,
        };
        filter_bank(&picture).save(&folder.join(format!("bank_{}.png", self.layer)))
    }
}

/// Half an hour with one event and a gap.
fn seismogram() -> scatterfall_figures::Canvas {
    let start = parse_compact("20250515_234500").unwrap_or_default();
    let mut random = Random(7);
    let event = |t: f64| if t > 400.0 { 40.0 * (-(t - 400.0) / 60.0).exp() } else { 0.0 };
    let mut piece = |from: f64, seconds: usize| {
        let samples: Vec<f32> =
            (0..seconds * 50).map(|i| (random.normal() * (1.0 + event(from + i as f64 / 50.0))) as f32).collect();
        extents(start + (from * 1e6) as i64, 50.0, &samples, 1_000)
    };
    let waveform = [piece(0.0, 900), piece(1_100.0, 700)];
    let seconds: Vec<f64> =
        (0..85).map(|i| f64::from(i) * 20.0).filter(|t| !(880.0..1_100.0).contains(t) && *t < 1_760.0).collect();
    let times: Vec<i64> = seconds.iter().map(|t| start + (t * 1e6) as i64).collect();
    let centers: Vec<f64> = (1..=30).map(|i| 25.0 * (-f64::from(i) / 6.0).exp2()).collect();
    let order = |seed: u64| {
        let mut random = Random(seed);
        Array2::from_shape_fn((times.len(), 30), |(i, k)| {
            ((1.0 + event(seconds[i] + 20.0)) * (-(k as f64) / 15.0).exp() * (0.3 + random.next())) as f32
        })
    };
    let (first, second) = (order(3), order(4));
    let view: ArrayView2<'_, f32> = second.view();
    scattergram(&Scattergram {
        channel: "FR.CIEL..HHZ",
        waveform: &waveform,
        times: &times,
        segment: 40_000_000,
        hop: 20_000_000,
        order_1: first.view(),
        centers_1: &centers,
        order_2: nearest_filter(&centers, 1.0).map(|i| (i, view)),
        centers_2: &centers,
    })
}
