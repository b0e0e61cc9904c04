//! Arrays in, coefficients out: the scattering transform of a few seconds of three-channel data.
//!
//! `cargo run --release --example coefficients`

use ndarray::{Array3, Axis};
use scatterfall_scattering::ScatteringNetwork;
use scatterfall_scattering::options::{Bank, Pooling};

const SAMPLING_RATE_HZ: f64 = 100.0;
const SAMPLES: usize = 1024;

#[expect(clippy::print_stdout, reason = "an example")]
fn main() -> Result<(), scatterfall_scattering::Error> {
    let banks = [Bank { octaves: 5, resolution: 4, quality: 1.0 }, Bank { octaves: 6, resolution: 1, quality: 2.0 }];
    let network = ScatteringNetwork::new(&banks, SAMPLES, SAMPLING_RATE_HZ)?.tapered(0.1)?;

    // Eight segments of three channels: a wave whose frequency doubles from one channel to the next.
    let segments = Array3::from_shape_fn((8, 3, SAMPLES), |(segment, channel, sample)| {
        let frequency_hz = [4.0, 8.0, 16.0][channel] + 0.05 * segment as f64;
        (std::f64::consts::TAU * frequency_hz * sample as f64 / SAMPLING_RATE_HZ).sin() as f32
    });
    let orders = network.transform(segments.view(), Pooling::Median)?;
    println!("first order {:?}, second order {:?}", orders[0].shape(), orders[1].shape());

    let centers: Vec<Vec<f64>> = network.banks().map(|bank| bank.centers.to_vec()).collect();
    let first_segment = orders[0].index_axis(Axis(0), 0);
    for (channel, coefficients) in first_segment.outer_iter().enumerate() {
        let values: Vec<f32> = coefficients.iter().copied().collect();
        let loudest = (0..values.len()).max_by(|a, b| values[*a].total_cmp(&values[*b])).unwrap_or(0);
        println!("channel {channel}: the filter at {:.2} Hz answers most", centers[0][loudest]);
    }
    Ok(())
}
