//! From segments as they were read to merged segments as they are used: overlaps resolved.

use tracing::warn;

use crate::error::Result;
use crate::index::MiniSeedIndex;
use crate::merged::{MergedSegment, SegmentSlice};
use crate::merged_reader::MergedReader;

/// Samples read at once where a whole merged segment goes by.
const CHUNK: usize = 1 << 16;

/// The merged segments of a channel's segments (indices in [`MiniSeedIndex::segments`]), in the order of time, as [`MergedSegment`] says.
pub(crate) fn resolve(index: &MiniSeedIndex, segment_ixs: &[usize]) -> Result<Vec<MergedSegment>> {
    let segments = index.segments();
    let mut order = segment_ixs.to_vec();
    order.sort_by_key(|p| (segments[*p].start_us(), std::cmp::Reverse(segments[*p].samples), *p));
    let mut merged: Vec<MergedSegment> = Vec::new();
    let mut doubt_until = i64::MIN;
    let (mut repeated, mut conflicting) = (0_u64, 0_u64);
    for p in order {
        let mut part = SegmentSlice { segment: p, first: 0, samples: segments[p].samples };
        if segments[p].start_us() < doubt_until {
            let whole = MergedSegment::new(segments, part);
            let cut = u64::try_from(whole.nearest(doubt_until)).unwrap_or(0).min(part.samples);
            conflicting += cut;
            part = SegmentSlice { first: cut, samples: part.samples - cut, ..part };
            if part.samples == 0 {
                continue;
            }
        }
        let next = MergedSegment::new(segments, part);
        let Some(last) = merged.last_mut() else {
            merged.push(next);
            continue;
        };
        let offset = u64::try_from(last.nearest(next.start_us())).unwrap_or(0);
        if offset == last.samples {
            last.append(segments, part);
            continue;
        }
        if offset > last.samples {
            merged.push(next);
            continue;
        }
        let overlap = part.samples.min(last.samples - offset);
        let rest = SegmentSlice { first: part.first + overlap, samples: part.samples - overlap, ..part };
        if same_samples(index, (last, offset), &next, overlap)? {
            repeated += overlap;
            if rest.samples > 0 {
                last.append(segments, rest);
            }
            continue;
        }
        conflicting += overlap;
        doubt_until = last.time_us(offset + overlap);
        let mut tail = last.split_off(offset).filter(|t| t.samples > overlap).and_then(|mut t| t.split_off(overlap));
        if rest.samples > 0 {
            tail = Some(MergedSegment::new(segments, rest));
        }
        if last.samples == 0 {
            merged.pop();
        }
        merged.extend(tail);
    }
    if let Some(p) = segment_ixs.first().filter(|_| repeated + conflicting > 0) {
        let id = &segments[*p].id;
        if repeated > 0 {
            warn!("{id}: {repeated} samples were there more than once and are taken once");
        }
        if conflicting > 0 {
            warn!("{id}: {conflicting} samples contradict others of the same time and are left out");
        }
    }
    Ok(merged)
}

/// True where `count` samples of `a` from an offset on are those of `b`; NaN equals NaN.
fn same_samples(index: &MiniSeedIndex, a: (&MergedSegment, u64), b: &MergedSegment, count: u64) -> Result<bool> {
    let (mut reader_a, mut reader_b) = (MergedReader::new(index, a.0), MergedReader::new(index, b));
    reader_a.skip(a.1)?;
    let (mut x, mut y) = (Vec::new(), Vec::new());
    let mut left = count;
    while left > 0 {
        let step = left.min(CHUNK as u64) as usize;
        x.clear();
        y.clear();
        reader_a.read(step, &mut x)?;
        reader_b.read(step, &mut y)?;
        if x.len() != y.len() || x.iter().zip(&y).any(|(x, y)| x != y && !(x.is_nan() && y.is_nan())) {
            return Ok(false);
        }
        left -= step as u64;
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{self, START};

    /// Files of one channel at 100 Hz: (first sample on the common grid, samples). The index, and where its merged segments lie.
    fn merged_of(files: &[(i64, Vec<i32>)]) -> (MiniSeedIndex, Vec<MergedSegment>, tempfile::TempDir) {
        let folder = tempfile::tempdir().expect("a folder");
        for (k, (first, values)) in files.iter().enumerate() {
            // Records of 60 samples, so that overlaps begin and end within records.
            let bytes: Vec<u8> = values
                .chunks(60)
                .enumerate()
                .flat_map(|(r, part)| {
                    testing::record("XX.A..HHZ", START + (first + 60 * r as i64) * 10_000, 100.0, part)
                })
                .collect();
            testing::file(&folder, &format!("{k:03}"), &bytes);
        }
        let index = MiniSeedIndex::open(&[folder.path().to_path_buf()]).expect("valid files");
        let all: Vec<usize> = (0..index.segments().len()).collect();
        let merged = resolve(&index, &all).expect("the files can be read");
        (index, merged, folder)
    }

    fn grid(from: i64, to: i64) -> (i64, Vec<i32>) {
        (from, (from..to).map(|i| (i * i % 1009) as i32).collect())
    }

    fn places(merged: &[MergedSegment]) -> Vec<(i64, i64)> {
        merged
            .iter()
            .map(|s| {
                let first = (s.start_us() - START) / 10_000;
                (first, first + s.samples as i64)
            })
            .collect()
    }

    fn values(index: &MiniSeedIndex, merged: &MergedSegment) -> Vec<f64> {
        let mut out = Vec::new();
        MergedReader::new(index, merged).read(usize::MAX, &mut out).expect("the merged can be read");
        out
    }

    #[test]
    fn the_same_data_twice_counts_once() {
        let whole: Vec<f64> = grid(0, 500).1.into_iter().map(f64::from).collect();
        let cases = [
            vec![grid(0, 500), grid(0, 500), grid(0, 500)],
            vec![grid(0, 300), grid(250, 500)],
            vec![grid(0, 300), grid(100, 200), grid(300, 500), grid(290, 310)],
            vec![grid(0, 90), grid(0, 400), grid(399, 500)],
        ];
        for (k, files) in cases.iter().enumerate() {
            let (index, merged, _folder) = merged_of(files);
            assert_eq!(places(&merged), [(0, 500)], "case {k}");
            assert_eq!(values(&index, &merged[0]), whole, "case {k}");
        }
    }

    #[test]
    fn contradicting_data_parts_two_stretches() {
        let other = |from: i64, to: i64| (from, vec![-7; (to - from) as usize]);
        let cases = [
            (vec![grid(0, 300), other(200, 500)], vec![(0, 200), (300, 500)]),
            (vec![grid(0, 500), other(200, 300)], vec![(0, 200), (300, 500)]),
            (vec![grid(0, 300), other(0, 300), grid(0, 300)], vec![]),
            (vec![grid(0, 300), other(200, 400), grid(250, 600)], vec![(0, 200), (400, 600)]),
            (vec![grid(0, 300), other(300, 400), grid(410, 500)], vec![(0, 400), (410, 500)]),
        ];
        for (k, (files, want)) in cases.iter().enumerate() {
            let (index, merged, _folder) = merged_of(files);
            assert_eq!(&places(&merged), want, "case {k}");
            for merged in &merged {
                assert_eq!(values(&index, merged).len() as u64, merged.samples, "case {k}: samples");
            }
        }
    }

    #[test]
    fn a_file_out_of_order_is_one_stretch() {
        let folder = tempfile::tempdir().expect("a folder");
        let part = |k: i64| testing::record("XX.A..HHZ", START + k * 1_000_000, 100.0, &[k as i32; 100]);
        testing::file(&folder, "a", &[part(0), part(2), part(1)].concat());
        let index = MiniSeedIndex::open(&[folder.path().to_path_buf()]).expect("a valid file");
        let merged = resolve(&index, &[0, 1, 2]).expect("the file can be read");
        assert_eq!(places(&merged), [(0, 300)], "segments {:?}", index.segments());
        let want: Vec<f64> = (0..300).map(|i| f64::from(i / 100)).collect();
        assert_eq!(values(&index, &merged[0]), want, "in the order of time");
    }
}
