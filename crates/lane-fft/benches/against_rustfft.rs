//! Signals side by side, one per lane of the vector unit, against as many by `rustfft` one after another.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use pulp::{Arch, Simd, WithSimd};
use scatterfall_lane_fft::planned::{forward, num_complex::Complex64};
use scatterfall_lane_fft::{InPlace, LaneFft, pairs_mut};

/// Lengths of waterfall segments (128, 129 = 3 x 43) and of seismograms (2000, 2048).
const LENGTHS: [usize; 4] = [128, 129, 2000, 2048];

/// Lanes of the vector unit at hand.
struct Lanes;

impl WithSimd for Lanes {
    type Output = usize;

    fn with_simd<S: Simd>(self, _: S) -> usize {
        S::F64_LANES
    }
}

/// One forward transform of every lane's signal.
struct Transform<'a> {
    fft: &'a LaneFft,
    data: &'a mut [f64],
}

impl WithSimd for Transform<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        self.fft.forward(simd, pairs_mut::<S>(self.data), &mut [], InPlace);
    }
}

fn transforms(criterion: &mut Criterion) {
    let arch = Arch::new();
    let lanes = arch.dispatch(Lanes);
    let mut group = criterion.benchmark_group("forward");
    for n in LENGTHS {
        group.throughput(Throughput::Elements((n * lanes) as u64));
        let (fft, mut data) = (LaneFft::new(n, false), vec![0.0f64; 2 * n * lanes]);
        for (k, value) in data.iter_mut().enumerate() {
            *value = (k % 17) as f64 - 8.0;
        }
        let original = data.clone();
        group.bench_function(BenchmarkId::new("lanes", n), |b| {
            b.iter(|| {
                data.copy_from_slice(&original);
                arch.dispatch(Transform { fft: &fft, data: black_box(&mut data) });
            });
        });
        let plan = forward(n);
        let signal: Vec<Complex64> = (0..n * lanes).map(|k| Complex64::new((k % 17) as f64 - 8.0, 0.0)).collect();
        let (mut work, mut scratch) = (signal.clone(), vec![Complex64::default(); plan.get_inplace_scratch_len()]);
        group.bench_function(BenchmarkId::new("rustfft", n), |b| {
            b.iter(|| {
                work.copy_from_slice(&signal);
                plan.process_with_scratch(black_box(&mut work), &mut scratch);
            });
        });
    }
    group.finish();
}

criterion_group!(benches, transforms);
criterion_main!(benches);
