//! How far a segment stands out from what is usual at its station at its hour of the day.

use scatterfall_timestamps::Micros;

/// Rows that an hour must have for a normal of its own; with fewer the whole record's holds.
const MIN_ROWS: usize = 20;
/// Smallest spread of decimal logarithms: no station is steadier than 5 %.
const MIN_SPREAD: f64 = 0.02;
/// A standard deviation over a median absolute deviation, for normally distributed values.
const MAD_TO_DEVIATION: f64 = 1.4826;
const HOUR_US: i64 = 3_600_000_000;

/// Median and spread of one column: of all rows, and by hour of the day (UTC).
struct ColumnNormal {
    all: (f64, f64),
    hours: [Option<(f64, f64)>; 24],
}

/// Deviations of every row from its hour's normal, in units of that hour's spread, column by column.
///
/// `values` has a row of `columns` for each of `times`; what is not finite takes no part and comes out as NaN. The normal
/// of an hour is its median, its spread 1.4826 times the median absolute deviation.
pub(crate) fn deviations(times: &[Micros], values: &[f32], columns: usize) -> Vec<f32> {
    let mut out = vec![f32::NAN; values.len()];
    let hours: Vec<usize> = times.iter().map(|t| hour(*t)).collect();
    for column in 0..columns {
        let at = |row: usize| f64::from(values[row * columns + column]);
        let normal = ColumnNormal::of(&hours, at);
        for (row, hour) in hours.iter().enumerate() {
            let (median, spread) = normal.hours[*hour].unwrap_or(normal.all);
            out[row * columns + column] = ((at(row) - median) / spread) as f32;
        }
    }
    out
}

fn hour(time: Micros) -> usize {
    usize::try_from(time.rem_euclid(24 * HOUR_US) / HOUR_US).unwrap_or(0)
}

impl ColumnNormal {
    fn of(hours: &[usize], at: impl Fn(usize) -> f64) -> Self {
        let rows = |wanted: Option<usize>| -> Vec<f64> {
            let fits = |row: &usize| wanted.is_none_or(|hour| hours[*row] == hour);
            (0..hours.len()).filter(fits).map(&at).filter(|v| v.is_finite()).collect()
        };
        let by_hour = |hour: usize| Some(rows(Some(hour))).filter(|v| v.len() >= MIN_ROWS).map(median_and_spread);
        Self { all: median_and_spread(rows(None)), hours: std::array::from_fn(by_hour) }
    }
}

fn median_and_spread(mut values: Vec<f64>) -> (f64, f64) {
    let median = quantile(&mut values, 0.5);
    let mut off: Vec<f64> = values.iter().map(|v| (v - median).abs()).collect();
    (median, (MAD_TO_DEVIATION * quantile(&mut off, 0.5)).max(MIN_SPREAD))
}

/// The value below which a share of the values lies; NaN without any. The values are sorted.
fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len().checked_sub(1) {
        Some(last) => values[(share * last as f64).round() as usize],
        None => f64::NAN,
    }
}

/// The score above which `per_day` segments a day stand out by chance alone, of `rows_per_day`.
///
/// A Gumbel law, that of the largest of many, through the 10 % and 50 % quantiles of the scores: events add to the upper
/// half only and hardly move the lower one. Infinite without scores.
pub(crate) fn threshold(scores: &[f64], rows_per_day: f64, per_day: f64) -> f64 {
    let mut finite: Vec<f64> = scores.iter().copied().filter(|s| s.is_finite()).collect();
    if finite.is_empty() {
        return f64::INFINITY;
    }
    let gumbel = |share: f64| -(-share.ln()).ln();
    let (q10, q50) = (quantile(&mut finite, 0.1), quantile(&mut finite, 0.5));
    let beta = (q50 - q10) / (gumbel(0.5) - gumbel(0.1));
    let location = q10 - beta * gumbel(0.1);
    let chance = (per_day / rows_per_day).clamp(1e-12, 0.5);
    location + beta * gumbel(1.0 - chance)
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_xoshiro::Xoshiro256PlusPlus;

    use super::*;

    #[test]
    fn every_hour_has_its_own_normal() {
        // Two columns, a row a minute for three days: the first is a hundred times as loud by day (8 to 18).
        let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
        let times: Vec<Micros> = (0..3 * 1440).map(|i| i * 60_000_000).collect();
        let noise: Vec<f32> = times.iter().flat_map(|_| [random.r#gen::<f32>(), random.r#gen()]).collect();
        let loud = |t: Micros| (8..18).contains(&hour(t));
        let mut values: Vec<f32> = noise.clone();
        times.iter().enumerate().filter(|(_, t)| loud(**t)).for_each(|(i, _)| values[2 * i] += 2.0);
        values[2 * 100] += 2.0;
        values[2 * 101] = f32::NAN;
        let z = deviations(&times, &values, 2);
        let usual = z.iter().enumerate().filter(|(i, _)| *i != 200).filter(|(_, z)| z.abs() > 4.0).count();
        assert_eq!(usual, 0, "the day's noise is usual by day");
        assert!(z[2 * 100] > 4.0, "and stands out by night: {}", z[2 * 100]);
        assert!(z[2 * 101].is_nan(), "no number stays none");
    }

    #[test]
    fn the_threshold_keeps_the_rate_that_was_asked_for() {
        // The largest of 30 normal-like values per row, as a score is: 100 days of 1000 rows.
        let mut random = Xoshiro256PlusPlus::seed_from_u64(2);
        let mut normal = || (0..12).map(|_| random.r#gen::<f64>()).sum::<f64>() - 6.0;
        let scores: Vec<f64> =
            (0..20_000).map(|_| (0..30).map(|_| normal()).fold(f64::NEG_INFINITY, f64::max)).collect();
        let limit = threshold(&scores, 1000.0, 10.0);
        let above = scores.iter().filter(|s| **s > limit).count();
        assert!(above <= 200, "200 asked for in 20 days, {above} found");
        let with_events: Vec<f64> =
            scores.iter().enumerate().map(|(i, s)| if i % 10 == 0 { s + 20.0 } else { *s }).collect();
        assert!((threshold(&with_events, 1000.0, 10.0) - limit).abs() < 0.6, "events hardly move it");
        assert_eq!(threshold(&[f64::NAN], 1.0, 1.0), f64::INFINITY, "no scores, no events");
    }
}
