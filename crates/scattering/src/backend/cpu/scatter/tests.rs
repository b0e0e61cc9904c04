use ndarray::Array3;
use scatterfall_lane_fft::planned::num_complex::Complex64;

use super::*;
use crate::blocks::SegmentBlock;
use crate::testing::network;

/// The transform of one channel from its definition in double precision: shifted scalograms, all orders.
fn definition(plan: &ScatteringPlan, signal: &[f64]) -> Vec<Vec<f64>> {
    let n = signal.len();
    let (fft, ifft) = (scatterfall_lane_fft::planned::forward(n), scatterfall_lane_fft::planned::inverse(n));
    let taper = plan.taper.clone().unwrap_or_else(|| vec![1.0; n]);
    let mut inputs = vec![signal.iter().zip(taper).map(|(s, t)| s * t).collect::<Vec<f64>>()];
    let mut orders = Vec::new();
    for layer in 0..plan.layers.len() {
        let mut next = Vec::new();
        for input in &inputs {
            let mut x: Vec<Complex64> = input.iter().map(|&v| v.into()).collect();
            fft.process(&mut x);
            for filter in plan.spectra(layer).rows() {
                let mut y: Vec<Complex64> = x.iter().zip(filter).map(|(a, b)| a * b / n as f64).collect();
                ifft.process(&mut y);
                let mut moduli: Vec<f64> = y.iter().map(|z| z.norm()).collect();
                moduli.rotate_right(n / 2); // fftshift
                next.push(moduli);
            }
        }
        let pooled = next.iter().map(|scalogram| {
            let mut kept = scalogram[plan.pooled.clone()].to_vec();
            kept.sort_by(f64::total_cmp);
            match plan.pooling {
                Pooling::Median => (kept[(kept.len() - 1) / 2] + kept[kept.len() / 2]) / 2.0,
                Pooling::Mean => kept.iter().sum::<f64>() / kept.len() as f64,
                Pooling::Max => kept[kept.len() - 1],
                other => unreachable!("{other:?} is not compared here"),
            }
        });
        orders.push(pooled.collect());
        inputs = next;
    }
    orders
}

/// Noise around `offset` times the channel, another scale for every segment.
fn segments(rows: usize, channels: usize, bins: usize, offset: f32) -> Array3<f32> {
    let mut state = 12345u64;
    Array3::from_shape_fn((rows, channels, bins), |(row, channel, _)| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let noise = (state >> 40) as f32 / (1u64 << 24) as f32 - 0.5;
        (noise + offset * channel as f32) * 10f32.powi(row as i32 % 5 - 2)
    })
}

fn worst_error(plan: &ScatteringPlan, segments: &Array3<f32>, got: &CoefficientBlock) -> Vec<f64> {
    let (rows, channels, _) = segments.dim();
    let skip = usize::from(plan.order_0);
    let mut worst = vec![0.0f64; plan.layers.len()];
    for row in 0..rows {
        for channel in 0..channels {
            let signal: Vec<f64> =
                segments.index_axis(Axis(0), row).row(channel).iter().map(|&v| f64::from(v)).collect();
            for (k, want) in definition(plan, &signal).into_iter().enumerate() {
                let scale = want.iter().copied().fold(0.0, f64::max);
                let got = got.orders[k + skip].row(row);
                for (path, want) in want.iter().enumerate() {
                    let got = f64::from(got[channel * plan.widths()[k + skip] + path]);
                    worst[k] = worst[k].max((got - want).abs() / scale);
                }
            }
        }
    }
    worst
}

#[test]
fn agrees_with_the_definition() {
    let two =
        "banks = [{ octaves = 4, resolution = 3, quality = 1.0 }, { octaves = 2, resolution = 2, quality = 1.0 }]\n";
    let three = "banks = [{ octaves = 3, resolution = 2, quality = 1.0 }, { octaves = 2, resolution = 1, quality = 2.0 }, { octaves = 2, resolution = 1, quality = 1.0 }]\n";
    for (text, bins) in [
        (two.to_owned(), 129),
        (two.to_owned() + r#"pooling = "mean""#, 128),
        (two.to_owned() + "pooling = 'max'\nnormalize = 'l1'", 97),
        (two.to_owned() + "taper_alpha = 0.3\nnormalize = 'l2'", 101),
        (two.to_owned() + "taper_alpha = 1.0", 33),
        (three.to_owned(), 64),
        (two.to_owned(), 211), // a prime that lanes do not take
        (two.to_owned(), 1),
    ] {
        let plan = ScatteringPlan::new(&network(&text), 2, bins, 10.0).expect("valid");
        // 19 signals: a full group of lanes and a part of one.
        // A taper makes a hump of an offset, which single precision then carries through the second layer.
        let offset = if text.contains("taper") { 0.0 } else { 20.0 };
        let segments = segments(10, 2, bins, offset);
        let mut got = ScatteringKernel::new(&plan).transform(segments.view());
        for (k, worst) in worst_error(&plan, &segments, &got).into_iter().enumerate() {
            // DESIGN: 1e-5 of the largest of row, channel and order, 5e-5 from the third order on.
            let limit = if k < 2 { 1e-5 } else { 5e-5 };
            assert!(worst < limit, "order {} of {text}, {bins} bins: {worst}", k + 1);
        }
        let last = got.orders.len() - 1;
        got.orders[last][[9, 1]] *= 1.01;
        got.orders[last][[9, 1]] += f32::MIN_POSITIVE;
        if bins > 1 {
            let worst = worst_error(&plan, &segments, &got)[plan.layers.len() - 1];
            assert!(worst > 1e-5, "negative control: one coefficient off by a hundredth shows ({worst})");
        }
    }
}

#[test]
fn silence_scale_and_poison() {
    let plan = ScatteringPlan::new(&network(""), 1, 60, 1.0).expect("valid");
    let kernel = ScatteringKernel::new(&plan);
    let mut input = segments(9, 1, 60, 0.0);
    input.index_axis_mut(Axis(0), 1).fill(0.0);
    let plain = kernel.transform(input.view());
    assert!(plain.orders.iter().all(|o| o.row(1).iter().all(|&c| c == 0.0)), "silence gives zeros");
    let scaled = kernel.transform(input.mapv(|v| v * 2f32.powi(80)).view());
    for (a, b) in plain.orders.iter().zip(&scaled.orders) {
        assert!(a.iter().zip(b).all(|(a, b)| a * 2f32.powi(80) == *b), "a power of two changes nothing but the scale");
    }
    input[[4, 0, 17]] = f32::NAN;
    input[[5, 0, 3]] = f32::INFINITY;
    let poisoned = kernel.transform(input.view());
    for (a, b) in plain.orders.iter().zip(&poisoned.orders) {
        for row in 0..9 {
            let same = a.row(row) == b.row(row);
            let lost = b.row(row).iter().all(|c| c.is_nan());
            assert!(if matches!(row, 4 | 5) { lost } else { same }, "row {row}: poison stays in its lane");
        }
    }
}

#[test]
fn scalograms_pool_to_the_coefficients() {
    for (text, bins) in [("pooling = 'max'", 48), ("pooling = 'max'\ntaper_alpha = 0.4", 33)] {
        let banks =
            "banks = [{ octaves = 2, resolution = 2, quality = 1.0 }, { octaves = 1, resolution = 1, quality = 1.0 }]";
        let network = network(&format!("order_0 = false\n{text}\n{banks}"));
        let plan = ScatteringPlan::new(&network, 2, bins, 1.0).expect("valid");
        let input = segments(5, 2, bins, 0.0);
        let (pooled, whole) = (
            ScatteringKernel::new(&plan).transform(input.view()),
            ScatteringKernel::unpooled(&plan).transform(input.view()),
        );
        for (p, w) in pooled.orders.iter().zip(&whole.orders) {
            let samples = plan.pooled.len();
            assert_eq!(w.ncols(), p.ncols() * samples, "one sample for each that is pooled");
            for (p, w) in p.iter().zip(w.as_slice().expect("standard").chunks(samples)) {
                assert_eq!(*p, w.iter().copied().fold(0.0, f32::max), "{text}: the maximum of the samples");
            }
        }
        // A wave in the second half only must show in the second half of the shifted scalogram.
        if bins == 48 {
            let late = Array3::from_shape_fn((1, 2, bins), |(_, _, k)| if k >= 36 { [1.0, -1.0][k % 2] } else { 0.0 });
            let whole = ScatteringKernel::unpooled(&plan).transform(late.view());
            let first: Vec<f32> = whole.orders[0].row(0).iter().take(bins).copied().collect();
            let (early, tail) = (first[6..30].iter().sum::<f32>(), first[36..].iter().sum::<f32>());
            assert!(tail > 10.0 * early, "{tail} where the wave is, {early} where not");
        }
    }
}

/// Moduli of a convolution at `points` times spread evenly over the segment, summed up bin by bin.
fn sampled(spectrum: &[Complex64], filter: impl Fn(usize) -> Complex64, points: usize) -> Vec<f64> {
    let n = spectrum.len();
    let modulus = |m: usize| {
        let sum: Complex64 = (0..n)
            .map(|k| {
                let frequency = if 2 * k > n { k as f64 - n as f64 } else { k as f64 };
                let turn = Complex64::from_polar(1.0, std::f64::consts::TAU * frequency * m as f64 / points as f64);
                spectrum[k] * filter(k) * turn / n as f64
            })
            .sum();
        sum.norm()
    };
    (0..points).map(modulus).collect()
}

fn spectrum(samples: &[f64]) -> Vec<Complex64> {
    let mut spectrum: Vec<Complex64> = samples.iter().map(|&v| v.into()).collect();
    scatterfall_lane_fft::planned::forward(samples.len()).process(&mut spectrum);
    spectrum
}

#[test]
fn coarse_scalograms_are_samples_of_the_convolution() {
    let banks =
        "banks = [{ octaves = 4, resolution = 6, quality = 1.0 }, { octaves = 2, resolution = 4, quality = 1.0 }]";
    let network = network(&format!("order_0 = false\noversampling = 2\npooling = 'mean'\n{banks}"));
    let plan = ScatteringPlan::new(&network, 1, 128, 1.0).expect("valid");
    let kernel = ScatteringKernel::new(&plan);
    let input = segments(3, 1, 128, 5.0);
    let got = kernel.transform(input.view());
    for row in 0..3 {
        let samples: Vec<f64> = input.index_axis(Axis(0), row).iter().map(|&v| f64::from(v)).collect();
        let x = spectrum(&samples);
        let mut largest = [0.0f64; 2];
        let mut worst = [0.0f64; 2];
        for (i, filter) in kernel.grids.layers[0][0].filters.iter().enumerate() {
            let first = sampled(&x, |k| plan.spectra(0)[[i, k]], filter.points * filter.shifts);
            let mean = |s: &[f64]| s.iter().sum::<f64>() / s.len() as f64;
            largest[0] = largest[0].max(mean(&first));
            worst[0] = worst[0].max((mean(&first) - f64::from(got.orders[0][[row, i]])).abs());
            let (n, u) = (first.len(), spectrum(&first));
            for (j, filter) in kernel.grids.layers[1][filter.next].filters.iter().enumerate() {
                let own = |k: usize| match (n == 128, 2 * k < n, 2 * (n - k) < n) {
                    (true, _, _) | (_, true, _) => plan.spectra(1)[[j, k]],
                    (_, _, true) => plan.spectra(1)[[j, 128 - (n - k)]],
                    _ => Complex64::default(),
                };
                let second = mean(&sampled(&u, own, filter.points * filter.shifts));
                largest[1] = largest[1].max(second);
                let error = (second - f64::from(got.orders[1][[row, 8 * i + j]])).abs();
                worst[1] = worst[1].max(error);
            }
        }
        // Coarse scalograms leave out what is below a millionth of a filter's spectrum, at each layer.
        for (order, (worst, largest)) in worst.into_iter().zip(largest).enumerate() {
            assert!(worst < 1e-5 * largest, "row {row}, order {}: {worst} of {largest}", order + 1);
        }
    }
}

#[test]
fn oversampling_comes_near_the_exact_coefficients() {
    let banks =
        "banks = [{ octaves = 5, resolution = 4, quality = 1.0 }, { octaves = 5, resolution = 1, quality = 2.0 }]";
    let (bins, rows) = (1000, 8);
    let transform = |oversampling: &str, input: &Array3<f32>| {
        let network = network(&format!("order_0 = false\noversampling = {oversampling}\n{banks}"));
        ScatteringKernel::new(&ScatteringPlan::new(&network, 1, bins, 1.0).expect("valid")).transform(input.view())
    };
    let noise = segments(rows, 1, bins, 0.0);
    let transients = Array3::from_shape_fn((rows, 1, bins), |(row, _, k)| {
        let t = (k as f32 - 300.0 - 50.0 * row as f32) / 20.0;
        noise[[row, 0, k]] * 0.05 + (-t * t).exp() * (2.5 * t).cos() * 10f32.powi(row as i32 % 5 - 2)
    });
    for (name, input) in [("noise", noise), ("transients", transients)] {
        let exact = transform("'full'", &input);
        let mut before = f64::INFINITY;
        for (oversampling, limit) in [("1", 0.05), ("2", 0.02), ("4", 0.01)] {
            let coarse = transform(oversampling, &input);
            let mut squares = Vec::new();
            for (coarse, exact) in coarse.orders.iter().zip(&exact.orders) {
                for (coarse, exact) in coarse.rows().into_iter().zip(exact.rows()) {
                    let largest = exact.iter().copied().fold(0.0, f32::max);
                    squares.extend(coarse.iter().zip(exact).map(|(c, e)| f64::from((c - e) / largest).powi(2)));
                }
            }
            let error = (squares.iter().sum::<f64>() / squares.len() as f64).sqrt();
            // What docs/performance.md promises, with room for other noise.
            assert!(error < limit, "{name}, oversampling {oversampling}: root mean square error {error}");
            assert!(
                error > 0.0 && error < before,
                "{name}, oversampling {oversampling}: {error} is coarse, better than {before}"
            );
            before = error;
        }
    }
}

#[test]
fn levels_are_given_back() {
    for text in ["", "taper_alpha = 0.3", "pooling = 'max'", "oversampling = 2"] {
        for bins in [96, 129] {
            let plan = ScatteringPlan::new(&network(&format!("order_0 = true\n{text}")), 2, bins, 1.0).expect("valid");
            let noise = segments(3, 2, bins, 0.0).mapv(f64::from);
            let mut samples = noise.clone();
            samples.index_axis_mut(Axis(1), 1).mapv_inplace(|v| 3e6 + v);
            let block = SegmentBlock::from(samples.view());
            let got = ScatteringKernel::new(&plan).transform_block(&plan, &block);
            for row in 0..3 {
                let signal = samples.index_axis(Axis(0), row).row(1).to_vec();
                for (k, want) in definition(&plan, &signal).into_iter().enumerate() {
                    let largest = want.iter().copied().fold(0.0, f64::max);
                    let width = plan.widths()[k + 1];
                    let got = got.orders[k + 1].row(row).to_vec()[width..].to_vec();
                    let off =
                        want.iter().zip(&got).map(|(w, g)| (w - f64::from(*g)).abs() / largest).fold(0.0, f64::max);
                    assert!(off < 1e-5, "order {} of {text:?}, {bins} bins: {off}", k + 1);
                }
                let order_0 = got.orders[0].row(row).to_vec()[3..].to_vec();
                assert!((order_0[0] - 3e6).abs() < 1.0 && order_0[1] >= order_0[0], "the level shows: {order_0:?}");
                let own = noise.index_axis(Axis(0), row).row(1).to_vec();
                let mean = own.iter().sum::<f64>() / bins as f64;
                let deviation = (own.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / bins as f64).sqrt();
                let kept = f64::from(order_0[2]) / deviation;
                // A sample is rounded to 2.3e-10 at this level; the smallest deviation is about 3e-3.
                assert!((kept - 1.0).abs() < 1e-5, "the deviation has the digits that the samples have: {kept}");
            }
            // A neighbour without a level is what it is without such neighbours.
            let plain = ScatteringKernel::new(&plan).transform(block.samples.view());
            for (got, plain) in got.orders.iter().zip(&plain.orders) {
                let width = got.ncols() / 2;
                let own = Slice::from(..width);
                let (got, plain) = (got.slice_axis(Axis(1), own), plain.slice_axis(Axis(1), own));
                assert_eq!(got, plain, "{text:?}, {bins} bins");
            }
        }
    }
}
