//! One record of MiniSEED 3.
//!
//! Source: FDSN, miniSEED 3 format definition 1.0 (fixed header of 40 bytes, source identifier, extra headers, data;
//! little-endian but for Steim's words), and FDSN Source Identifiers 1.0.

use chrono::NaiveDate;
use crc::{CRC_32_ISCSI, Crc};

use crate::byte_order::ByteOrder::{self, Little};
use crate::encoding::Encoding;
use crate::header::{Header, SourceKey, clean, last_sample_us};

/// What a record begins with.
pub(crate) const SIGNATURE: &[u8] = b"MS\x03";
/// Bytes of the fixed header.
pub(crate) const FIXED_HEADER: usize = 40;
/// Longest record that is read; libmseed's bound.
const MAX_RECORD: usize = 10 << 20;
/// Place of the checksum in the header; it counts as zeros when it is computed.
const CRC: std::ops::Range<usize> = 28..32;

const CRC_32C: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);

/// Length of the record that begins with these bytes, from its fixed header.
///
/// # Errors
///
/// In words, for a length out of bounds: the header is damaged.
pub(crate) fn length(header: &[u8]) -> Result<usize, String> {
    let identifier = usize::from(header[33]);
    let extra = usize::from(Little.u16(&header[34..]));
    let data = Little.u32(&header[36..]) as usize;
    match FIXED_HEADER + identifier + extra + data.min(MAX_RECORD) {
        length if length <= MAX_RECORD => Ok(length),
        _ => Err(format!("{data} bytes of data in one record")),
    }
}

/// Reads the header of a whole record.
///
/// # Errors
///
/// In words, for damage that makes the record useless; a checksum that does not fit its bytes is one.
pub(crate) fn parse(record: &[u8]) -> Result<Header, String> {
    if record.len() < FIXED_HEADER || !record.starts_with(SIGNATURE) {
        return Err("no record header".into());
    }
    let stored = Little.u32(&record[CRC]);
    let mut digest = CRC_32C.digest();
    digest.update(&record[..CRC.start]);
    digest.update(&[0; 4]);
    digest.update(&record[CRC.end..]);
    if stored != digest.finalize() {
        return Err("its checksum does not fit its bytes".into());
    }
    let rate = f64::from_le_bytes([0, 1, 2, 3, 4, 5, 6, 7].map(|k| record[16 + k]));
    // A negative rate is a period in seconds.
    let sampling_rate = if rate < 0.0 { -1.0 / rate } else { rate };
    if !sampling_rate.is_finite() {
        return Err(format!("sampling rate {sampling_rate} Hz"));
    }
    let start_us = start_time(record).ok_or("impossible start time")?;
    let samples = Little.u32(&record[24..]);
    let identifier_end = FIXED_HEADER + usize::from(record[33]);
    let data_offset = identifier_end + usize::from(Little.u16(&record[34..]));
    let identifier = record.get(FIXED_HEADER..identifier_end).ok_or("its source identifier is cut short")?;
    // Steim's words are big-endian in version 3 too.
    let data_order = if matches!(record[15], 10 | 11) { ByteOrder::Big } else { Little };
    Ok(Header {
        key: SourceKey { codes: codes(identifier), quality: record[32] },
        start_us,
        end_us: last_sample_us(start_us, samples, sampling_rate),
        sampling_rate,
        samples,
        encoding: Encoding::from_code(record[15])?,
        data_order,
        data_offset,
        data_end: record.len(),
    })
}

/// Microseconds since 1970; nanoseconds are rounded, half up.
fn start_time(record: &[u8]) -> Option<i64> {
    let nanoseconds = Little.u32(&record[4..]);
    let (year, day) = (i32::from(Little.u16(&record[8..])), u32::from(Little.u16(&record[10..])));
    let (hour, minute, second) = (record[12], record[13], record[14]);
    if hour > 23 || minute > 59 || second > 60 || nanoseconds > 999_999_999 {
        return None;
    }
    let midnight = NaiveDate::from_yo_opt(year, day)?.and_hms_opt(0, 0, 0)?.and_utc().timestamp();
    let seconds = midnight + i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second);
    Some(seconds * 1_000_000 + (i64::from(nanoseconds) + 500) / 1000)
}

/// Network, station, location and channel of `FDSN:NET_STA_LOC_B_S_SS`; band, source and subsource of one letter each
/// are the three letters of a SEED channel. Another identifier is a station's name.
fn codes(identifier: &[u8]) -> [[u8; crate::header::CODE_BYTES]; 4] {
    let text = identifier.strip_prefix(b"FDSN:").unwrap_or(identifier);
    let parts: Vec<&[u8]> = text.split(|b| *b == b'_').collect();
    let [network, station, location, band, source, subsource] = parts[..] else {
        return [clean(b""), clean(text), clean(b""), clean(b"")];
    };
    let one_letter_each = [band, source, subsource].iter().all(|code| code.len() <= 1);
    let channel = [band, source, subsource].join(if one_letter_each { &b""[..] } else { &b"_"[..] });
    [clean(network), clean(station), clean(location), clean(&channel)]
}
