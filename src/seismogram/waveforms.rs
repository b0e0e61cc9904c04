//! The samples that were read, as a NumPy archive: for checking, and for whoever wants to go on from there.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::encoding::{SampleType, Samples};
use super::miniseed::{MiniSeedIndex, Piece};
use crate::error::{Error, Result};

/// Entries from this size on are written with 64-bit sizes; NumPy reads both.
const LARGE: u64 = 0xFFFF_0000;

/// Writes every piece as it was read, before any preprocessing, to an .npz file that NumPy loads without pickle.
///
/// A channel with one continuous piece gives the arrays `NET.STA.LOC.CHA` (samples: int32, float32 or float64) and
/// `NET.STA.LOC.CHA_start` (datetime64\[us\], shape `()`, UTC); one with several `NET.STA.LOC.CHA_0` and
/// `NET.STA.LOC.CHA_0_start`, `..._1` and so on in the order of time. Empty codes stay empty between the dots; a character
/// that does not belong into a file name is replaced by `_`. The file appears whole or not at all, and the same input
/// gives the same bytes.
///
/// # Errors
///
/// [`Error::Io`] when the file cannot be written; those of reading the samples.
pub fn write_waveforms(index: &MiniSeedIndex, path: &Path) -> Result<()> {
    let fail = |e| Error::io("write", path, e);
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let file = tempfile::NamedTempFile::new_in(folder).map_err(|e| Error::io("create", path, e))?;
    let mut zip = ZipWriter::new(BufWriter::new(file.as_file()));
    for same_id in index.pieces().chunk_by(|a, b| a.id == b.id) {
        for (k, piece) in same_id.iter().enumerate() {
            let mut name: String = piece.id.to_string().chars().map(safe).collect();
            if same_id.len() > 1 {
                name += &format!("_{k}");
            }
            write_piece(&mut zip, index, piece, &name, path)?;
        }
    }
    let mut buffer = zip.finish().map_err(|e| fail(e.into()))?;
    buffer.flush().map_err(fail)?;
    drop(buffer);
    file.as_file().sync_all().map_err(fail)?;
    file.persist(path).map_err(|e| fail(e.error))?;
    Ok(())
}

fn safe(c: char) -> char {
    if c.is_ascii_graphic() && !matches!(c, '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|') { c } else { '_' }
}

fn write_piece(
    zip: &mut ZipWriter<BufWriter<&File>>,
    index: &MiniSeedIndex,
    piece: &Piece,
    name: &str,
    path: &Path,
) -> Result<()> {
    let fail = |e| Error::io("write", path, e);
    let (descr, width) = match piece.kind {
        SampleType::Int32 => ("<i4", 4),
        SampleType::Float32 => ("<f4", 4),
        SampleType::Float64 => ("<f8", 8),
    };
    // A fixed time of change, 1980-01-01: the bytes must not depend on the clock.
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .last_modified_time(DateTime::default());
    let large = piece.samples.saturating_mul(width) >= LARGE;
    zip.start_file(format!("{name}.npy"), options.large_file(large)).map_err(|e| fail(e.into()))?;
    zip.write_all(&npy_header(descr, &format!("({},)", piece.samples))).map_err(fail)?;
    let mut reader = index.reader(piece);
    let mut bytes = Vec::new();
    while let Some((samples, range)) = reader.next_samples()? {
        bytes.clear();
        match samples {
            Samples::Int32(v) => v[range].iter().for_each(|x| bytes.extend(x.to_le_bytes())),
            Samples::Float32(v) => v[range].iter().for_each(|x| bytes.extend(x.to_le_bytes())),
            Samples::Float64(v) => v[range].iter().for_each(|x| bytes.extend(x.to_le_bytes())),
        }
        zip.write_all(&bytes).map_err(fail)?;
    }
    zip.start_file(format!("{name}_start.npy"), options).map_err(|e| fail(e.into()))?;
    zip.write_all(&npy_header("<M8[us]", "()")).map_err(fail)?;
    zip.write_all(&piece.start_us.to_le_bytes()).map_err(fail)
}

/// Header of a .npy file, version 1.0, padded to a multiple of 64 bytes.
fn npy_header(descr: &str, shape: &str) -> Vec<u8> {
    let dict = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
    let length = (10 + dict.len() + 1).next_multiple_of(64) - 10;
    let mut out = b"\x93NUMPY\x01\x00".to_vec();
    out.extend((length as u16).to_le_bytes());
    out.extend(format!("{dict:<width$}\n", width = length - 1).bytes());
    out
}
