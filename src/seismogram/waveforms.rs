//! The samples that were read, as a NumPy archive: for checking, and for whoever wants to go on from there.

use std::io::{Seek, Write};
use std::path::Path;

use scatterfall_miniseed::{MiniSeedIndex, SampleType, Samples, TraceSegment};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use crate::error::{Error, Result, SeismogramError};
use crate::store::atomic::write_atomic;
use scatterfall_npz::{Element, Time, header};

/// Entries from this size on are written with 64-bit sizes; NumPy reads both.
const LARGE: u64 = 0xFFFF_0000;

/// Writes every segment as it was read, before any preprocessing, to an .npz file that NumPy loads without pickle.
///
/// A channel with one continuous segment gives the arrays `NET.STA.LOC.CHA` (samples: int32, float32 or float64) and
/// `NET.STA.LOC.CHA_start` (datetime64\[us\], shape `()`, UTC); one with several `NET.STA.LOC.CHA_0` and
/// `NET.STA.LOC.CHA_0_start`, `..._1` and so on in the order of time. Empty codes stay empty between the dots; a character
/// that does not belong into a file name is replaced by `_`. The file appears whole or not at all, and the same input
/// gives the same bytes.
///
/// # Errors
///
/// [`Error::Io`] when the file cannot be written; those of reading the samples.
pub fn write_waveforms(index: &MiniSeedIndex, path: &Path) -> Result<()> {
    write_atomic(path, |out| {
        let mut zip = ZipWriter::new(out);
        for same_id in index.segments().chunk_by(|a, b| a.id == b.id) {
            for (k, segment) in same_id.iter().enumerate() {
                let mut name: String = segment.id.to_string().chars().map(safe).collect();
                if same_id.len() > 1 {
                    name += &format!("_{k}");
                }
                write_piece(&mut zip, index, segment, &name, path)?;
            }
        }
        zip.finish().map_err(|e| Error::io("write", path, e.into()))?;
        Ok(())
    })
}

fn safe(c: char) -> char {
    if c.is_ascii_graphic() && !matches!(c, '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|') { c } else { '_' }
}

fn write_piece<W: Write + Seek>(
    zip: &mut ZipWriter<W>,
    index: &MiniSeedIndex,
    segment: &TraceSegment,
    name: &str,
    path: &Path,
) -> Result<()> {
    let fail = |e| Error::io("write", path, e);
    let (descr, width) = match segment.kind {
        SampleType::Int32 => (i32::DESCR, 4),
        SampleType::Float32 => (f32::DESCR, 4),
        SampleType::Float64 => (f64::DESCR, 8),
    };
    // A fixed time of change, 1980-01-01: the bytes must not depend on the clock.
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .last_modified_time(DateTime::default());
    let large = segment.samples.saturating_mul(width) >= LARGE;
    zip.start_file(format!("{name}.npy"), options.large_file(large)).map_err(|e| fail(e.into()))?;
    let length = usize::try_from(segment.samples).map_err(|_| SeismogramError::TooLong { name: name.to_owned() })?;
    zip.write_all(&header(descr, &[length])).map_err(fail)?;
    let mut reader = index.reader(segment);
    let mut bytes = Vec::new();
    while let Some((samples, range)) = reader.next_samples()? {
        bytes.clear();
        match samples {
            Samples::Int32(v) => v[range].iter().for_each(|x| x.put(&mut bytes)),
            Samples::Float32(v) => v[range].iter().for_each(|x| x.put(&mut bytes)),
            Samples::Float64(v) => v[range].iter().for_each(|x| x.put(&mut bytes)),
        }
        zip.write_all(&bytes).map_err(fail)?;
    }
    bytes.clear();
    Time(segment.start_us()).put(&mut bytes);
    zip.start_file(format!("{name}_start.npy"), options).map_err(|e| fail(e.into()))?;
    zip.write_all(&header(Time::DESCR, &[])).map_err(fail)?;
    zip.write_all(&bytes).map_err(fail)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use ndarray::Array1;
    use ndarray_npy::NpzReader;
    use scatterfall_miniseed::testing::{self, GOLDENS, START};

    use super::*;

    fn written(index: &MiniSeedIndex) -> Vec<u8> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("w.npz");
        write_waveforms(index, &path).expect("the archive is written");
        assert_eq!(std::fs::read_dir(folder.path()).expect("the folder").count(), 1, "no scratch file is left");
        std::fs::read(path).expect("the archive is there")
    }

    #[test]
    fn pieces_come_back_with_their_types_and_starts() {
        let inputs = ["mixed", "float64_le"].map(|n| PathBuf::from(format!("{GOLDENS}/{n}.mseed")));
        // Another channel, as both goldens have HHZ at the same time.
        let folder = tempfile::tempdir().expect("a folder");
        let single = testing::file(&folder, "a", &testing::record("XX.B..BHZ", START, 20.0, &[4, -5, 6]));
        let index = MiniSeedIndex::open(&[inputs[0].clone(), single]).expect("valid files");
        let bytes = written(&index);
        assert_eq!(bytes, written(&index), "the same bytes again");
        let mut npz = NpzReader::new(std::io::Cursor::new(&bytes)).expect("an archive");
        let mut names = npz.names().expect("names");
        names.sort();
        let want = [
            "XX.B..BHZ",
            "XX.B..BHZ_start",
            "XX.GOLD.00.HHN",
            "XX.GOLD.00.HHN_start",
            "XX.GOLD.00.HHZ_0",
            "XX.GOLD.00.HHZ_0_start",
            "XX.GOLD.00.HHZ_1",
            "XX.GOLD.00.HHZ_1_start",
        ];
        assert_eq!(names, want, "arrays");
        let short: Array1<i32> = npz.by_name("XX.B..BHZ").expect("int32");
        assert_eq!(short.to_vec(), [4, -5, 6], "samples");
        let second: Array1<i32> = npz.by_name("XX.GOLD.00.HHZ_1").expect("int32");
        assert_eq!(second.len(), 40, "the segment after the gap");

        let index = MiniSeedIndex::open(&inputs[1..]).expect("a valid file");
        let bytes = written(&index);
        let mut npz = NpzReader::new(std::io::Cursor::new(bytes)).expect("an archive");
        let values: Array1<f64> = npz.by_name("XX.GOLD.00.HHZ").expect("float64");
        assert_eq!(values.to_vec(), index.read_samples(&index.segments()[0], 0..99).expect("readable"), "samples");
    }

    #[test]
    fn starts_are_scalars_of_datetime64() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = testing::file(&folder, "a", &testing::record("XX.B..BHZ", START, 20.0, &[1]));
        let bytes = written(&MiniSeedIndex::open(&[path]).expect("a valid file"));
        let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).expect("an archive");
        let mut start = Vec::new();
        let mut entry = archive.by_name("XX.B..BHZ_start.npy").expect("the entry");
        std::io::Read::read_to_end(&mut entry, &mut start).expect("the entry can be read");
        let (header, value) = start.split_at(start.len() - 8);
        assert_eq!(header.len() % 64, 0, "NumPy aligns the data to 64 bytes");
        let text = String::from_utf8_lossy(&header[10..]);
        assert_eq!(text.trim_end(), "{'descr': '<M8[us]', 'fortran_order': False, 'shape': (), }", "header");
        assert_eq!(value, START.to_le_bytes(), "microseconds");
    }

    #[test]
    fn names_are_safe_and_text_gives_an_empty_archive() {
        assert_eq!("A/B\\C:\u{1}\u{e9}.*".chars().map(safe).collect::<String>(), "A_B_C___._", "replaced characters");
        let folder = tempfile::tempdir().expect("a folder");
        let mut text = testing::record("XX.B..LOG", START, 0.0, &[0x6869_6A6B]);
        text[52] = 0;
        let path = testing::file(&folder, "a", &text);
        let index = MiniSeedIndex::open(&[path]).expect("text records are MiniSEED");
        assert!(index.segments().is_empty(), "no samples");
        zip::ZipArchive::new(std::io::Cursor::new(written(&index))).expect("an empty archive is an archive");
    }
}
