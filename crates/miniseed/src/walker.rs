//! From record to record through a file, past what is damaged.

use crate::error::Result;
use crate::header::Header;
use crate::record::{self, MAX_RECORD, MIN_RECORD, Probe};
use crate::record3;
use crate::window::Window;

/// What stands at the walker's place.
#[derive(Debug)]
pub(crate) enum Found {
    /// A record with a sound header; its samples were not looked at.
    Record {
        /// Its first byte in the file.
        offset: u64,
        /// Its bytes.
        size: usize,
        /// What it says of itself.
        header: Header,
    },
    /// A record that cannot be used. The walk goes on behind its first bytes, so that what follows is found even where
    /// its length is wrong.
    Bad {
        /// Its first byte in the file.
        offset: u64,
        /// Why.
        reason: String,
    },
    /// Bytes that belong to no record.
    Garbage {
        /// How many.
        bytes: u64,
    },
}

/// A place in a file between records.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Walker {
    offset: u64,
    /// The last record was one of MiniSEED 3: the next one may begin at any byte.
    version_3: bool,
}

impl Walker {
    /// From a record's first byte on.
    pub(crate) fn at(offset: u64) -> Self {
        Self { offset, version_3: false }
    }

    /// The next record, or what stands instead of one; none at the end of the file. Blank records are passed over.
    ///
    /// # Errors
    ///
    /// Those of reading.
    pub(crate) fn next(&mut self, window: &mut Window) -> Result<Option<Found>> {
        let length = window.length();
        loop {
            let offset = self.offset;
            if offset >= length {
                return Ok(None);
            }
            let head = window.bytes(offset, record3::FIXED_HEADER)?;
            if head.starts_with(record3::SIGNATURE) && head.len() == record3::FIXED_HEADER {
                let size = record3::length(head);
                self.version_3 = true;
                return self.record(window, size, record3::parse).map(Some);
            }
            if self.version_3 {
                return self.search_version_3(window).map(Some);
            }
            if length - offset < MIN_RECORD as u64 {
                self.offset = length;
                return Ok(Some(Found::Garbage { bytes: length - offset }));
            }
            let size = match probe_at(window, offset)? {
                Ok(Probe::Record(size)) => Ok(size),
                Ok(Probe::Blank) => {
                    self.offset += MIN_RECORD as u64;
                    continue;
                }
                Ok(Probe::Other | Probe::MoreNeeded) => {
                    self.offset += MIN_RECORD as u64;
                    return Ok(Some(Found::Garbage { bytes: MIN_RECORD as u64 }));
                }
                Ok(Probe::Endless) => Err("its length cannot be told".into()),
                Err(reason) => Err(reason),
            };
            return self.record(window, size, record::parse).map(Some);
        }
    }

    /// The record here, if its length and header are sound; its first bytes are passed over if not.
    fn record(
        &mut self,
        window: &mut Window,
        size: std::result::Result<usize, String>,
        parse: fn(&[u8]) -> std::result::Result<Header, String>,
    ) -> Result<Found> {
        let offset = self.offset;
        let header = match size {
            Ok(size) => {
                let record = window.bytes(offset, size)?;
                let (record, size) = until_next_header(record, size);
                match record.len() < size {
                    true => Err(format!("cut short after {} of {size} bytes", record.len())),
                    false => parse(record).map(|header| (size, header)),
                }
            }
            Err(reason) => Err(reason),
        };
        Ok(match header {
            Ok((size, header)) => {
                self.offset = offset + size as u64;
                Found::Record { offset, size, header }
            }
            Err(reason) => {
                self.pass_bad(offset);
                Found::Bad { offset, reason }
            }
        })
    }

    /// Goes on behind the first bytes of a record whose content proved bad, so that a wrong length hides nothing.
    pub(crate) fn pass_bad(&mut self, offset: u64) {
        self.offset = offset + if self.version_3 { record3::SIGNATURE.len() } else { MIN_RECORD } as u64;
    }

    /// Passes over bytes until the next record of MiniSEED 3 may begin.
    fn search_version_3(&mut self, window: &mut Window) -> Result<Found> {
        let begin = self.offset;
        let first = window.bytes(begin, MIN_RECORD)?;
        if record::is_header(first) {
            // Files of both versions, one after the other.
            self.version_3 = false;
            return Ok(Found::Garbage { bytes: 0 });
        }
        const STEP: usize = 1 << 16;
        let bytes = window.bytes(begin + 1, STEP)?;
        let found = bytes.windows(record3::SIGNATURE.len()).position(|w| w == record3::SIGNATURE);
        // The last two bytes may be the beginning of a signature.
        let passed = 1 + found.unwrap_or(if bytes.len() < STEP { bytes.len() } else { STEP - 2 }) as u64;
        self.offset = begin + passed;
        Ok(Found::Garbage { bytes: passed })
    }
}

/// A record of version 2 ends at the latest where the header of another begins: a damaged length swallows nothing.
fn until_next_header(record: &[u8], size: usize) -> (&[u8], usize) {
    if record.starts_with(record3::SIGNATURE) {
        return (record, size);
    }
    let next = (MIN_RECORD..record.len()).step_by(MIN_RECORD).find(|at| record::is_header(&record[*at..]));
    match next {
        Some(next) => (&record[..next], next),
        None => (record, size),
    }
}

/// Probes with as many bytes as it takes: a record with blockette 1000 needs few, the search for the next header many.
fn probe_at(window: &mut Window, offset: u64) -> Result<std::result::Result<Probe, String>> {
    let left = window.length() - offset;
    for count in [512, 1 << 17, MAX_RECORD + 2 * MIN_RECORD] {
        let answer = record::probe(window.bytes(offset, count)?, count as u64 >= left);
        if answer != Ok(Probe::MoreNeeded) {
            return Ok(answer);
        }
    }
    Ok(Ok(Probe::Endless))
}
