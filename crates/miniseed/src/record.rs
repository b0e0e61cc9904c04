//! One record of MiniSEED 2: where it begins, how long it is, what its header says.
//!
//! Source: SEED Reference Manual 2.4, chapter 8 (fixed header, blockettes 100, 1000, 1001). What counts as a record, which
//! byte order a header has and which damage refuses a file is as in ObsPy and the libmseed under it.

use std::ops::RangeInclusive;

use chrono::{Datelike, NaiveDate};

use crate::byte_order::ByteOrder;
use crate::encoding::Encoding;
use crate::header::{Header, SourceKey, clean, last_sample_us};

/// Shortest record, and the step in which records are looked for.
pub(crate) const MIN_RECORD: usize = 128;
/// Longest record.
pub(crate) const MAX_RECORD: usize = 1 << 20;
/// Bytes of the fixed header.
pub(crate) const FIXED_HEADER: usize = 48;
/// Bytes that every blockette begins with: its kind, and where the next one is.
const BLOCKETTE_HEAD: usize = 4;

/// What stands at an offset of a file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Probe {
    /// A record of so many bytes.
    Record(usize),
    /// A blank (noise) record, to be passed over without a word.
    Blank,
    /// Anything else, passed over with a warning.
    Other,
    /// A record header, but its length cannot be told: no blockette 1000, and nothing that follows.
    Endless,
    /// More bytes are needed to tell; never the answer to [`MAX_RECORD`] bytes or to a file's last ones.
    MoreNeeded,
}

/// Tells what begins at `bytes[0]`; `complete` says that the file ends with `bytes`.
///
/// # Errors
///
/// In words, for a record header with impossible blockettes or length: the file is damaged.
pub(crate) fn probe(bytes: &[u8], complete: bool) -> Result<Probe, String> {
    if is_blank(bytes) {
        return Ok(Probe::Blank);
    }
    if !is_header(bytes) {
        return Ok(Probe::Other);
    }
    let order = header_order(bytes);
    let whole = complete || bytes.len() >= MAX_RECORD;
    let mut offset = usize::from(order.u16(&bytes[46..]));
    while offset != 0 {
        let Some(blockette) = bytes.get(offset..offset + 8) else {
            if whole {
                break;
            }
            return Ok(Probe::MoreNeeded);
        };
        if order.u16(blockette) == 1000 {
            let exponent = blockette[6];
            return match 1_usize.checked_shl(u32::from(exponent)) {
                Some(length) if (MIN_RECORD..=MAX_RECORD).contains(&length) => Ok(Probe::Record(length)),
                _ => Err(format!("record length 2^{exponent} is not within 2^7 and 2^20")),
            };
        }
        let next = usize::from(order.u16(&blockette[2..]));
        if next != 0 && next <= offset + 4 {
            return Err(format!("blockette at {offset} points to {next}, which is not after it"));
        }
        offset = next;
    }
    // Without blockette 1000 the record ends where the next one begins, or with the file. Blanks alone are no next record:
    // they may be padding, or text.
    let next = (MIN_RECORD..bytes.len().saturating_sub(FIXED_HEADER).min(MAX_RECORD + 1))
        .step_by(MIN_RECORD)
        .find(|at| is_header(&bytes[*at..]) || (is_blank(&bytes[*at..]) && !bytes[*at..*at + 6].contains(&b' ')));
    match next {
        Some(length) => Ok(Probe::Record(length)),
        None if !whole => Ok(Probe::MoreNeeded),
        None if complete && bytes.len().is_power_of_two() && bytes.len() >= MIN_RECORD => {
            Ok(Probe::Record(bytes.len()))
        }
        None => Ok(Probe::Endless),
    }
}

/// True where a data record's fixed header begins: sequence number, quality indicator, reserved byte, time of day.
pub(crate) fn is_header(bytes: &[u8]) -> bool {
    bytes.len() >= FIXED_HEADER
        && bytes[..6].iter().all(|b| b.is_ascii_digit() || matches!(b, b' ' | 0))
        && matches!(bytes[6], b'D' | b'R' | b'Q' | b'M')
        && matches!(bytes[7], b' ' | 0)
        && bytes[24] <= 23
        && bytes[25] <= 59
        && bytes[26] <= 60
        && is_date(bytes, header_order(bytes), 1000..=9999)
}

/// True for a blank record: a sequence number at most, then blanks as far as a fixed header goes.
fn is_blank(bytes: &[u8]) -> bool {
    bytes.len() >= FIXED_HEADER
        && bytes[..6].iter().all(|b| b.is_ascii_digit() || matches!(b, b' ' | 0))
        && bytes[6..FIXED_HEADER].iter().all(|b| *b == b' ')
}

/// True where a file may begin: with a record of data or blanks, or with a control record of full SEED (volume,
/// dictionaries, stations, time spans).
pub(crate) fn is_beginning(bytes: &[u8]) -> bool {
    let Some((sequence, rest)) = bytes.split_at_checked(6) else { return false };
    let blank = |b: &u8| matches!(b, b' ' | 0);
    let begin = sequence.iter().position(|b| !blank(b)).unwrap_or(0);
    let end = sequence.iter().rposition(|b| !blank(b)).map_or(0, |last| last + 1);
    sequence[begin..end].iter().all(u8::is_ascii_digit) && rest.first().is_some_and(|kind| b"DRQMVAST ".contains(kind))
}

/// Byte order of a header: little-endian if year and day of the year make sense that way.
fn header_order(bytes: &[u8]) -> ByteOrder {
    if is_date(bytes, ByteOrder::Little, 1900..=2100) { ByteOrder::Little } else { ByteOrder::Big }
}

/// True where year and day of the year are possible in this byte order.
fn is_date(bytes: &[u8], order: ByteOrder, years: RangeInclusive<u16>) -> bool {
    years.contains(&order.u16(&bytes[20..])) && (1..=366).contains(&order.u16(&bytes[22..]))
}

/// Reads the header of a whole record, for which [`probe`] said [`Probe::Record`].
///
/// # Errors
///
/// In words, for damage that makes the record useless.
pub(crate) fn parse(record: &[u8]) -> Result<Header, String> {
    if record.len() < MIN_RECORD || !is_header(record) {
        return Err("no record header".into());
    }
    let order = header_order(record);
    let u16_at = |at: usize| order.u16(&record[at..]);
    let blockettes = Blockettes::parse(record, order, usize::from(u16_at(46)))?;

    let nominal = nominal_rate(u16_at(32) as i16, u16_at(34) as i16);
    let sampling_rate = blockettes.sampling_rate.map_or(nominal, f64::from);
    if !sampling_rate.is_finite() || sampling_rate < 0.0 {
        return Err(format!("sampling rate {sampling_rate} Hz"));
    }

    let activity = record[36];
    let correction = order.u32(&record[40..]) as i32;
    let mut start_us = start_time(record, order).ok_or("impossible start time")?;
    if activity & TIME_CORRECTION_APPLIED == 0 {
        start_us += i64::from(correction) * 100;
    }
    start_us += i64::from(blockettes.microseconds);

    let data_offset = usize::from(u16_at(44));
    let placed = (FIXED_HEADER..record.len()).contains(&data_offset);
    let samples = if placed { u32::from(u16_at(30)) } else { 0 };
    let mut end_us = last_sample_us(start_us, samples, sampling_rate);
    if activity & POSITIVE_LEAP_SECOND != 0 {
        // A leap second in the record brings its end back to the clock.
        end_us = end_us.saturating_sub(1_000_000);
    }

    // Without blockette 1000: Steim-1 in the header's byte order.
    let (code, data_order) = blockettes.data.unwrap_or((10, order));
    Ok(Header {
        key: SourceKey {
            codes: [clean(&record[18..20]), clean(&record[8..13]), clean(&record[13..15]), clean(&record[15..18])],
            quality: record[6],
        },
        start_us,
        end_us,
        sampling_rate,
        samples,
        encoding: Encoding::from_code(code)?,
        data_order,
        data_offset,
        data_end: record.len(),
    })
}

/// Activity flag: the start time has the time correction in it already.
const TIME_CORRECTION_APPLIED: u8 = 0x02;
/// Activity flag: a leap second was inserted during the record.
const POSITIVE_LEAP_SECOND: u8 = 0x10;

/// Microseconds since 1970 of the fixed header's start time. Tenths of milliseconds above 9999 and day 366 of a common year
/// run over into what follows, as in libmseed.
fn start_time(record: &[u8], order: ByteOrder) -> Option<i64> {
    let year = i32::from(order.u16(&record[20..]));
    let day_of_year = i64::from(order.u16(&record[22..]));
    let days_to_year = i64::from(NaiveDate::from_yo_opt(year, 1)?.num_days_from_ce())
        - i64::from(NaiveDate::default().num_days_from_ce());
    let (hour, minute, second) = (i64::from(record[24]), i64::from(record[25]), i64::from(record[26]));
    let seconds = (((days_to_year + day_of_year - 1) * 24 + hour) * 60 + minute) * 60 + second;
    Some(seconds * 1_000_000 + i64::from(order.u16(&record[28..])) * 100)
}

/// Samples per second from factor and multiplier: a positive number is a rate, a negative one the inverse of a rate.
fn nominal_rate(factor: i16, multiplier: i16) -> f64 {
    let part = |x: i16| if x < 0 { -1.0 / f64::from(x) } else { f64::from(x) };
    match (factor, multiplier) {
        (0, _) => 0.0,
        (factor, 0) => part(factor),
        (factor, multiplier) if multiplier < 0 => -part(factor) / f64::from(multiplier),
        (factor, multiplier) => part(factor) * f64::from(multiplier),
    }
}

/// What the blockettes of a record say.
#[derive(Default)]
struct Blockettes {
    /// Blockette 100, Hz.
    sampling_rate: Option<f32>,
    /// Blockette 1001, added to the start time.
    microseconds: i8,
    /// Blockette 1000: code of the encoding, byte order of the data.
    data: Option<(u8, ByteOrder)>,
}

impl Blockettes {
    fn parse(record: &[u8], order: ByteOrder, first: usize) -> Result<Self, String> {
        let mut found = Self::default();
        let mut offset = first;
        // Offsets only grow, so the chain ends.
        while offset != 0 && offset < record.len() {
            let head = record.get(offset..offset + 4).ok_or("a blockette runs beyond the record")?;
            let (kind, next) = (order.u16(head), usize::from(order.u16(&head[2..])));
            let length = match kind {
                100 => 12,
                200 | 320 | 390 => 28,
                201 => 36,
                300 | 310 => 32,
                395 | 400 => 16,
                500 | 1000 | 1001 => 8,
                2000 => record.get(offset + 4..offset + 6).map_or(0, |l| usize::from(order.u16(l))),
                _ => 0,
            };
            // A blockette that is not known is passed over: the one before the next says where that begins.
            let length = if length < 4 { BLOCKETTE_HEAD } else { length };
            let body = record
                .get(offset..offset + length)
                .ok_or_else(|| format!("blockette {kind} at {offset} runs beyond the record"))?;
            match kind {
                100 => found.sampling_rate = Some(f32::from_bits(order.u32(&body[4..]))),
                1000 => {
                    // Other values than 0 and 1 occur; libmseed takes the byte as signed.
                    let data_order = if body[5] as i8 > 0 { ByteOrder::Big } else { ByteOrder::Little };
                    found.data = Some((body[4], data_order));
                }
                1001 => found.microseconds = body[5] as i8,
                _ => {}
            }
            if next != 0 && (next < offset + length || next > record.len()) {
                return Err(format!("blockette {kind} at {offset} points to {next}"));
            }
            offset = next;
        }
        Ok(found)
    }
}
