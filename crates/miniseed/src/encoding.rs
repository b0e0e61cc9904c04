//! Sample encodings of MiniSEED 2 and their decoding, a record at a time.
//!
//! Source: SEED Reference Manual 2.4, blockette 1000 (codes), blockette 30 and appendix D (gain-ranged formats). The set is
//! the one ObsPy reads; 24-bit integers (code 2) are in neither.

use crate::byte_order::ByteOrder;
use crate::steim::{self, Level};

/// Type of decoded samples. All integer encodings decode to 32 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SampleType {
    /// `i32`: integers of any width, Steim, CDSN, SRO, DWWSSN.
    Int32,
    /// `f32`: IEEE single precision and GEOSCOPE.
    Float32,
    /// `f64`: IEEE double precision.
    Float64,
}

/// Decoded samples in the type of their encoding, in counts or whatever unit the file's writer chose.
#[derive(Clone, Debug, PartialEq)]
pub enum Samples {
    /// See [`SampleType::Int32`].
    Int32(Vec<i32>),
    /// See [`SampleType::Float32`].
    Float32(Vec<f32>),
    /// See [`SampleType::Float64`].
    Float64(Vec<f64>),
}

impl Samples {
    /// None yet, of the given type.
    pub fn empty(kind: SampleType) -> Self {
        match kind {
            SampleType::Int32 => Self::Int32(Vec::new()),
            SampleType::Float32 => Self::Float32(Vec::new()),
            SampleType::Float64 => Self::Float64(Vec::new()),
        }
    }

    /// Number of samples.
    pub fn len(&self) -> usize {
        match self {
            Self::Int32(v) => v.len(),
            Self::Float32(v) => v.len(),
            Self::Float64(v) => v.len(),
        }
    }

    /// True without samples.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The first `count` samples.
    pub(crate) fn truncated(mut self, count: usize) -> Self {
        match &mut self {
            Self::Int32(v) => v.truncate(count),
            Self::Float32(v) => v.truncate(count),
            Self::Float64(v) => v.truncate(count),
        }
        self
    }

    /// Appends the samples of `range` to `out`; exact, as every type fits double precision.
    ///
    /// # Panics
    ///
    /// When the range lies outside the samples.
    pub fn extend_f64(&self, range: std::ops::Range<usize>, out: &mut Vec<f64>) {
        match self {
            Self::Int32(v) => out.extend(v[range].iter().map(|x| f64::from(*x))),
            Self::Float32(v) => out.extend(v[range].iter().map(|x| f64::from(*x))),
            Self::Float64(v) => out.extend_from_slice(&v[range]),
        }
    }
}

/// How the samples of a record are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Text,
    Int16,
    Int32,
    Float32,
    Float64,
    Steim(Level),
    Geoscope24,
    /// Gain-ranged with the mask of the exponent, which begins at bit 12.
    Geoscope16 {
        exponent_mask: u16,
    },
    Cdsn,
    Sro,
    Dwwssn,
}

impl Encoding {
    /// From the code in blockette 1000.
    ///
    /// # Errors
    ///
    /// In words, for a code that is not read.
    pub(crate) fn from_code(code: u8) -> Result<Self, String> {
        Ok(match code {
            0 => Self::Text,
            1 => Self::Int16,
            3 => Self::Int32,
            4 => Self::Float32,
            5 => Self::Float64,
            10 => Self::Steim(Level::One),
            11 => Self::Steim(Level::Two),
            12 => Self::Geoscope24,
            13 => Self::Geoscope16 { exponent_mask: 0x7000 },
            14 => Self::Geoscope16 { exponent_mask: 0xF000 },
            16 => Self::Cdsn,
            30 => Self::Sro,
            32 => Self::Dwwssn,
            2 => return Err("24-bit integers (encoding 2) are not supported".into()),
            _ => return Err(format!("encoding {code} is not supported")),
        })
    }

    /// Type of the decoded samples; none for text.
    pub(crate) fn sample_type(self) -> Option<SampleType> {
        match self {
            Self::Text => None,
            Self::Float32 | Self::Geoscope24 | Self::Geoscope16 { .. } => Some(SampleType::Float32),
            Self::Float64 => Some(SampleType::Float64),
            _ => Some(SampleType::Int32),
        }
    }

    /// Decodes `samples` samples of `data`. The flag is false when Steim's check of the last sample fails: a sign of
    /// damage, but nothing that tells which samples are wrong.
    ///
    /// # Errors
    ///
    /// In words, when `data` does not hold the samples: nothing is allocated for samples that are not there.
    pub(crate) fn decode(self, data: &[u8], order: ByteOrder, samples: usize) -> Result<(Samples, bool), String> {
        let words = |width: usize| {
            let held = data.len() / width;
            if held < samples {
                return Err(format!("its {} bytes hold {held} of the {samples} samples it declares", data.len()));
            }
            Ok(data.chunks_exact(width).take(samples))
        };
        let decoded = match self {
            Self::Text => return Err("text holds no samples".into()),
            Self::Steim(level) => {
                let (values, intact) = steim::decode(level, data, order, samples)?;
                return Ok((Samples::Int32(values), intact));
            }
            Self::Int16 | Self::Dwwssn => Samples::Int32(words(2)?.map(|w| i32::from(order.u16(w) as i16)).collect()),
            Self::Int32 => Samples::Int32(words(4)?.map(|w| order.u32(w) as i32).collect()),
            Self::Cdsn => Samples::Int32(words(2)?.map(|w| cdsn(order.u16(w))).collect()),
            Self::Sro => Samples::Int32(words(2)?.map(|w| sro(order.u16(w))).collect::<Result<_, _>>()?),
            Self::Float32 => Samples::Float32(words(4)?.map(|w| f32::from_bits(order.u32(w))).collect()),
            // Sign extension by way of the highest byte; 24 bits fit single precision exactly.
            Self::Geoscope24 => Samples::Float32(words(3)?.map(|w| ((order.u24(w) << 8) as i32 >> 8) as f32).collect()),
            Self::Geoscope16 { exponent_mask } => {
                Samples::Float32(words(2)?.map(|w| geoscope16(order.u16(w), exponent_mask)).collect())
            }
            Self::Float64 => Samples::Float64(words(8)?.map(|w| f64::from_bits(order.u64(w))).collect()),
        };
        Ok((decoded, true))
    }
}

/// 12-bit mantissa, offset by 2048, over a power of two.
fn geoscope16(word: u16, exponent_mask: u16) -> f32 {
    let mantissa = f32::from(word & 0x0FFF) - 2048.0;
    let exponent = (word & exponent_mask) >> 12;
    mantissa / f32::from(1_u16 << exponent)
}

/// 14-bit mantissa, offset by 8191, times 1, 4, 16 or 128.
fn cdsn(word: u16) -> i32 {
    let mantissa = i32::from(word & 0x3FFF) - 0x1FFF;
    mantissa << [0, 2, 4, 7][usize::from(word >> 14)]
}

/// 12-bit two's complement mantissa times 2^(10 - gain).
fn sro(word: u16) -> Result<i32, String> {
    let gain = word >> 12;
    if gain > 10 {
        return Err(format!("gain range {gain} of SRO data is above 10"));
    }
    let mantissa = i32::from((word << 4) as i16 >> 4);
    Ok(mantissa << (10 - gain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gain_ranged_words_against_their_definitions() {
        assert_eq!(cdsn(0x1FFF), 0, "bias 8191");
        assert_eq!(cdsn(0xFFFF), 8192 * 128, "largest");
        assert_eq!(cdsn(0x4000), -8191 * 4, "second range, smallest");
        assert_eq!(sro(0xA7FF), Ok(2047), "gain 10: times 1");
        assert_eq!(sro(0x0FFF), Ok(-1024), "gain 0: times 1024");
        assert!(sro(0xB000).is_err(), "gain 11 does not exist");
        assert_eq!(geoscope16(0x7800, 0x7000), 0.0, "offset 2048");
        assert_eq!(geoscope16(0xF000, 0x7000), -2048.0 / 128.0, "three bits of exponent");
        assert_eq!(geoscope16(0xF000, 0xF000), -2048.0 / 32768.0, "four bits of exponent");
    }

    #[test]
    fn both_byte_orders_read_the_same_number() {
        let big = [0xFE, 0xDC, 0xBA, 0x98, 0x76, 0x54, 0x32, 0x10];
        for width in [2, 3, 4, 8] {
            let mut little = big[..width].to_vec();
            little.reverse();
            let encoding = match width {
                2 => Encoding::Int16,
                3 => Encoding::Geoscope24,
                4 => Encoding::Int32,
                _ => Encoding::Float64,
            };
            let a = encoding.decode(&big[..width], ByteOrder::Big, 1);
            let b = encoding.decode(&little, ByteOrder::Little, 1);
            assert_eq!(a, b, "width {width}");
            assert_ne!(a, encoding.decode(&big[..width], ByteOrder::Little, 1), "the order matters, width {width}");
        }
        let minus_two = Encoding::Geoscope24.decode(&[0xFF, 0xFF, 0xFE], ByteOrder::Big, 1);
        assert_eq!(minus_two, Ok((Samples::Float32(vec![-2.0]), true)), "24 bits are signed");
    }

    #[test]
    fn more_samples_than_bytes_are_refused() {
        for code in [1, 3, 4, 5, 10, 11, 12, 13, 14, 16, 30, 32] {
            let encoding = Encoding::from_code(code).expect("a known code");
            assert!(encoding.decode(&[0; 100], ByteOrder::Big, 65_535).is_err(), "encoding {code}");
        }
        for code in [2, 6, 15, 17, 18, 19, 31, 33, 255] {
            assert!(Encoding::from_code(code).is_err(), "encoding {code} is not read");
        }
    }
}
