//! The GPU backend against the CPU's. These tests need an adapter; Mesa's lavapipe (Debian's mesa-vulkan-drivers), which
//! computes on the CPU, is enough.
#![cfg(feature = "gpu")]

use std::sync::Arc;

use ndarray::{Array2, Array3, ArrayView2, Axis};
use scatterfall::archive::Catalogue;
use scatterfall::config::{BackendChoice, Config};
use scatterfall::plans;
use scatterfall::progress::Context;
use scatterfall::stages::images::Goals;
use scatterfall_scattering::backend::cpu::CpuBackend;
use scatterfall_scattering::backend::gpu::{DeviceLimits, GpuBackend, Precisions};
use scatterfall_scattering::backend::{Backend, ImageResults};
use scatterfall_scattering::blocks::{CoefficientBlock, Pixels, SegmentBlock};
use scatterfall_scattering::plan::{FeaturePlan, ImagePlan, ScatteringPlan};
use scatterfall_scattering::segmentation::Segmentation;
use scatterfall_synth::{Layout, SynthArchive, SynthOptions};

/// Coefficients may differ by this part of the largest of their row, channel and order: what DESIGN asks of single precision.
const ORDERS_1_AND_2: f32 = 1e-5;
/// The same from the third order on, where moduli of moduli have lost a digit.
const FURTHER_ORDERS: f32 = 5e-5;
/// A constant channel has next to nothing but its rounding in the filters' bands: as in the reference's comparison.
const CONSTANT: f32 = 5e-4;
/// Features may differ by this part of the largest of their column.
const FEATURES: f32 = 2e-4;
/// Share of windows whose dominant frequency is the same: two peaks may be equal to the last digit.
const SAME_FREQUENCY: f64 = 0.998;

fn gpu(limits: DeviceLimits) -> GpuBackend {
    let gpu = GpuBackend::open(BackendChoice::Gpu, limits, threads());
    let mut gpu = gpu.expect("needs a Vulkan adapter, lavapipe is enough");
    gpu.set_poison(true);
    gpu
}

fn threads() -> Arc<rayon::ThreadPool> {
    Arc::new(rayon::ThreadPoolBuilder::new().build().expect("threads start"))
}

fn cpu() -> CpuBackend {
    CpuBackend::new(threads())
}

/// Numbers from 0 up to 1.
struct Random(u64);

impl Random {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1u64 << 24) as f32
    }
}

fn image_plan(config: &Config, rows: usize, columns: usize) -> ImagePlan {
    let features = plans::features(config, rows, columns).expect("fits");
    let km = config.input.total_distance_km;
    let scattering = Segmentation::new(&config.segments, features.windows, km, 0.0).ok().map(|cut| {
        let channels = features.features.len();
        let plan = ScatteringPlan::new(&config.network, channels, cut.bins, cut.windows_per_km).expect("valid");
        (cut, plan)
    });
    ImagePlan { features, scattering }
}

/// Waves and noise in the map's colours, every 50th pixel off the map.
fn image(plan: &FeaturePlan, seed: u64) -> Pixels {
    let mut random = Random(seed);
    let (rows, columns) = (plan.rows, plan.columns);
    let mut rgb = Vec::with_capacity(3 * rows * columns);
    let cycles = 3 + seed % 9;
    for t in 0..rows {
        for x in 0..columns {
            let angle = std::f32::consts::TAU * (cycles * t as u64 % rows as u64) as f32 / rows as f32;
            let wave = 60.0 * (angle + x as f32 * 0.05).sin() * (x as f32 * 0.013).cos();
            let value = (120.0 + wave + 40.0 * (random.next() - 0.5)).clamp(0.0, 255.0) as u8;
            let mut color = plan.colormap.color(value);
            if random.next() < 0.02 {
                color = [(random.next() * 255.0) as u8, color[1].saturating_add(9), color[2]];
            }
            rgb.extend(color);
        }
    }
    Pixels { rows, columns, rgb }
}

fn run(backend: &mut impl Backend, plan: &ImagePlan, batch: &[Pixels]) -> ImageResults {
    let ticket = backend.submit(plan, batch.to_vec().into()).expect("submitted");
    backend.collect(ticket).expect("collected")
}

/// Worst difference of each order over the largest value of row, channel and order; NaN must meet NaN.
fn worst(plan: &ScatteringPlan, got: &CoefficientBlock, want: &CoefficientBlock) -> Vec<f32> {
    assert_eq!(got.orders.len(), want.orders.len(), "the same orders");
    let orders = got.orders.iter().zip(&want.orders).zip(plan.widths());
    orders
        .map(|((got, want), width)| {
            assert_eq!(got.dim(), want.dim(), "the same shape");
            let pairs = got.rows().into_iter().zip(want.rows());
            let mut worst = 0.0f32;
            for (got, want) in pairs {
                for (got, want) in got.exact_chunks(width).into_iter().zip(want.exact_chunks(width)) {
                    let largest = want.iter().fold(f32::MIN_POSITIVE, |a, v| a.max(v.abs()));
                    for (g, w) in got.iter().zip(want) {
                        assert_eq!(g.is_nan(), w.is_nan(), "NaN where the other has one: {g} and {w}");
                        worst = worst.max(if w.is_nan() { 0.0 } else { (g - w).abs() / largest });
                    }
                }
            }
            worst
        })
        .collect()
}

fn assert_orders(what: &str, plan: &ScatteringPlan, got: &CoefficientBlock, want: &CoefficientBlock) {
    for (k, worst) in worst(plan, got, want).into_iter().enumerate() {
        let order = k + plan.first_order();
        let limit = if order < 3 { ORDERS_1_AND_2 } else { FURTHER_ORDERS };
        assert!(worst <= limit, "{what}, order {order}: {worst}");
    }
}

/// Worst difference of every feature over the largest of its column.
fn worst_features(got: ArrayView2<f32>, want: ArrayView2<f32>) -> Vec<f32> {
    let columns = got.columns().into_iter().zip(want.columns());
    columns
        .map(|(got, want)| {
            let largest = want.iter().fold(f32::MIN_POSITIVE, |a, v| a.max(v.abs()));
            got.iter()
                .zip(want)
                .map(|(g, w)| if g.is_finite() { (g - w).abs() / largest } else { f32::INFINITY })
                .fold(0.0, f32::max)
        })
        .collect()
}

fn flat(values: &Array3<f32>) -> ArrayView2<'_, f32> {
    let (images, windows, features) = values.dim();
    values.view().into_shape_with_order((images * windows, features)).expect("standard layout")
}

fn assert_features(what: &str, config: &Config, got: &ImageResults, want: &ImageResults) {
    let (got_values, want_values) = (flat(&got.features.values), flat(&want.features.values));
    let errors = worst_features(got_values, want_values);
    for (k, (feature, error)) in config.features.names.iter().zip(errors).enumerate() {
        if feature.name() == "dominant_frequency" {
            let pairs = got_values.column(k).into_iter().zip(want_values.column(k).to_vec()).collect::<Vec<_>>();
            let same = pairs.iter().filter(|(g, w)| (**g - w).abs() <= FEATURES * w.abs()).count();
            assert!(
                same as f64 >= SAME_FREQUENCY * pairs.len() as f64,
                "{what}, dominant frequency: {same} of {}",
                pairs.len()
            );
        } else {
            assert!(error <= FEATURES, "{what}, {}: {error}", feature.name());
        }
    }
    for (g, w) in got.features.residual.iter().zip(&want.features.residual) {
        // Sums of a million square roots in single precision, in some hundred parts.
        assert!((g - w).abs() <= 1e-5 * w.max(1e-3), "{what}, residual: {g} and {w}");
    }
}

const ALL_FEATURES: &str =
    r#"features.names = ["std", "gabor", "dominant_frequency", "mean", "median", "p75", "max", "slope_aspect"]"#;

#[test]
#[ignore = "needs a Vulkan adapter: run with --include-ignored"]
fn features_agree() {
    let mut cpu = cpu();
    for limits in [DeviceLimits::Default, DeviceLimits::Adapter] {
        let mut gpu = gpu(limits);
        let most = if limits == DeviceLimits::Default { usize::MAX } else { 3 };
        for (rows, columns, text) in [
            (96, 67, ""),
            (1, 40, "features.window = 4"),
            (2, 2, "features.window = 1\nfeatures.step = 1"),
            (67, 1, "features.window = 1"),
            (100, 33, "value.colormap = 'gray'"),
            (536, 35, "features.window = 5\nfeatures.step = 3\nvalue.colormap = 'viridis'"),
            (500, 18, ""),
            (211, 9, ""), // a prime that goes through device memory
            // One below, at and one above a block of rows, a tile, a strip and a workgroup of windows.
            (47, 63, "features.window = 1\nfeatures.step = 1"),
            (48, 64, "features.window = 1\nfeatures.step = 1"),
            (49, 65, "features.window = 1\nfeatures.step = 1"),
            (31, 15, ""),
            (33, 17, ""),
        ]
        .into_iter()
        .take(most)
        {
            let config = Config::from_text(&format!("{ALL_FEATURES}\nsegments.bins = 1000000\n{text}"));
            let config = config.expect("valid");
            let mut plan = image_plan(&config, rows, columns);
            plan.scattering = None;
            let mut batch = vec![image(&plan.features, 1), image(&plan.features, 5)];
            // A constant image, and black, which is not on every map.
            let color = plan.features.colormap.color(77);
            batch.push(Pixels { rows, columns, rgb: color.repeat(rows * columns) });
            batch.push(Pixels { rows, columns, rgb: vec![0; 3 * rows * columns] });
            let (got, want) = (run(&mut gpu, &plan, &batch), run(&mut cpu, &plan, &batch));
            assert!(got.features.values.iter().all(|v| v.is_finite()), "{rows} x {columns}: finite");
            let what = format!("{rows} x {columns} ({limits:?})");
            assert_features(&what, &config, &got, &want);
            let other = run(&mut gpu, &plan, &batch[1..2]);
            let want = want.features.values.slice_axis(Axis(0), (0..1).into()).to_owned();
            if rows > 2 && columns > 2 {
                let errors = worst_features(flat(&other.features.values), flat(&want));
                assert!(errors.iter().any(|e| *e > 1e-3), "negative control: another image differs ({errors:?})");
            }
        }
    }
}

/// The segment of [`segments`] that has a silent and a constant channel.
const CONSTANT_ROW: usize = 1;

/// Some rows of a block.
fn rows_of(block: &CoefficientBlock, rows: &[usize]) -> CoefficientBlock {
    CoefficientBlock { orders: block.orders.iter().map(|o| o.select(Axis(0), rows)).collect() }
}

/// Noise of different scales around `offset` times the channel, one channel silent and one constant.
fn segments(rows: usize, channels: usize, bins: usize, offset: f32) -> Array3<f32> {
    let mut random = Random(bins as u64);
    let mut out = Array3::from_shape_fn((rows, channels, bins), |(row, channel, _)| {
        (random.next() - 0.5 + offset * channel as f32) * 10f32.powi(row as i32 % 7 - 3)
    });
    if rows > CONSTANT_ROW {
        out.index_axis_mut(Axis(0), CONSTANT_ROW).row_mut(0).fill(0.0);
        out.index_axis_mut(Axis(0), CONSTANT_ROW).row_mut(channels - 1).fill(7.0);
    }
    out
}

const TWO: &str =
    "banks = [{ octaves = 4, resolution = 3, quality = 1.0 }, { octaves = 2, resolution = 2, quality = 1.0 }]\n";
const ONE: &str = "banks = [{ octaves = 3, resolution = 1, quality = 1.0 }]\n";
/// For long segments: a software adapter takes its time.
const FEW: &str =
    "banks = [{ octaves = 2, resolution = 1, quality = 1.0 }, { octaves = 1, resolution = 1, quality = 1.0 }]\n";
const THREE: &str = "banks = [{ octaves = 3, resolution = 2, quality = 1.0 }, { octaves = 2, resolution = 1, quality = 2.0 }, { octaves = 2, resolution = 1, quality = 1.0 }]\n";

fn network_plan(text: &str, channels: usize, bins: usize) -> ScatteringPlan {
    let config = Config::from_text(&format!("[network]\n{text}")).expect("valid");
    ScatteringPlan::new(&config.network, channels, bins, 10.0).expect("valid")
}

#[test]
#[ignore = "needs a Vulkan adapter: run with --include-ignored"]
fn coefficients_agree() {
    let mut cpu = cpu();
    let (mean, max) = ("pooling = 'mean'\n", "pooling = 'max'\norder_0 = false\n");
    let default = [
        (TWO.to_owned(), 16),
        (TWO.to_owned(), 128),
        (TWO.to_owned(), 129),
        (TWO.to_owned(), 97),
        (TWO.to_owned(), 1),
        (TWO.to_owned() + mean + "normalize = 'l1'", 120),
        (TWO.to_owned() + max, 77),
        (TWO.to_owned() + "taper_alpha = 0.3\nnormalize = 'l2'", 101),
        (TWO.to_owned() + "taper_alpha = 1.0", 33),
        (THREE.to_owned(), 60),
        (FEW.to_owned(), 2000),
        // Through device memory, as they are and by a convolution.
        (FEW.to_owned(), 5000),
        (TWO.to_owned(), 211),
        (TWO.to_owned() + mean + "taper_alpha = 0.2", 149),
        (TWO.to_owned() + max, 139),
        (FEW.to_owned(), 10_007),
        (ONE.to_owned(), 65_536),
    ];
    let adapters = [
        (TWO.to_owned(), 7),
        (TWO.to_owned(), 129),
        (FEW.to_owned(), 1000),
        (FEW.to_owned(), 2000),
        (FEW.to_owned(), 2048),
        (FEW.to_owned(), 4096),
    ];
    for (limits, cases) in [(DeviceLimits::Default, &default[..]), (DeviceLimits::Adapter, &adapters[..])] {
        let mut gpu = gpu(limits);
        for (text, bins) in cases {
            let plan = network_plan(text, 2, *bins);
            // A taper makes a hump of an offset, which single precision then carries through the second layer.
            let offset = if text.contains("taper") { 0.0 } else { 20.0 };
            let input = segments(if *bins < 250 { 4 } else { 1 }, 2, *bins, offset);
            let mut got = gpu.scatter(&plan, &input.clone().into()).expect("transformed");
            let want = cpu.scatter(&plan, &input.clone().into()).expect("transformed");
            let what = format!("{bins} bins, {limits:?}, {text}");
            let others: Vec<usize> = (0..input.dim().0).filter(|row| *row != CONSTANT_ROW).collect();
            assert_orders(&what, &plan, &rows_of(&got, &others), &rows_of(&want, &others));
            if input.dim().0 > CONSTANT_ROW {
                let constant = worst(&plan, &rows_of(&got, &[CONSTANT_ROW]), &rows_of(&want, &[CONSTANT_ROW]));
                assert!(constant.iter().all(|e| *e <= CONSTANT), "{what}, silent and constant: {constant:?}");
            }
            let last = got.orders.len() - 1;
            got.orders[last][[0, 1]] = 1.01 * got.orders[last][[0, 1]] + 1e-3;
            assert!(worst(&plan, &got, &want)[last] > ORDERS_1_AND_2, "negative control: {what}");
        }
    }
}

/// Signals whose largest second-order coefficient is far below their scalograms' largest samples, one kind a channel: a tone,
/// spikes on a constant, a burst, a step, and a sum of steps.
fn precarious(rows: usize, bins: usize) -> Array3<f32> {
    let mut random = Random(bins as u64);
    let mut noise = Vec::from_iter((0..rows * bins).map(|_| random.next() - 0.5));
    let spikes: Vec<usize> = (0..3 * rows).map(|_| (random.next() * bins as f32) as usize).collect();
    let mut out = Array3::from_shape_fn((rows, 5, bins), |(row, channel, k)| {
        let at = k as f32 / bins as f32;
        let own = noise[row * bins + k];
        match channel {
            0 => (std::f32::consts::TAU * at * (bins as f32 / 5.0 + row as f32)).sin(),
            1 => 0.25,
            2 => own * (-((at - 0.5) * 30.0).powi(2)).exp(),
            _ => f32::from(u8::from(at > 0.3)) + 1e-6 * own,
        }
    });
    for row in 0..rows {
        for &k in &spikes[3 * row..3 * row + 1 + row % 3] {
            out[[row, 1, k]] += 1.0;
        }
        for k in 1..bins {
            noise[row * bins + k] += noise[row * bins + k - 1];
            out[[row, 4, k]] = noise[row * bins + k];
        }
        out[[row, 4, 0]] = noise[row * bins];
    }
    out
}

#[test]
#[ignore = "needs a Vulkan adapter: run with --include-ignored"]
fn double_precision_where_single_does_not_serve() {
    let mut cpu = cpu();
    for limits in [DeviceLimits::Plain, DeviceLimits::Default] {
        let mut gpu = gpu(limits);
        let mean = TWO.to_owned() + "pooling = 'mean'";
        for (text, bins) in [(TWO, 129), (mean.as_str(), 64), (THREE, 48), (TWO, 131), (TWO, 139)] {
            let what = format!("{bins} bins, {limits:?}, {text}");
            let plan = network_plan(text, 5, bins);
            let input = precarious(1, bins);
            let want = cpu.scatter(&plan, &input.clone().into()).expect("transformed");
            let before = gpu.precisions();
            let got = gpu.scatter(&plan, &input.clone().into()).expect("transformed");
            assert_orders(&what, &plan, &got, &want);
            let now = gpu.precisions();
            assert_eq!(now.signals - before.signals, 5, "{what}: all are counted");
            let by_device = now.double_on_device - before.double_on_device;
            let by_host = now.double_on_host - before.double_on_host;
            // 139 samples go through device memory, in single precision only.
            let device = limits == DeviceLimits::Default && bins != 139;
            // With three layers of few filters, single precision may do.
            let some = text == THREE || by_device + by_host > 0;
            let who = if device { by_host } else { by_device };
            assert!(some && who == 0, "{what}: {now:?} after {before:?}");
            if limits == DeviceLimits::Plain && text == TWO {
                gpu.set_single_only(true);
                let single = gpu.scatter(&plan, &input.clone().into()).expect("transformed");
                gpu.set_single_only(false);
                let worst = worst(&plan, &single, &want);
                assert!(worst[2] > ORDERS_1_AND_2, "negative control, {what}: single precision gives {worst:?}");
            }
        }
        let plan = network_plan(TWO, 2, 60);
        let before = gpu.precisions();
        gpu.scatter(&plan, &segments(9, 2, 60, 20.0).into()).expect("transformed");
        let now = gpu.precisions();
        let double = |p: Precisions| p.double_on_device + p.double_on_host;
        assert_eq!(double(now), double(before), "noise keeps the speed of single precision");
    }
}

/// Bytes of memory that this process has resident, where the system tells and no other test runs beside this one.
fn resident() -> Option<usize> {
    if !std::env::args().any(|a| a == "--test-threads=1") {
        return None;
    }
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    Some(statm.split(' ').nth(1)?.parse::<usize>().ok()? * 4096)
}

#[test]
#[ignore = "needs a Vulkan adapter: run with --include-ignored"]
fn thousands_of_images_leave_nothing_behind() {
    let mut gpu = gpu(DeviceLimits::Default);
    gpu.set_poison(false);
    let text = format!("segments.bins = 12\ncrop.enabled = false\nnetwork = {{ {} }}", ONE.trim());
    let plan = image_plan(&Config::from_text(&text).expect("valid"), 16, 43);
    // Eight contents, over and over, in batches of changing sizes.
    let images: Vec<Pixels> = (0..8).map(|seed| image(&plan.features, seed)).collect();
    let first = run(&mut gpu, &plan, &images);
    let mut at = 0;
    let mut early = None;
    let mut flight = std::collections::VecDeque::new();
    for number in 0..200 {
        let size = 1 + 13 * number % 31;
        let batch: Vec<Pixels> = (at..at + size).map(|k| images[k % 8].clone()).collect();
        flight.push_back((at, size, gpu.submit(&plan, batch.into()).expect("submitted")));
        at += size;
        if flight.len() < gpu.depth() {
            continue;
        }
        let (from, size, ticket) = flight.pop_front().expect("in flight");
        let results = gpu.collect(ticket).expect("collected");
        let coefficients = results.coefficients.expect("asked for");
        let (want, rows) = (first.coefficients.as_ref().expect("asked for"), coefficients.orders[0].nrows() / size);
        for k in 0..size {
            let same = (from + k) % 8;
            let (own, its) =
                (results.features.values.index_axis(Axis(0), k), first.features.values.index_axis(Axis(0), same));
            assert!(own == its, "features of image {} are those of image {same}", from + k);
            for (own, its) in coefficients.orders.iter().zip(&want.orders) {
                let own = own.slice_axis(Axis(0), (k * rows..(k + 1) * rows).into());
                assert!(
                    own == its.slice_axis(Axis(0), (same * rows..(same + 1) * rows).into()),
                    "its coefficients too"
                );
            }
        }
        if number == 60 {
            early = Some((gpu.device_bytes(), gpu.live_buffers(), resident()));
        }
    }
    for (_, _, ticket) in flight {
        gpu.collect(ticket).expect("collected");
    }
    assert!(at > 3000, "some thousand images: {at}");
    let (bytes, _, before) = early.expect("60 batches");
    assert_eq!(gpu.device_bytes(), bytes, "device memory stays what it was");
    assert!(gpu.live_buffers().is_some_and(|n| n < 200), "buffers: {:?} after {early:?}", gpu.live_buffers());
    // Allocators keep some pages; a leaked batch of each of 140 would be far more.
    let (before, now) = (before.unwrap_or(0), resident().unwrap_or(0));
    assert!(now < before + (16 << 20), "resident memory went from {before} to {now} bytes");
    let want = run(&mut cpu(), &plan, &images);
    let config = Config::from_text(&text).expect("valid");
    assert_features("tiny images", &config, &first, &want);
}

#[test]
#[ignore = "needs a Vulkan adapter: run with --include-ignored"]
fn levels_come_back() {
    let (mut gpu, mut cpu) = (gpu(DeviceLimits::Default), cpu());
    for text in [TWO.to_owned(), TWO.to_owned() + "taper_alpha = 0.3"] {
        let plan = network_plan(&text, 2, 128);
        let noise = segments(3, 2, 128, 0.0).mapv(f64::from);
        let mut samples = noise.clone();
        // Some signals stand on a level, their neighbours do not.
        samples.index_axis_mut(Axis(1), 1).mapv_inplace(|v| v + 1e7);
        let block = SegmentBlock::from(samples.view());
        let (level, none) = (block.levels.column(1), block.levels.column(0));
        // A constant signal is exact in single precision and needs none.
        assert!(level.iter().filter(|l| **l != 0.0).count() >= 2, "signals on a level keep it: {level}");
        assert!(none.iter().all(|l| *l == 0.0), "the others have none: {none}");
        let (got, want) = (gpu.scatter(&plan, &block).expect("done"), cpu.scatter(&plan, &block).expect("done"));
        assert_orders("levels", &plan, &got, &want);
        let forgotten = SegmentBlock { levels: Array2::zeros(block.levels.dim()), ..block.clone() };
        let other = worst(&plan, &gpu.scatter(&plan, &forgotten).expect("done"), &want);
        assert!(other.iter().any(|e| *e > ORDERS_1_AND_2), "negative control: without the levels: {other:?}");
    }
}

#[test]
#[ignore = "needs a Vulkan adapter: run with --include-ignored"]
fn neighbours_and_poison_change_nothing() {
    let mut gpu = gpu(DeviceLimits::Default);
    for bins in [16, 211] {
        let plan = network_plan(TWO, 1, bins);
        let mut input = segments(53, 1, bins, 0.0);
        input.index_axis_mut(Axis(0), 2).fill(0.0);
        let all = gpu.scatter(&plan, &input.clone().into()).expect("transformed");
        // 16 samples go 24 to a workgroup: one, one less, exactly, one more.
        for rows in [1, 23, 24, 25] {
            let part = input.slice_axis(Axis(0), (0..rows).into()).to_owned();
            let part = gpu.scatter(&plan, &part.clone().into()).expect("transformed");
            for (part, all) in part.orders.iter().zip(&all.orders) {
                assert_eq!(part, all.slice_axis(Axis(0), (0..rows).into()), "{rows} of {bins} bins");
            }
        }
        assert!(all.orders.iter().all(|o| o.row(2).iter().all(|c| *c == 0.0)), "silence gives zeros");
        let large = gpu.scatter(&plan, &input.mapv(|v| v * 2f32.powi(100)).into()).expect("transformed");
        for (a, b) in all.orders.iter().zip(&large.orders) {
            assert!(a.iter().zip(b).all(|(a, b)| a * 2f32.powi(100) == *b), "a power of two changes the scale only");
        }
        let mut poisoned = input.clone();
        poisoned[[4, 0, 7]] = f32::NAN;
        poisoned[[5, 0, 3]] = f32::NEG_INFINITY;
        let poisoned = gpu.scatter(&plan, &poisoned.clone().into()).expect("transformed");
        for (a, b) in all.orders.iter().zip(&poisoned.orders) {
            for row in 0..53 {
                let lost = b.row(row).iter().all(|c| c.is_nan());
                assert!(if matches!(row, 4 | 5) { lost } else { a.row(row) == b.row(row) }, "row {row} of {bins} bins");
            }
        }
    }
}

/// A plan with three segments of 40 windows an image.
fn small_plan() -> (Config, ImagePlan) {
    let features = r#"features.names = ["std", "gabor", "dominant_frequency"]"#;
    let text = format!("{features}\nsegments.bins = 40\nnetwork = {{ {} }}", TWO.trim());
    let config = Config::from_text(&text).expect("valid");
    let plan = image_plan(&config, 64, 211);
    (config, plan)
}

#[test]
#[ignore = "needs a Vulkan adapter: run with --include-ignored"]
fn images_to_coefficients_with_batches_in_flight() {
    let (mut gpu, mut cpu) = (gpu(DeviceLimits::Default), cpu());
    let (config, plan) = small_plan();
    let (cut, network) = plan.scattering.as_ref().expect("segments fit");
    let batches: Vec<Vec<Pixels>> =
        (0..5).map(|b| (0..1 + b % 3).map(|i| image(&plan.features, 10 * b + i)).collect()).collect();
    let alone: Vec<ImageResults> = batches.iter().map(|b| run(&mut gpu, &plan, b)).collect();
    let mut tickets = std::collections::VecDeque::new();
    let mut done = Vec::new();
    for batch in &batches {
        if tickets.len() == gpu.depth() {
            done.push(gpu.collect(tickets.pop_front().expect("in flight")).expect("collected"));
        }
        tickets.push_back(gpu.submit(&plan, batch.clone().into()).expect("submitted"));
    }
    done.extend(tickets.into_iter().map(|t| gpu.collect(t).expect("collected")));
    assert!(done == alone, "batches in flight do not touch each other");
    assert!(gpu.collect(scatterfall_scattering::backend::Ticket(99)).is_err(), "an unknown ticket");

    for (got, batch) in alone.iter().zip(&batches) {
        assert_features("64 x 211", &config, got, &run(&mut cpu, &plan, batch));
        // The same features on both sides: what differs is the transform alone.
        let rows = cut.count(cut.windows);
        let values = &got.features.values;
        let segments = Array3::from_shape_fn((batch.len() * rows, network.channels, cut.bins), |(row, channel, k)| {
            values[[row / rows, row % rows * cut.hop + k, channel]]
        });
        let want = cpu.scatter(network, &segments.clone().into()).expect("transformed");
        assert_orders("64 x 211", network, got.coefficients.as_ref().expect("asked for"), &want);
    }
    let seconds = gpu.seconds();
    for name in ["upload", "waiting", "readback", "value", "gabor", "frequency", "scalogram"] {
        assert!(seconds.contains_key(name), "{name} is timed: {seconds:?}");
    }
}

#[test]
#[ignore = "needs a Vulkan adapter: run with --include-ignored"]
fn traffic_is_what_it_must_be() {
    let mut gpu = gpu(DeviceLimits::Default);
    let (_, plan) = small_plan();
    let (cut, network) = plan.scattering.as_ref().expect("segments fit");
    let mut before = gpu.traffic();
    let mut dispatches = Vec::new();
    for images in [1, 2, 5] {
        let batch: Vec<Pixels> = (0..images).map(|i| image(&plan.features, i)).collect();
        run(&mut gpu, &plan, &batch);
        let now = gpu.traffic();
        let (f, n) = (&plan.features, batch.len() as u64);
        let pixels = 3 * f.rows * f.columns;
        let words = f.windows * f.features.len() + 1;
        let coefficients = cut.count(cut.windows) * network.channels * network.widths().iter().sum::<usize>();
        let (up, back) = (now.bytes_uploaded - before.bytes_uploaded, now.bytes_read_back - before.bytes_read_back);
        assert!(up >= n * pixels as u64, "counted: {up}");
        assert!(up <= n * (pixels as u64 + (64 << 10)), "{up} bytes up for {n} images of {pixels}");
        assert!(back >= n * 4 * words as u64, "counted: {back}");
        assert!(back <= n * 4 * (words + coefficients) as u64, "{back} bytes back for {n} images");
        dispatches.push(now.dispatches - before.dispatches);
        before = now;
    }
    assert!(dispatches.iter().all(|d| *d == dispatches[0] && *d > 5), "dispatches a batch: {dispatches:?}");
}

#[test]
#[ignore = "needs a Vulkan adapter: run with --include-ignored"]
fn more_workgroups_than_one_dimension_takes() {
    let (mut gpu, mut cpu) = (gpu(DeviceLimits::Default), cpu());
    let text = "features = { window = 1, step = 1, names = ['median', 'std', 'max'] }\nsegments.bins = 1000000";
    let config = Config::from_text(text).expect("valid");
    // A workgroup a window: four more than 65,535.
    let mut plan = image_plan(&config, 2, 65_539);
    plan.scattering = None;
    let batch = [image(&plan.features, 3)];
    let (got, want) = (run(&mut gpu, &plan, &batch), run(&mut cpu, &plan, &batch));
    assert_features("2 x 65,539", &config, &got, &want);
}

#[test]
#[ignore = "needs a Vulkan adapter: run with --include-ignored"]
fn loops_written_out_change_nothing() {
    let mut gpu = gpu(DeviceLimits::Default);
    let (_, plan) = small_plan();
    let batch = [image(&plan.features, 5), image(&plan.features, 6)];
    let network = network_plan(TWO, 2, 30);
    let input = segments(7, 2, 30, 40.0);
    let mut both = [false, true].map(|unroll| {
        gpu.set_unroll(unroll);
        (run(&mut gpu, &plan, &batch), gpu.scatter(&network, &input.clone().into()).expect("transformed"))
    });
    // Compilers may contract a multiplication and an addition in one form and not in the other.
    let [(looped, looped_segments), (written_out, segments)] = &mut both;
    let (config, _) = small_plan();
    assert_features("written out", &config, written_out, looped);
    assert_orders("written out", &network, segments, looped_segments);
}

#[test]
#[ignore = "needs a Vulkan adapter: run with --include-ignored"]
fn decoding_goes_on_while_the_device_works() {
    let folder = tempfile::tempdir().expect("a folder");
    let layout = Layout::Bare { rows: 64, columns: 211 };
    let archive = SynthArchive::new(&SynthOptions { images: 20, layout, ..SynthOptions::default() }).expect("valid");
    archive.write(&folder.path().join("archive"), || {}).expect("written");
    let (input, output) = (folder.path().join("archive"), folder.path().join("output"));
    let text = format!(
        "input.path = {:?}\noutput.path = {:?}\ncrop.enabled = false\ncompute.batch_images = 2\nsegments.bins = 40",
        input.display().to_string(),
        output.display().to_string()
    );
    let config = Config::from_text(&text).expect("valid");
    let mut gpu = gpu(DeviceLimits::Default);
    let ctx = Context::on(&config, threads());
    let catalogue = Catalogue::read(&config.input, &config.output.path).expect("an archive");
    let goals = Goals { features: true, scattering: true, detector: None };
    let summary = scatterfall::stages::images::compute(&ctx, &mut gpu, &catalogue, goals).expect("computed");
    let trace = &summary.trace;
    assert_eq!((summary.images, trace.len()), (20, 10), "ten batches of two");
    let depth = gpu.depth();
    for (k, batch) in trace.iter().enumerate() {
        let [begin, end] = [batch.submit[1], batch.collect[1]];
        assert!(begin <= end && batch.decode[1] <= batch.submit[0] && end <= batch.write[1], "in order: {batch:?}");
        // A batch is waited for only when as many as the device takes are on their way.
        if let Some(later) = trace.get(k + depth - 1) {
            assert!(later.submit[1] <= batch.collect[0], "batch {k} is waited for after {later:?} was submitted");
        }
    }
    // On a device that takes its time, images are decoded while it works; a fast one waits for them.
    let meanwhile =
        |k: usize| trace[k + 1..].iter().any(|b| b.decode[1] > trace[k].submit[0] && b.decode[0] < trace[k].collect[1]);
    assert!((0..5).any(meanwhile), "while a batch is on its way, others are decoded: {trace:?}");
}

#[test]
#[ignore = "needs a Vulkan adapter: run with --include-ignored"]
fn what_cannot_be_is_an_error() {
    let mut gpu = gpu(DeviceLimits::Default);
    let plan = network_plan(&(TWO.to_owned() + "oversampling = 2"), 1, 64);
    let error = gpu.scatter(&plan, &segments(1, 1, 64, 0.0).into());
    assert!(
        error.is_err_and(|e| matches!(e, scatterfall_scattering::Error::NotOnGpu { .. })),
        "oversampling is not quietly something else"
    );
    let (_, plan) = small_plan();
    let small = Pixels { rows: 1, columns: 1, rgb: vec![0; 3] };
    assert!(gpu.submit(&plan, vec![small].into()).is_err(), "an image of another size");
    assert!(
        run(&mut gpu, &plan, &[image(&plan.features, 1)]).coefficients.is_some(),
        "the device goes on after an error"
    );
    let (few, many) = (gpu.batch_images(&plan, 1 << 20), gpu.batch_images(&plan, 1 << 30));
    assert!(1 <= few && few < many, "batches follow the memory: {few}, {many}");
    assert_eq!(gpu.batch_images(&plan, 0), 1, "at least one");
}

#[path = "gpu/detector.rs"]
mod detector;
