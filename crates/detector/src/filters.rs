//! Medians of single-precision numbers: of slices, running, filtered along a line.

use pulp::NullaryFnOnce;

/// NumPy's median (the mean of the two middle values where their number is even); reorders `values`. 0 where there is none.
pub fn median(values: &mut [f32]) -> f32 {
    let n = values.len();
    if n == 0 {
        return 0.0;
    }
    let (below, upper, _) = values.select_nth_unstable_by(n / 2, f32::total_cmp);
    let upper = *upper;
    if n % 2 == 1 {
        return upper;
    }
    let lower = below.iter().copied().fold(f32::NEG_INFINITY, |m, v| if v > m { v } else { m });
    (lower + upper) / 2.0
}

/// 1.4826 times the median of the absolute values: the standard deviation of normal noise about 0, deaf to events. Overwrites `values`.
pub fn mad(values: &mut [f32]) -> f32 {
    values.iter_mut().for_each(|v| *v = v.abs());
    1.4826 * median(values)
}

/// Width up to which sorting all windows at once in SIMD lanes beats a window that slides.
const NETWORK_WIDTH: usize = 32;

/// What a median filter sees beyond the ends of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Border {
    /// The last value goes on (`a a | a b c | c c`).
    Nearest,
    /// The values come back (`b a | a b c | c b`).
    Reflect,
}

impl Border {
    fn index(self, i: isize, n: usize) -> usize {
        let n = n as isize;
        let j = match self {
            Border::Nearest => i.clamp(0, n - 1),
            Border::Reflect => {
                let m = i.rem_euclid(2 * n);
                if m < n { m } else { 2 * n - 1 - m }
            }
        };
        j as usize
    }
}

/// Median over the `width` (odd) values around each value of a line.
pub fn median_filter(line: &[f32], width: usize, border: Border) -> Vec<f32> {
    if width <= 1 || line.is_empty() {
        return line.to_vec();
    }
    let half = (width / 2) as isize;
    let padded: Vec<f32> = (-half..line.len() as isize + half).map(|i| line[border.index(i, line.len())]).collect();
    if width <= NETWORK_WIDTH {
        return pulp::Arch::new().dispatch(Network { padded: &padded, width, n: line.len() });
    }
    let mut window = SortedWindow::new(&padded[..width]);
    let mut out = Vec::with_capacity(line.len());
    out.push(window.0[width / 2]);
    for i in 1..line.len() {
        window.replace(padded[i - 1], padded[i + width - 1]);
        out.push(window.0[width / 2]);
    }
    out
}

/// Sorts the windows of many neighbouring values at once: odd-even transposition, one window a lane.
struct Network<'a> {
    padded: &'a [f32],
    width: usize,
    n: usize,
}

impl NullaryFnOnce for Network<'_> {
    type Output = Vec<f32>;

    #[inline(always)]
    fn call(self) -> Vec<f32> {
        const LANES: usize = 32;
        let mut out = vec![0.0; self.n];
        let mut window = [[0.0f32; LANES]; NETWORK_WIDTH];
        for first in (0..self.n).step_by(LANES) {
            let lanes = LANES.min(self.n - first);
            let window = &mut window[..self.width];
            for (k, values) in window.iter_mut().enumerate() {
                values[..lanes].copy_from_slice(&self.padded[first + k..first + k + lanes]);
            }
            for pass in 0..self.width {
                for i in (pass % 2..self.width - 1).step_by(2) {
                    let (a, b) = (window[i], window[i + 1]);
                    for j in 0..LANES {
                        window[i][j] = if a[j] < b[j] { a[j] } else { b[j] };
                        window[i + 1][j] = if a[j] < b[j] { b[j] } else { a[j] };
                    }
                }
            }
            out[first..first + lanes].copy_from_slice(&window[self.width / 2][..lanes]);
        }
        out
    }
}

/// The values of a sliding window in ascending order.
struct SortedWindow(Vec<f32>);

impl SortedWindow {
    fn new(values: &[f32]) -> Self {
        let mut sorted = values.to_vec();
        sorted.sort_by(f32::total_cmp);
        Self(sorted)
    }

    fn insert(&mut self, value: f32) {
        let i = self.0.partition_point(|v| v.total_cmp(&value).is_lt());
        self.0.insert(i, value);
    }

    fn remove(&mut self, value: f32) {
        let i = self.0.partition_point(|v| v.total_cmp(&value).is_lt());
        self.0.remove(i);
    }

    fn replace(&mut self, old: f32, new: f32) {
        self.remove(old);
        self.insert(new);
    }

    fn median(&self) -> f32 {
        let n = self.0.len();
        (self.0[(n - 1) / 2] + self.0[n / 2]) / 2.0
    }
}

/// Median over up to `2 half + 1` values around each value; at the ends over those there are.
pub fn running_median(line: &[f32], half: usize) -> Vec<f32> {
    let n = line.len();
    if n == 0 {
        return Vec::new();
    }
    let mut window = SortedWindow::new(&line[..n.min(half + 1)]);
    let mut out = Vec::with_capacity(n);
    out.push(window.median());
    for k in 1..n {
        if k + half < n {
            window.insert(line[k + half]);
        }
        if k > half {
            window.remove(line[k - half - 1]);
        }
        out.push(window.median());
    }
    out
}

/// Linear interpolation between the order statistics, as NumPy's `quantile`. 0 where there are no values.
pub fn quantile(sorted: &[f32], q: f64) -> f64 {
    if sorted.is_empty() {
        return 0.0;
    }
    let position = q * (sorted.len() - 1) as f64;
    let (i, fraction) = (position.floor() as usize, position.fract());
    let (a, b) = (f64::from(sorted[i]), f64::from(sorted[(i + 1).min(sorted.len() - 1)]));
    a + fraction * (b - a)
}

/// Median of the numbers of a long row to within 2e-5 by halving their range in SIMD lanes; `guess` speeds it up where it is near.
#[inline(always)]
pub(crate) fn row_median(row: &[f32], range: (f32, f32), guess: f32) -> f32 {
    let n = row.len();
    let (low_rank, high_rank) = ((n.max(1) - 1) / 2, n / 2);
    let (mut low, mut high) = range;
    let (mut below_low, mut below_high) = (0, n);
    let offsets = [-0.125, 0.125].map(|offset| guess + offset);
    let mut probes = offsets.into_iter();
    // A bracket this narrow, or with a single value in it, leaves nothing to choose.
    while high - low > 2e-5 && below_high - below_low > 1 {
        let at = probes.next().filter(|at| *at > low && *at < high).unwrap_or(0.5 * (low + high));
        let below = count_below(row, at);
        if below <= low_rank { (low, below_low) = (at, below) } else { (high, below_high) = (at, below) }
    }
    // The lower middle value is the smallest from `low` on; the upper one is it too or the smallest from `high` on.
    let (lower, upper) = (smallest_from(row, low), smallest_from(row, high));
    if low_rank == high_rank || count_below(row, high) > high_rank { lower } else { 0.5 * (lower + upper) }
}

/// The smallest value that is not below `limit`.
#[inline(always)]
fn smallest_from(row: &[f32], limit: f32) -> f32 {
    let mut lanes = [f32::INFINITY; 32];
    let (chunks, rest) = row.as_chunks::<32>();
    for chunk in chunks {
        for j in 0..32 {
            let v = if chunk[j] >= limit { chunk[j] } else { f32::INFINITY };
            lanes[j] = if v < lanes[j] { v } else { lanes[j] };
        }
    }
    rest.iter().filter(|v| **v >= limit).chain(&lanes).fold(f32::INFINITY, |m, &v| if v < m { v } else { m })
}

#[inline(always)]
fn count_below(row: &[f32], limit: f32) -> usize {
    const LANES: usize = 64;
    let mut counts = [0.0f32; LANES];
    let (chunks, rest) = row.as_chunks::<LANES>();
    let rest = rest.iter().filter(|v| **v < limit).count();
    for chunk in chunks {
        for j in 0..LANES {
            // Counts in single precision are exact far beyond a row's length, and stay in the lanes of the comparison.
            counts[j] += if chunk[j] < limit { 1.0 } else { 0.0 };
        }
    }
    let mut half = LANES / 2;
    while half > 0 {
        for j in 0..half {
            counts[j] += counts[j + half];
        }
        half /= 2;
    }
    rest + counts[0] as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(n: usize) -> Vec<f32> {
        (0..n).map(|i| ((i * 7919 + 13) % 101) as f32 * 0.37 - 11.0).collect()
    }

    #[test]
    fn median_filters_equal_sorting() {
        for (n, width) in [(1, 3), (5, 9), (40, 9), (70, 31), (70, 33), (10, 61)] {
            for border in [Border::Nearest, Border::Reflect] {
                let values = line(n);
                let found = median_filter(&values, width, border);
                for (i, &m) in found.iter().enumerate() {
                    let mut window: Vec<f32> =
                        (0..width).map(|k| values[border.index((i + k) as isize - (width / 2) as isize, n)]).collect();
                    assert_eq!(m, median(&mut window), "value {i} of {n}, width {width}, {border:?}");
                }
            }
        }
    }

    #[test]
    fn borders_are_those_of_scipy() {
        let at = |b: Border| (-4..7).map(|i| b.index(i, 3)).collect::<Vec<_>>();
        assert_eq!(at(Border::Nearest), [0, 0, 0, 0, 0, 1, 2, 2, 2, 2, 2], "nearest");
        assert_eq!(at(Border::Reflect), [2, 2, 1, 0, 0, 1, 2, 2, 1, 0, 0], "reflect");
    }

    #[test]
    fn running_medians_equal_sorting() {
        let values = line(30);
        for half in [0, 1, 4, 40] {
            for (k, m) in running_median(&values, half).into_iter().enumerate() {
                let mut window = values[k.saturating_sub(half)..(k + half + 1).min(30)].to_vec();
                assert_eq!(m, median(&mut window), "value {k}, half {half}");
            }
        }
    }

    #[test]
    fn row_medians_equal_sorting() {
        for n in [1, 2, 3, 64, 95, 1719] {
            let values: Vec<f32> = (0..n).map(|i| ((i * 7919 + 13) % 1009) as f32 * 0.011 - 4.0).collect();
            for guess in [-9.0, 0.0, 1.5] {
                let found = row_median(&values, (-20.0, 24.0), guess);
                let right = median(&mut values.clone());
                assert!((found - right).abs() <= 2e-5, "{n} values: {found} and {right}");
            }
        }
    }
}
