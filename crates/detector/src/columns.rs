//! Medians down the columns of an index plane, by halving the range of values: the columns lie side by side in SIMD lanes,
//! eight counting passes find a median of bytes whatever the number of rows.

use pulp::NullaryFnOnce;

/// Columns that are handled together; a strip of an image's rows fits the first-level cache.
const STRIP: usize = 64;

/// Rows that are counted in bytes before the counts go to the totals.
const BYTE_ROWS: usize = 255;

type Lanes = [u8; STRIP];

/// What the measurement needs of an image's columns.
#[derive(Debug, Clone, Default)]
pub struct ColumnStatistics {
    /// Twice the median of every column, index units.
    pub median2: Vec<u16>,
    /// Four times the median absolute deviation from that median, index units.
    pub spread4: Vec<u16>,
    /// Lower and upper middle value of every column in every part of the rows, one part after the other.
    pub parts: Vec<[u8; 2]>,
    /// Columns that show one value only.
    pub constant: Vec<bool>,
}

/// Medians of the columns of a plane (rows x columns), in all and in the parts between `part_edges`.
///
/// The median is NumPy's: the mean of the two middle values where their number is even.
pub fn column_statistics(plane: &[u8], columns: usize, part_edges: &[usize]) -> ColumnStatistics {
    pulp::Arch::new().dispatch(Columns { plane, columns, part_edges })
}

struct Columns<'a> {
    plane: &'a [u8],
    columns: usize,
    part_edges: &'a [usize],
}

impl NullaryFnOnce for Columns<'_> {
    type Output = ColumnStatistics;

    #[inline(always)]
    fn call(self) -> ColumnStatistics {
        let Columns { plane, columns, part_edges } = self;
        let rows = plane.len() / columns;
        let parts = part_edges.len() - 1;
        let mut out = ColumnStatistics {
            median2: vec![0; columns],
            spread4: vec![0; columns],
            parts: vec![[0; 2]; columns * parts],
            constant: vec![false; columns],
        };
        let mut strip: Vec<Lanes> = vec![[0; STRIP]; rows];
        let mut deviations = strip.clone();
        for first in (0..columns).step_by(STRIP) {
            let width = STRIP.min(columns - first);
            for (lanes, row) in strip.iter_mut().zip(plane.chunks_exact(columns)) {
                lanes[..width].copy_from_slice(&row[first..first + width]);
            }
            let (low, high) = middle_values(&strip);
            let parity: Lanes = std::array::from_fn(|j| low[j].wrapping_add(high[j]) & 1);
            let middle: Lanes = std::array::from_fn(|j| ((u16::from(low[j]) + u16::from(high[j])) / 2) as u8);
            // |a - M| grows with the byte below, whose double plus the parity of 2 M it is the half of.
            for (d, a) in deviations.iter_mut().zip(&strip) {
                for j in 0..STRIP {
                    let above = a[j].saturating_sub(middle[j]).saturating_sub(parity[j]);
                    d[j] = above | middle[j].saturating_sub(a[j]);
                }
            }
            let (near, far) = middle_values(&deviations);
            let (mut least, mut most) = ([255u8; STRIP], [0u8; STRIP]);
            for row in &strip {
                for j in 0..STRIP {
                    least[j] = least[j].min(row[j]);
                    most[j] = most[j].max(row[j]);
                }
            }
            for j in 0..width {
                out.constant[first + j] = least[j] == most[j];
                out.median2[first + j] = u16::from(low[j]) + u16::from(high[j]);
                out.spread4[first + j] = 2 * (u16::from(near[j]) + u16::from(far[j]) + u16::from(parity[j]));
            }
            for part in 0..parts {
                let (low, high) = middle_values(&strip[part_edges[part]..part_edges[part + 1]]);
                for j in 0..width {
                    out.parts[part * columns + first + j] = [low[j], high[j]];
                }
            }
        }
        out
    }
}

/// Counts, lane by lane, the rows where `test` holds.
#[inline(always)]
fn count(rows: &[Lanes], limit: &Lanes, test: impl Fn(u8, u8) -> bool) -> [u16; STRIP] {
    let mut total = [0u16; STRIP];
    for chunk in rows.chunks(BYTE_ROWS) {
        let mut counts = [0u8; STRIP];
        for row in chunk {
            for j in 0..STRIP {
                counts[j] += u8::from(test(row[j], limit[j]));
            }
        }
        for j in 0..STRIP {
            total[j] += u16::from(counts[j]);
        }
    }
    total
}

/// The lower and the upper middle value of each lane.
#[inline(always)]
fn middle_values(rows: &[Lanes]) -> (Lanes, Lanes) {
    let n = rows.len();
    if n == 0 {
        return ([0; STRIP], [0; STRIP]);
    }
    let (low_rank, high_rank) = (((n - 1) / 2) as u16, (n / 2) as u16);
    let mut low = [0u8; STRIP];
    for bit in (0..8).rev() {
        let candidate: Lanes = std::array::from_fn(|j| low[j] | (1 << bit));
        let below = count(rows, &candidate, |a, limit| a < limit);
        for j in 0..STRIP {
            low[j] = if below[j] <= low_rank { candidate[j] } else { low[j] };
        }
    }
    if low_rank == high_rank {
        return (low, low);
    }
    let up_to = count(rows, &low, |a, limit| a <= limit);
    let mut next = [255u8; STRIP];
    for row in rows {
        for j in 0..STRIP {
            let above = if row[j] > low[j] { row[j] } else { 255 };
            next[j] = next[j].min(above);
        }
    }
    (low, std::array::from_fn(|j| if up_to[j] > high_rank { low[j] } else { next[j] }))
}

/// Sum of the two middle values of each column over a few rows of 16-bit numbers, all below 2^15: twice the median.
pub fn median_of_rows(rows: &[&[u16]]) -> Vec<u16> {
    pulp::Arch::new().dispatch(Rows(rows))
}

struct Rows<'a, 'b>(&'a [&'b [u16]]);

impl NullaryFnOnce for Rows<'_, '_> {
    type Output = Vec<u16>;

    #[inline(always)]
    fn call(self) -> Vec<u16> {
        const LANES: usize = 32;
        let rows = self.0;
        let columns = rows.first().map_or(0, |r| r.len());
        let (low_rank, high_rank) = (((rows.len().max(1) - 1) / 2) as u16, (rows.len() / 2) as u16);
        let mut out = vec![0; columns];
        let mut strip = vec![[0u16; LANES]; rows.len()];
        for first in (0..columns).step_by(LANES) {
            let width = LANES.min(columns - first);
            for (lanes, row) in strip.iter_mut().zip(rows) {
                lanes[..width].copy_from_slice(&row[first..first + width]);
            }
            let mut low = [0u16; LANES];
            for bit in (0..15).rev() {
                let candidate: [u16; LANES] = std::array::from_fn(|j| low[j] | (1 << bit));
                let mut below = [0u16; LANES];
                for row in &strip {
                    for j in 0..LANES {
                        below[j] += u16::from(row[j] < candidate[j]);
                    }
                }
                for j in 0..LANES {
                    low[j] = if below[j] <= low_rank { candidate[j] } else { low[j] };
                }
            }
            let (mut up_to, mut next) = ([0u16; LANES], [u16::MAX; LANES]);
            for row in &strip {
                for j in 0..LANES {
                    up_to[j] += u16::from(row[j] <= low[j]);
                    next[j] = next[j].min(if row[j] > low[j] { row[j] } else { u16::MAX });
                }
            }
            for j in 0..width {
                out[first + j] = low[j] + if up_to[j] > high_rank { low[j] } else { next[j] };
            }
        }
        out
    }
}

/// Number of columns that repeat the row above, of every row; 0 for the first.
pub fn repeated_columns(plane: &[u8], columns: usize) -> Vec<usize> {
    pulp::Arch::new().dispatch(
        #[inline(always)]
        || {
            let rows: Vec<&[u8]> = plane.chunks_exact(columns).collect();
            let mut repeated = vec![0; rows.len()];
            for k in 1..rows.len() {
                for (a, b) in rows[k].chunks(BYTE_ROWS).zip(rows[k - 1].chunks(BYTE_ROWS)) {
                    let equal: u8 = a.iter().zip(b).fold(0, |n, (a, b)| n + u8::from(a == b));
                    repeated[k] += usize::from(equal);
                }
            }
            repeated
        },
    )
}

/// Number of columns that show the value, of every row.
pub fn columns_of_value(plane: &[u8], columns: usize, value: u8) -> Vec<usize> {
    pulp::Arch::new().dispatch(
        #[inline(always)]
        || {
            let share = |row: &[u8]| {
                let chunks = row.chunks(BYTE_ROWS);
                let counts = chunks.map(|c| usize::from(c.iter().fold(0u8, |n, &a| n + u8::from(a == value))));
                counts.sum::<usize>()
            };
            plane.chunks_exact(columns).map(share).collect()
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pseudo(n: usize, modulo: u32, seed: u32) -> Vec<u8> {
        let mut x = seed.wrapping_mul(747_796_405) | 1;
        (0..n)
            .map(|_| {
                x ^= x << 13;
                x ^= x >> 17;
                x ^= x << 5;
                (x % modulo) as u8
            })
            .collect()
    }

    fn median(values: &mut [f64]) -> f64 {
        values.sort_by(f64::total_cmp);
        let n = values.len();
        (values[(n - 1) / 2] + values[n / 2]) / 2.0
    }

    #[test]
    fn medians_equal_sorting() {
        for (rows, columns, modulo) in [(1, 1, 256), (2, 3, 256), (9, 65, 4), (300, 130, 256), (536, 63, 11)] {
            let plane = pseudo(rows * columns, modulo, 7);
            let edges = [0, rows / 3, rows];
            let found = column_statistics(&plane, columns, &edges);
            for x in 0..columns {
                let mut column: Vec<f64> = (0..rows).map(|r| f64::from(plane[r * columns + x])).collect();
                let m = median(&mut column.clone());
                assert_eq!(f64::from(found.median2[x]) / 2.0, m, "median of column {x} of {columns}");
                let part = edges[2] - edges[1];
                let mut last = column[rows / 3..].to_vec();
                let [low, high] = found.parts[columns + x];
                assert_eq!((f64::from(low) + f64::from(high)) / 2.0, median(&mut last), "part of {part} rows");
                column.iter_mut().for_each(|v| *v = (*v - m).abs());
                assert_eq!(f64::from(found.spread4[x]) / 4.0, median(&mut column), "deviation of column {x}");
            }
        }
    }

    #[test]
    fn medians_of_rows_equal_sorting() {
        for n in [1, 2, 5, 20, 21] {
            let rows: Vec<Vec<u16>> =
                (0..n).map(|k| pseudo(70, 251, k + 1).into_iter().map(|v| u16::from(v) * 4).collect()).collect();
            let found = median_of_rows(&rows.iter().map(Vec::as_slice).collect::<Vec<_>>());
            for x in 0..70 {
                let mut column: Vec<f64> = rows.iter().map(|r| f64::from(r[x])).collect();
                assert_eq!(f64::from(found[x]) / 2.0, median(&mut column), "column {x} over {n} rows");
            }
        }
    }

    #[test]
    fn repeats_and_blanks() {
        let mut plane = pseudo(5 * 600, 256, 3);
        plane.copy_within(600..1200, 1200);
        plane[3 * 600..3 * 600 + 301].fill(0);
        plane[4 * 600..4 * 600 + 299].fill(0);
        let same = repeated_columns(&plane, 600);
        assert_eq!((same[0], same[2]), (0, 600), "the row that repeats: {same:?}");
        assert!(same[1] < 20, "a row that does not: {same:?}");
        let blank = columns_of_value(&plane, 600, 0);
        assert!(blank[3] >= 301 && blank[4] >= 299 && blank[0] < 20, "{blank:?}");
    }
}
