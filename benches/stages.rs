//! One full-size screenshot through each stage of the CPU backend, on one thread.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ndarray::Array3;
use scatterfall::config::Config;
use scatterfall::decode;
use scatterfall::plans;
use scatterfall_scattering::backend::Backend;
use scatterfall_scattering::backend::cpu::CpuBackend;
use scatterfall_scattering::blocks::Batch;
use scatterfall_scattering::plan::ScatteringPlan;
use scatterfall_synth::{SynthArchive, SynthOptions};

fn stages(c: &mut Criterion) {
    let archive = SynthArchive::new(&SynthOptions::default()).expect("valid options");
    let png = archive.png(0).expect("encodes");
    let crop = Config::from_text("").expect("defaults").crop;
    let mut group = c.benchmark_group("decode");
    group.throughput(Throughput::Bytes(png.len() as u64));
    group.bench_function("image crate", |b| b.iter(|| image::load_from_memory(black_box(&png)).expect("decodes")));
    group.bench_function("plot area", |b| b.iter(|| decode::from_bytes(black_box(&png), crop.as_ref(), 1 << 26)));
    group.finish();

    let pixels = decode::from_bytes(&png, crop.as_ref(), 1 << 26).expect("decodes");
    let pool = Arc::new(rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("one thread"));
    let mut group = c.benchmark_group("features");
    group.throughput(Throughput::Elements(1));
    for names in ["std", "mean", "median", "p75", "max", "gabor", "dominant_frequency", "slope_aspect"] {
        let config = Config::from_text(&format!("[features]\nnames = [\"{names}\"]")).expect("valid");
        let plan = plans::images(&config, (1920, 800), false).expect("fits");
        let mut backend = CpuBackend::new(Arc::clone(&pool));
        group.bench_function(names, |b| {
            b.iter_batched(
                || Batch::from(vec![pixels.clone()]),
                |batch| backend.submit(&plan, batch).and_then(|t| backend.collect(t)).expect("computes"),
                criterion::BatchSize::LargeInput,
            );
        });
    }
    group.finish();

    let mut group = c.benchmark_group("scattering");
    for (name, banks, channels, bins) in [
        ("waterfall 3 x 129", "", 3, 129),
        ("waterfall 3 x 128", "", 3, 128),
        (
            "tutorial 3 x 2000",
            "banks = [{ octaves = 6, resolution = 4, quality = 1.0 }, { octaves = 6, resolution = 1, quality = 1.0 }]",
            3,
            2000,
        ),
    ] {
        let network = Config::from_text(&format!("[network]\n{banks}")).expect("valid").network;
        let plan = ScatteringPlan::new(&network, channels, bins, 50.0).expect("valid");
        let n = 32;
        let segments =
            Array3::from_shape_fn((n, channels, bins), |(i, k, t)| ((i * 7 + k * 3 + t * t) as f32).sin()).into();
        let mut backend = CpuBackend::new(Arc::clone(&pool));
        group.throughput(Throughput::Elements(n as u64));
        group.bench_function(name, |b| b.iter(|| backend.scatter(&plan, black_box(&segments)).expect("computes")));
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = stages
}
criterion_main!(benches);
