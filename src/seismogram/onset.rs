//! When a signal begins within a few seconds of samples.

/// Share of the samples at both ends in which no onset is looked for: variances of a few samples mean nothing.
const MARGIN: f64 = 0.05;

/// The sample at which a signal begins: where the samples before and after are best told apart by their variance.
///
/// Akaike's information criterion of two stationary parts without an autoregressive model, least at the onset:
/// AIC(k) = k ln var(x\[..k\]) + (n - k - 1) ln var(x\[k..\]) (Maeda 1985). The samples end a margin after the largest
/// deviation, since the end of a coda would be as good a border. None for fewer than 20 samples, or silence.
pub(crate) fn onset(samples: &[f64]) -> Option<usize> {
    let n = samples.len();
    let margin = ((n as f64 * MARGIN) as usize).max(5);
    if n < 20 || n <= 2 * margin || !samples.iter().all(|x| x.is_finite()) {
        return None;
    }
    let mean = samples.iter().sum::<f64>() / n as f64;
    let peak = (0..n).max_by(|&a, &b| (samples[a] - mean).abs().total_cmp(&(samples[b] - mean).abs()))?;
    let n = (peak + 2 * margin).clamp(2 * margin + 1, n);
    let samples = &samples[..n];
    let mut sums = Vec::with_capacity(n + 1);
    sums.push((0.0, 0.0));
    let (mut sum, mut squares) = (0.0, 0.0);
    for x in samples {
        sum += x;
        squares += x * x;
        sums.push((sum, squares));
    }
    // Variances of nothing but equal samples are held above zero, far below those of any signal.
    let smallest = squares / n as f64 * 1e-12;
    if smallest <= 0.0 {
        return None;
    }
    let variance = |from: usize, to: usize| {
        let count = (to - from) as f64;
        let (mean, square) = ((sums[to].0 - sums[from].0) / count, (sums[to].1 - sums[from].1) / count);
        (square - mean * mean).max(smallest)
    };
    let criterion = |k: usize| k as f64 * variance(0, k).ln() + (n - k - 1) as f64 * variance(k, n).ln();
    (margin..n - margin).min_by(|a, b| criterion(*a).total_cmp(&criterion(*b)))
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_xoshiro::Xoshiro256PlusPlus;

    use super::*;

    #[test]
    fn onsets_are_found_to_a_few_samples() {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(3);
        for begin in [200, 777, 1500] {
            let samples: Vec<f64> = (0..2000)
                .map(|i| {
                    let since = f64::from(i - begin);
                    let signal = if i < begin { 0.0 } else { (-since / 400.0).exp() * (0.6 * since).sin() };
                    5.0 * signal + random.r#gen::<f64>() - 0.5
                })
                .collect();
            let found = onset(&samples).expect("there is one") as i64;
            assert!((found - i64::from(begin)).abs() <= 10, "{found} for {begin}");
        }
        assert_eq!(onset(&[1.0; 10]), None, "too few");
        assert_eq!(onset(&[0.0; 100]), None, "silence");
        assert_eq!(onset(&[f64::NAN; 100]), None, "no numbers");
    }
}
