//! NumPy's array format: headers written and checked by hand, data streamed row by row.
//!
//! Headers are read as untrusted text: shapes are held against the bytes that are there before memory is taken.

use std::io::Read;

use num_complex::Complex;
use py_literal::Value;

/// An element type that is written.
pub trait Element: Copy {
    /// NumPy's type string, little endian.
    const DESCR: &'static str;
    /// Appends the element's bytes, little endian.
    fn put(self, out: &mut Vec<u8>);
}

macro_rules! element {
    ($type:ty, $descr:literal) => {
        impl Element for $type {
            const DESCR: &'static str = $descr;
            fn put(self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }
        }
    };
}
element!(u8, "|u1");
element!(u16, "<u2");
element!(i32, "<i4");
element!(i64, "<i8");
element!(f32, "<f4");
element!(f64, "<f8");

impl Element for bool {
    const DESCR: &'static str = "|b1";
    fn put(self, out: &mut Vec<u8>) {
        out.push(self.into());
    }
}

macro_rules! complex_element {
    ($part:ty, $descr:literal) => {
        impl Element for Complex<$part> {
            const DESCR: &'static str = $descr;
            fn put(self, out: &mut Vec<u8>) {
                self.re.put(out);
                self.im.put(out);
            }
        }
    };
}
complex_element!(f32, "<c8");
complex_element!(f64, "<c16");

/// A number in half precision, as its bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct F16(pub u16);

impl F16 {
    /// The nearest number in half precision (half to even); what is too large becomes infinite.
    pub fn from_f32(value: f32) -> Self {
        let bits = value.to_bits();
        let sign = ((bits >> 16) & 0x8000) as u16;
        let magnitude = bits & 0x7fff_ffff;
        if magnitude > 0x7f80_0000 {
            return Self(sign | 0x7e00);
        }
        // From 65,520 on the nearest number is beyond the largest.
        if magnitude >= 0x477f_f000 {
            return Self(sign | 0x7c00);
        }
        if magnitude < 0x3880_0000 {
            // Below 2^-14 numbers are multiples of 2^-24; adding 0.5 rounds to them in single precision, half to even.
            let shifted = f32::from_bits(magnitude) + 0.5;
            return Self(sign | (shifted.to_bits() - 0.5f32.to_bits()) as u16);
        }
        let odd = (magnitude >> 13) & 1;
        Self(sign | ((magnitude - 0x3800_0000 + 0x0fff + odd) >> 13) as u16)
    }
}

impl Element for F16 {
    const DESCR: &'static str = "<f2";
    fn put(self, out: &mut Vec<u8>) {
        self.0.put(out);
    }
}

/// Microseconds since 1970, written as `datetime64[us]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time(pub i64);

impl Element for Time {
    const DESCR: &'static str = "<M8[us]";
    fn put(self, out: &mut Vec<u8>) {
        self.0.put(out);
    }
}

/// The bytes in front of an array's data, version 1.0, padded so that the data is aligned to 64 bytes.
pub fn header(descr: &str, shape: &[usize]) -> Vec<u8> {
    padded(format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({}), }}", dimensions(shape)))
}

/// As [`header`], without the comma after the last entry: so whole arrays have always been written, and files must not
/// change by a byte.
pub(crate) fn header_of_whole(descr: &str, shape: &[usize]) -> Vec<u8> {
    padded(format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({})}}", dimensions(shape)))
}

fn dimensions(shape: &[usize]) -> String {
    let mut dimensions = shape.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if shape.len() == 1 {
        dimensions.push(',');
    }
    dimensions
}

fn padded(mut text: String) -> Vec<u8> {
    let padding = 64 - (10 + text.len() + 1) % 64;
    text.extend(std::iter::repeat_n(' ', padding % 64));
    text.push('\n');
    let mut out = b"\x93NUMPY\x01\x00".to_vec();
    #[expect(clippy::cast_possible_truncation, reason = "a description of a few hundred bytes")]
    out.extend((text.len() as u16).to_le_bytes());
    out.extend(text.bytes());
    out
}

/// Kinds of numbers that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Float,
    Signed,
    Unsigned,
    /// `datetime64` with this many microseconds a unit, as a fraction.
    Time(i64, i64),
}

/// The numbers' type of a stored array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dtype {
    kind: Kind,
    size: usize,
    big_endian: bool,
}

impl Dtype {
    fn parse(descr: &str) -> Option<Self> {
        let mut chars = descr.chars();
        let order = chars.next()?;
        let code = chars.next()?;
        let rest = chars.as_str();
        let (digits, unit) = rest.split_at(rest.find('[').unwrap_or(rest.len()));
        let size: usize = digits.parse().ok()?;
        let kind = match (code, size, unit) {
            ('f', 4 | 8, "") => Kind::Float,
            ('i', 1 | 2 | 4 | 8, "") => Kind::Signed,
            ('u', 1 | 2 | 4 | 8, "") | ('b', 1, "") => Kind::Unsigned,
            ('M', 8, "[us]") => Kind::Time(1, 1),
            ('M', 8, "[ns]") => Kind::Time(1, 1000),
            ('M', 8, "[ms]") => Kind::Time(1000, 1),
            ('M', 8, "[s]") => Kind::Time(1_000_000, 1),
            ('M', 8, "[m]") => Kind::Time(60_000_000, 1),
            _ => return None,
        };
        matches!(order, '<' | '>' | '|' | '=').then_some(Self { kind, size, big_endian: order == '>' })
    }

    fn raw<const N: usize>(self, bytes: &[u8]) -> [u8; N] {
        let mut out = [0; N];
        out[..self.size].copy_from_slice(&bytes[..self.size]);
        if self.big_endian {
            out[..self.size].reverse();
        }
        out
    }

    fn integer(self, bytes: &[u8]) -> i64 {
        let value = i64::from_le_bytes(self.raw(bytes));
        let unused = 64 - 8 * self.size;
        match self.kind {
            Kind::Unsigned => value,
            _ => value << unused >> unused,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "an integer array read as floating point")]
    fn number(self, bytes: &[u8]) -> f64 {
        match (self.kind, self.size) {
            (Kind::Float, 4) => f64::from(f32::from_le_bytes(self.raw(bytes))),
            (Kind::Float, _) => f64::from_le_bytes(self.raw(bytes)),
            _ => self.integer(bytes) as f64,
        }
    }
}

/// A number that stored arrays can be read as.
pub trait FromStored: Copy {
    /// The element in `bytes`; `None` where the stored type does not convert.
    fn from_stored(dtype: Dtype, bytes: &[u8]) -> Option<Self>;
}

/// Bytes only: other numbers are no indices.
impl FromStored for u8 {
    fn from_stored(dtype: Dtype, bytes: &[u8]) -> Option<Self> {
        (dtype.kind == Kind::Unsigned && dtype.size == 1).then(|| bytes[0])
    }
}

impl FromStored for f64 {
    fn from_stored(dtype: Dtype, bytes: &[u8]) -> Option<Self> {
        (!matches!(dtype.kind, Kind::Time(..))).then(|| dtype.number(bytes))
    }
}

impl FromStored for f32 {
    #[expect(clippy::cast_possible_truncation, reason = "double precision read as single")]
    fn from_stored(dtype: Dtype, bytes: &[u8]) -> Option<Self> {
        f64::from_stored(dtype, bytes).map(|v| v as f32)
    }
}

impl FromStored for i64 {
    fn from_stored(dtype: Dtype, bytes: &[u8]) -> Option<Self> {
        matches!(dtype.kind, Kind::Signed | Kind::Unsigned).then(|| dtype.integer(bytes))
    }
}

impl FromStored for Time {
    fn from_stored(dtype: Dtype, bytes: &[u8]) -> Option<Self> {
        match dtype.kind {
            Kind::Time(times, over) => Some(Self((dtype.integer(bytes).checked_mul(times)?).div_euclid(over))),
            _ => None,
        }
    }
}

/// An array being read, first index slowest.
pub struct NpyReader<R> {
    reader: R,
    dtype: Dtype,
    shape: Vec<usize>,
    buffer: Vec<u8>,
}

/// Elements converted at a time.
const CHUNK: usize = 1 << 16;

impl<R: Read> NpyReader<R> {
    /// Reads the header; `bytes` is the size of the whole file or entry, which the shape is held against.
    ///
    /// # Errors
    /// Why this is not an array that can be read, in words.
    pub fn new(mut reader: R, bytes: u64) -> Result<Self, String> {
        let mut start = [0; 8];
        reader.read_exact(&mut start).map_err(|e| format!("no array header: {e}"))?;
        if &start[..6] != b"\x93NUMPY" {
            return Err("not a NumPy array".into());
        }
        let mut length = [0; 4];
        let field = if start[6] == 1 { 2 } else { 4 };
        reader.read_exact(&mut length[..field]).map_err(|e| format!("no array header: {e}"))?;
        let length = u32::from_le_bytes(length) as usize;
        // NumPy itself refuses longer ones.
        if length > 1 << 16 {
            return Err("the array header is too long".into());
        }
        let mut text = vec![0; length];
        reader.read_exact(&mut text).map_err(|e| format!("the array header is cut off: {e}"))?;
        let text = String::from_utf8(text).map_err(|_| "the array header is not text")?;
        let (dtype, shape) = parse_header(&text)?;
        let data = shape.iter().try_fold(dtype.size as u64, |a, &n| a.checked_mul(n as u64));
        let there = bytes.saturating_sub((8 + field + length) as u64);
        match data {
            Some(data) if data <= there => Ok(Self { reader, dtype, shape, buffer: Vec::new() }),
            _ => Err(format!("the shape {shape:?} needs more than the {there} bytes that are there")),
        }
    }

    /// The same array from a reader of a type that need not be named.
    pub fn boxed<'a>(self) -> NpyReader<Box<dyn Read + 'a>>
    where
        R: 'a,
    {
        NpyReader { reader: Box::new(self.reader), dtype: self.dtype, shape: self.shape, buffer: self.buffer }
    }

    /// The array's shape.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// True where elements may be numbers that single precision does not hold.
    pub fn is_wide(&self) -> bool {
        match self.dtype.kind {
            Kind::Float => self.dtype.size > 4,
            _ => self.dtype.size > 2,
        }
    }

    /// Reads the next `n` elements, at most as many as are left, into `out` (which is cleared).
    ///
    /// # Errors
    /// Where the data ends early or its type does not convert, in words.
    pub fn read<T: FromStored>(&mut self, n: usize, out: &mut Vec<T>) -> Result<(), String> {
        out.clear();
        let size = self.dtype.size;
        let mut left = n;
        while left > 0 {
            let now = left.min(CHUNK);
            self.buffer.resize(now * size, 0);
            self.reader.read_exact(&mut self.buffer).map_err(|e| format!("the data is cut off or broken: {e}"))?;
            for bytes in self.buffer.chunks_exact(size) {
                out.push(T::from_stored(self.dtype, bytes).ok_or("its numbers are of another type than expected")?);
            }
            left -= now;
        }
        Ok(())
    }

    /// Reads everything.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_all<T: FromStored>(mut self) -> Result<(Vec<usize>, Vec<T>), String> {
        let mut out = Vec::new();
        self.read(self.shape.iter().product(), &mut out)?;
        Ok((self.shape, out))
    }
}

/// Brackets that a header may open.
const MAX_BRACKETS: usize = 8;

const RECORDS: &str = "arrays of records cannot be read";

fn parse_header(text: &str) -> Result<(Dtype, Vec<usize>), String> {
    let wrong = || "the array header is not one that NumPy writes".to_owned();
    // The literal parser's time grows exponentially with the depth of brackets. A header has two; counting them all, quoted
    // ones too, cannot be led astray by what stands in quotes.
    if text.matches(['(', '[', '{']).count() > MAX_BRACKETS {
        return Err(if text.contains("[(") { RECORDS.into() } else { wrong() });
    }
    let value: Value = text.trim().parse().map_err(|_| wrong())?;
    let entries = value.as_dict().ok_or_else(wrong)?;
    let get = |key: &str| entries.iter().find(|(k, _)| k.as_string().is_some_and(|k| k == key)).map(|(_, v)| v);
    let descr = get("descr").ok_or_else(wrong)?;
    let descr = descr.as_string().ok_or(RECORDS)?;
    let dtype = Dtype::parse(descr).ok_or_else(|| format!("numbers of type {descr} cannot be read"))?;
    let dimension = |v: &Value| v.as_integer().and_then(|i| usize::try_from(i).ok());
    let shape: Option<Vec<usize>> =
        get("shape").and_then(Value::as_tuple).map(|t| t.iter().map(dimension).collect()).ok_or_else(wrong)?;
    let shape = shape.ok_or_else(wrong)?;
    match get("fortran_order").and_then(Value::as_boolean) {
        Some(false) => Ok((dtype, shape)),
        // The order makes no difference to an array with one long axis.
        Some(true) if shape.iter().filter(|&&n| n > 1).count() <= 1 => Ok((dtype, shape)),
        Some(true) => Err("the array is stored column by column; save numpy.ascontiguousarray(...) of it".into()),
        None => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes<T: Element>(shape: &[usize], values: &[T]) -> Vec<u8> {
        let mut out = header(T::DESCR, shape);
        values.iter().for_each(|v| v.put(&mut out));
        out
    }

    fn reader(bytes: &[u8]) -> Result<NpyReader<&[u8]>, String> {
        NpyReader::new(bytes, bytes.len() as u64)
    }

    #[test]
    fn what_is_written_is_read() {
        let stored = bytes(&[2, 3], &[1.5f32, -2.0, f32::NAN, 4.0, 5.0, 6.0]);
        assert_eq!(stored.len() % 64, 24, "the data begins at a multiple of 64");
        let (shape, values) = reader(&stored).and_then(NpyReader::read_all::<f64>).expect("readable");
        assert_eq!(shape, [2, 3], "shape");
        assert_eq!((values[1], values[2].is_nan(), values[5]), (-2.0, true, 6.0), "values");
        let times = bytes(&[1], &[Time(-5)]);
        let (_, values) = reader(&times).and_then(NpyReader::read_all::<Time>).expect("readable");
        assert_eq!(values, [Time(-5)], "times");
        assert!(reader(&times).and_then(NpyReader::read_all::<f64>).is_err(), "a time is no number");
        let (shape, _) = reader(&bytes::<f64>(&[], &[3.0])).and_then(NpyReader::read_all::<f64>).expect("readable");
        assert!(shape.is_empty(), "a scalar");
    }

    #[test]
    fn other_types_convert() {
        let mut big = header(">i2", &[2]);
        big.extend([0xff, 0xfe, 0x01, 0x00]);
        assert_eq!(reader(&big).and_then(NpyReader::read_all::<f64>).expect("readable").1, [-2.0, 256.0], "big endian");
        let mut seconds = header("<M8[s]", &[1]);
        seconds.extend(7i64.to_le_bytes());
        assert_eq!(
            reader(&seconds).and_then(NpyReader::read_all::<Time>).expect("readable").1,
            [Time(7_000_000)],
            "seconds"
        );
    }

    #[test]
    fn lying_headers_are_refused() {
        let huge = header("<f8", &[1 << 40, 1 << 20]);
        assert!(reader(&huge).is_err_and(|e| e.contains("bytes that are there")), "more than memory");
        let overflow = header("<f8", &[usize::MAX, usize::MAX]);
        assert!(reader(&overflow).is_err(), "a product that overflows");
        for bad in ["{'descr': '<f8'}", "[]", "((((", "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }"] {
            assert!(parse_header(bad).is_err(), "{bad}");
        }
        let deep = "(".repeat(100_000);
        assert!(parse_header(&deep).is_err(), "a deep literal is not recursed into");
        for n in 0..90 {
            let stored = bytes(&[2], &[1.0f64, 2.0]);
            let cut = &stored[..n];
            assert!(NpyReader::new(cut, 1000).and_then(NpyReader::read_all::<f64>).is_err(), "cut after {n} bytes");
        }
    }
}
