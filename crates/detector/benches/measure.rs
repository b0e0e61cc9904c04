//! Time per image of the measurement at full size, one thread, and of its parts.

use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use scatterfall_detector::columns::column_statistics;
use scatterfall_detector::whiten::{Whitening, whiten};
use scatterfall_detector::{DetectorParams, DetectorPlan, Geometry, Image, Measurer, Reference};

const GEOMETRY: Geometry = Geometry { rows: 536, columns: 1719, duration_s: 60.0, length_m: 20_000.0 };

/// Sums of four bytes: bell-shaped noise around a level that differs by column.
fn plane(seed: u32) -> Vec<u8> {
    let mut x = seed.wrapping_mul(747_796_405) | 1;
    let mut out = Vec::with_capacity(GEOMETRY.rows * GEOMETRY.columns);
    for i in 0..GEOMETRY.rows * GEOMETRY.columns {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        let bell: u32 = x.to_le_bytes().iter().map(|b| u32::from(*b)).sum();
        out.push((70 + (i % GEOMETRY.columns) % 41 + bell as usize / 16) as u8);
    }
    out
}

fn measure(c: &mut Criterion) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a pool of one thread");
    let plan = Arc::new(DetectorPlan::new(GEOMETRY, DetectorParams::default()).expect("the default plan"));
    let image = plane(1);
    let statistics = column_statistics(&image, GEOMETRY.columns, &plan.part_edges);
    let background: Vec<f32> = statistics.median2.iter().map(|&m| f32::from(m) / 2.0).collect();
    let scale: Vec<f32> = statistics.spread4.iter().map(|&d| (1.4826 * f32::from(d) / 4.0).max(1.0)).collect();
    let missing = vec![false; GEOMETRY.rows];
    let input =
        Whitening { plane: &image, statistics: &statistics, background: &background, scale: &scale, missing: &missing };
    let samples = whiten(&plan, input).samples;
    let slants = plan.slants.clone().expect("slants fit 20 km");
    let mut group = c.benchmark_group("measure 536 x 1719");
    group.throughput(Throughput::Elements(1)).sample_size(20);
    group.bench_function("column medians", |b| {
        b.iter(|| column_statistics(&image, GEOMETRY.columns, &plan.part_edges));
    });
    group.bench_function("whiten", |b| b.iter(|| whiten(&plan, input)));
    group.bench_function("slants", |b| b.iter(|| slants.largest(Some(&samples), &samples, Some(&samples))));
    group.bench_function("whole", |b| {
        let mut measurer = Measurer::new(plan.clone(), Reference::Local).expect("a measurer");
        // Two images in turn: a copy of the one before would count as missing, and cost less.
        let planes = [plane(2), plane(3)];
        let mut count = 0;
        let mut next = || {
            count += 1;
            Image { time_us: 60_000_000 * count, plane: planes[count as usize % 2].clone() }
        };
        measurer.push((0..24).map(|_| next()).collect()).expect("images in order");
        b.iter(|| pool.install(|| measurer.push(vec![next()]).expect("images in order")));
    });
    group.finish();
}

criterion_group!(benches, measure);
criterion_main!(benches);
