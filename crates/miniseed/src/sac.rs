//! SAC: one trace a file, a header of 632 bytes and single-precision samples.
//!
//! Source: SAC data file format (IRIS/EarthScope SAC manual): words of 4 bytes, floats 0 to 69, integers 70 to 109,
//! texts from byte 440 on; -12345 is "not set".

use std::ops::Range;
use std::path::Path;

use chrono::NaiveDate;
use tracing::warn;

use crate::byte_order::ByteOrder;
use crate::clock::Clock;
use crate::encoding::{Encoding, SampleType};
use crate::error::{Error, Result};
use crate::file_segment::{FileScan, FileSegment, Place, finite_ranges};
use crate::header::{SourceKey, clean};
use crate::window::Window;

/// Bytes before the samples.
pub(crate) const HEADER: usize = 632;
/// Bytes of a sample.
const WIDTH: u64 = 4;
/// Samples decoded at a time.
const CHUNK: usize = 1 << 16;
/// What stands in a value that is not set.
const UNSET: i32 = -12345;

/// What is needed of a SAC header.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SacHeader {
    pub(crate) key: SourceKey,
    pub(crate) start_us: i64,
    pub(crate) sampling_rate: f64,
    pub(crate) samples: u64,
    pub(crate) order: ByteOrder,
}

/// Byte order of a SAC file's header (its version is 6 or 7), or none for anything else.
fn header_order(bytes: &[u8], length: u64) -> Option<ByteOrder> {
    [ByteOrder::Little, ByteOrder::Big].into_iter().find(|order| {
        let samples = order.u32(&bytes[316..]) as i32;
        matches!(order.u32(&bytes[304..]), 6 | 7)
            && samples >= 0
            && (1970..2200).contains(&(order.u32(&bytes[280..]) as i32))
            && HEADER as u64 + 4 * u64::from(samples.unsigned_abs()) <= length
    })
}

/// Reads the header, if these are the first bytes of a SAC file of `length` bytes; none if it is something else.
///
/// # Errors
///
/// In words, for a SAC file that is no evenly sampled time series, or has no start time.
pub(crate) fn parse(bytes: &[u8], length: u64) -> Option<std::result::Result<SacHeader, String>> {
    let header = bytes.get(..HEADER)?;
    let order = header_order(header, length)?;
    Some(parse_in(header, order))
}

fn parse_in(header: &[u8], order: ByteOrder) -> std::result::Result<SacHeader, String> {
    let float = |word: usize| f32::from_bits(order.u32(&header[4 * word..]));
    let integer = |word: usize| order.u32(&header[4 * word..]) as i32;
    // Word 105 (leven): evenly spaced; word 85 (iftype) 1: a time series.
    if integer(85) != 1 || integer(105) != 1 {
        return Err("a SAC file, but no evenly sampled time series".into());
    }
    let interval = float(0);
    if !(interval.is_finite() && interval > 0.0) {
        return Err(format!("a SAC file with a sampling interval of {interval} s"));
    }
    let reference = reference_us([70, 71, 72, 73, 74, 75].map(integer))
        .ok_or("a SAC file without a reference time (nzyear to nzmsec)")?;
    let begin = float(5);
    let begin_us = if begin == UNSET as f32 { 0 } else { (f64::from(begin) * 1e6).round() as i64 };
    let text = |from: usize| match &header[from..from + 8] {
        unset if unset.starts_with(b"-12345") => clean(b""),
        code => clean(code),
    };
    Ok(SacHeader {
        // kstnm, khole, kcmpnm, knetwk.
        key: SourceKey { codes: [text(608), text(440), text(464), text(600)], quality: b'D' },
        start_us: reference.saturating_add(begin_us),
        sampling_rate: rate(interval),
        samples: u64::from(integer(79).unsigned_abs()),
        order,
    })
}

/// The rate of an interval in single precision: 0.01 s mean 100 Hz, not 100.0000022.
fn rate(interval: f32) -> f64 {
    let rate = 1.0 / f64::from(interval);
    let rounded = rate.round();
    if rounded > 0.0 && (1.0 / rounded) as f32 == interval {
        return rounded;
    }
    // The shortest decimal that is this single-precision number.
    interval.to_string().parse::<f64>().map_or(rate, |interval| 1.0 / interval)
}

/// Microseconds since 1970 of year, day of the year, hour, minute, second and millisecond.
fn reference_us([year, day, hour, minute, second, millisecond]: [i32; 6]) -> Option<i64> {
    let midnight = NaiveDate::from_yo_opt(year, u32::try_from(day).ok()?)?.and_hms_opt(0, 0, 0)?.and_utc();
    let unset_is_zero = |x: i32| if x == UNSET { 0 } else { i64::from(x) };
    let seconds = unset_is_zero(hour) * 3600 + unset_is_zero(minute) * 60 + unset_is_zero(second);
    Some((midnight.timestamp() + seconds) * 1_000_000 + unset_is_zero(millisecond) * 1000)
}

/// The segments of a SAC file: one, or several where samples are not finite.
pub(crate) fn scan(file: usize, path: &Path, window: &mut Window, header: &SacHeader) -> Result<FileScan> {
    let mut finite: Vec<Range<u64>> = Vec::new();
    for from in (0..header.samples).step_by(CHUNK) {
        let count = (header.samples - from).min(CHUNK as u64) as usize;
        let bytes = window.bytes(HEADER as u64 + WIDTH * from, count * WIDTH as usize)?;
        let decoded = Encoding::Float32.decode(bytes, header.order, count).map_err(|e| Error::file(path, e))?;
        for range in finite_ranges(&decoded.0) {
            let (begin, end) = (from + range.start as u64, from + range.end as u64);
            match finite.last_mut() {
                Some(last) if last.end == begin => last.end = end,
                _ => finite.push(begin..end),
            }
        }
    }
    let used: u64 = finite.iter().map(|r| r.end - r.start).sum();
    if used == 0 {
        return Err(Error::file(path, "a SAC file without a finite sample"));
    }
    if used < header.samples {
        warn!("{}: {} samples are NaN or infinite and are taken as gaps", path.display(), header.samples - used);
    }
    let whole = Clock::new(header.start_us, header.sampling_rate);
    let segment = |range: Range<u64>| FileSegment {
        file,
        key: header.key,
        kind: SampleType::Float32,
        clock: whole.from(range.start),
        end_us: whole.time_us(range.end - 1),
        samples: range.end - range.start,
        skip: range.start,
        place: Place::Array { offset: HEADER as u64, encoding: Encoding::Float32, order: header.order, width: WIDTH },
    };
    Ok(FileScan { segments: finite.into_iter().map(segment).collect(), bad: Vec::new() })
}
