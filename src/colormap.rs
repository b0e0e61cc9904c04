//! Colour maps: tables of 256 colours, and the way back from a pixel's colour to the index it was drawn with.

use std::io::Read as _;
use std::path::Path;

use crate::error::{Error, Result};

/// The maps that come with the program, as text tables (see `tools/make_colormaps.py`).
const TABLES: [(&str, &str); 16] = [
    ("jet", include_str!("../assets/colormaps/jet.txt")),
    ("viridis", include_str!("../assets/colormaps/viridis.txt")),
    ("turbo", include_str!("../assets/colormaps/turbo.txt")),
    ("inferno", include_str!("../assets/colormaps/inferno.txt")),
    ("magma", include_str!("../assets/colormaps/magma.txt")),
    ("plasma", include_str!("../assets/colormaps/plasma.txt")),
    ("cividis", include_str!("../assets/colormaps/cividis.txt")),
    ("parula", include_str!("../assets/colormaps/parula.txt")),
    ("hot", include_str!("../assets/colormaps/hot.txt")),
    ("rainbow", include_str!("../assets/colormaps/rainbow.txt")),
    ("gist_ncar", include_str!("../assets/colormaps/gist_ncar.txt")),
    ("seismic", include_str!("../assets/colormaps/seismic.txt")),
    ("bwr", include_str!("../assets/colormaps/bwr.txt")),
    ("coolwarm", include_str!("../assets/colormaps/coolwarm.txt")),
    ("RdBu", include_str!("../assets/colormaps/RdBu.txt")),
    ("RdYlBu", include_str!("../assets/colormaps/RdYlBu.txt")),
];

/// Those with a middle that stands for nothing.
const DIVERGING: [&str; 5] = ["seismic", "bwr", "coolwarm", "RdBu", "RdYlBu"];

/// What is read of a file: rows take up to 12 bytes each, comments not much more.
const MOST_BYTES: u64 = 1 << 20;

/// How colours become values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Colormap {
    /// The value is the rounded mean of red, green and blue.
    Gray,
    /// The value is the index of the nearest colour: Euclidean in 8-bit RGB, the lowest index on a tie.
    Table(Box<[[u8; 3]; 256]>),
}

impl Colormap {
    /// A map by name (`_r` behind it: backwards), or from a file of 256 colours: rows `R G B` of numbers from 0 to 255 or
    /// from 0 to 1, with comments or without, or a strip cut from a picture.
    ///
    /// # Errors
    /// [`Error::Config`] for a name that is neither a map nor a file, and for a file of another form.
    pub fn load(name: &str) -> Result<Self> {
        let (base, backwards) = name.strip_suffix("_r").map_or((name, false), |base| (base, true));
        let wrong = |expected: &str| Error::config("value.colormap", name, expected);
        if base == "gray" {
            return Ok(if backwards { Self::Table(Box::new(std::array::from_fn(|i| [255 - i as u8; 3]))) } else { Self::Gray });
        }
        if let Some((_, text)) = TABLES.iter().find(|(n, _)| *n == base) {
            let mut table = parse(text).ok_or_else(|| wrong("a table of 256 colours"))?;
            if backwards {
                table.reverse();
            }
            return Ok(Self::Table(table));
        }
        if !Path::new(name).is_file() {
            let expected = format!("gray, {} (with _r: backwards), or a file of 256 \"R G B\" rows", names().join(", "));
            return Err(wrong(&expected));
        }
        let mut bytes = Vec::new();
        let read = std::fs::File::open(name).and_then(|file| file.take(MOST_BYTES).read_to_end(&mut bytes));
        read.map_err(|e| Error::io("read", name, e))?;
        if bytes.starts_with(b"\x89PNG") {
            return strip(&bytes).map(Self::Table).map_err(|reason| wrong(&format!("a strip of a colour bar; {reason}")));
        }
        let text = String::from_utf8_lossy(&bytes);
        let table = parse(text.trim_start_matches('\u{feff}'));
        table.map(Self::Table).ok_or_else(|| wrong("a file of 256 rows \"R G B\", each number from 0 to 255, or from 0 to 1"))
    }

    /// Every map that comes with the program, as recognition takes them.
    pub fn known() -> Vec<scatterfall_recognize::ColourMap> {
        let gray = ("gray", Some(Box::new(std::array::from_fn(|i| [i as u8; 3]))));
        let tables = TABLES.iter().map(|(name, text)| (*name, parse(text)));
        let all = std::iter::once(gray).chain(tables);
        let known = |(name, table): (&str, Option<Box<[[u8; 3]; 256]>>)| {
            let diverging = DIVERGING.contains(&name);
            table.map(|colours| scatterfall_recognize::ColourMap { name: name.to_owned(), colours, diverging })
        };
        all.filter_map(known).collect()
    }

    /// True for a map that comes with the program; other names are files.
    pub fn is_builtin(name: &str) -> bool {
        let base = name.strip_suffix("_r").unwrap_or(name);
        base == "gray" || TABLES.iter().any(|(n, _)| *n == base)
    }

    /// The map whose index is the distance from this one's middle: index 2 k is the colour k steps below it, 2 k + 1 the one
    /// as far above it. So the index is twice the distance, to within one of 255.
    #[must_use]
    pub fn folded(&self) -> Self {
        let place = |p: usize| if p.is_multiple_of(2) { 127 - p / 2 } else { 128 + p / 2 };
        Self::Table(Box::new(std::array::from_fn(|p| self.color(place(p) as u8))))
    }

    /// The colour of an index.
    pub fn color(&self, index: u8) -> [u8; 3] {
        match self {
            Self::Gray => [index; 3],
            Self::Table(table) => table[usize::from(index)],
        }
    }

    /// The index of a colour, and its squared distance to the map (8-bit RGB units), by search.
    pub fn nearest(&self, rgb: [u8; 3]) -> (u8, u32) {
        match self {
            Self::Gray => {
                let sum: u32 = rgb.iter().map(|&c| u32::from(c)).sum();
                // Thirds never lie half-way, so adding one half (of three) rounds as any rule would.
                let value = u8::try_from((2 * sum + 3) / 6).unwrap_or(u8::MAX);
                (value, distance2(rgb, [value; 3]))
            }
            Self::Table(table) => {
                let mut best = (0, u32::MAX);
                for (index, &color) in (0..=u8::MAX).zip(table.iter()) {
                    let d = distance2(rgb, color);
                    if d < best.1 {
                        best = (index, d);
                    }
                }
                best
            }
        }
    }
}

fn distance2(a: [u8; 3], b: [u8; 3]) -> u32 {
    a.iter().zip(b).map(|(&x, y)| u32::from(x.abs_diff(y)).pow(2)).sum()
}

/// Names of the tables.
fn names() -> Vec<&'static str> {
    TABLES.iter().map(|(n, _)| *n).collect()
}

/// Reads 256 rows of three numbers; lines that are empty or begin with `#` are passed over.
fn parse(text: &str) -> Option<Box<[[u8; 3]; 256]>> {
    let mut rows = text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#'));
    let mut table = Box::new([[0.0f64; 3]; 256]);
    for row in table.iter_mut() {
        let line = rows.next()?.split('#').next()?;
        let mut numbers = line.split([' ', ',', '\t', ';']).filter(|p| !p.is_empty());
        for channel in row.iter_mut() {
            *channel = numbers.next()?.parse().ok()?;
        }
        // A fourth number is the opacity, as matplotlib's own tables have it.
        let opacity = numbers.next().map(str::parse::<f64>);
        if numbers.next().is_some() || opacity.is_some_and(|o| o.is_err()) {
            return None;
        }
    }
    if rows.next().is_some() || table.as_flattened().iter().any(|v| !(0.0..=255.0).contains(v)) {
        return None;
    }
    // Shares: nothing above 1, and something between (a table of 0 and 1 alone could be either, and is no colour map).
    let shares = table.as_flattened().iter().all(|v| *v <= 1.0) && table.as_flattened().iter().any(|v| v.fract() > 0.0);
    let whole = |v: f64| if shares { (v * 255.0).round() } else { v.round() } as u8;
    Some(Box::new(std::array::from_fn(|i| table[i].map(whole))))
}

/// 256 colours along the longer side of a strip cut from a picture, the lowest at the bottom or left.
fn strip(bytes: &[u8]) -> std::result::Result<Box<[[u8; 3]; 256]>, String> {
    let pixels = crate::decode::from_bytes(bytes, None, 1 << 22)?;
    let picture = scatterfall_recognize::Picture::new(pixels.columns, pixels.rows, pixels.rgb);
    picture.and_then(|p| scatterfall_recognize::bar_of(&p)).ok_or_else(|| "the picture is none".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_named_map_gives_its_own_colours_back() {
        for (name, _) in TABLES {
            let map = Colormap::load(name).expect("comes with the program");
            for index in 0..=255u8 {
                let (got, d) = map.nearest(map.color(index));
                assert_eq!(d, 0, "{name} {index} is exact");
                assert_eq!(map.color(got), map.color(index), "{name} {index}: the same colour");
                assert!(got <= index, "{name} {index}: the lowest index of equal colours");
            }
        }
    }

    #[test]
    fn gray_is_the_rounded_mean() {
        for (rgb, want) in [([0, 0, 0], 0), ([255, 255, 255], 255), ([1, 0, 0], 0), ([1, 1, 0], 1), ([10, 20, 31], 20)]
        {
            assert_eq!(Colormap::Gray.nearest(rgb).0, want, "{rgb:?}");
        }
    }

    #[test]
    fn files_of_another_form_are_refused() {
        let rows = "1 2 3\n".repeat(256);
        assert!(parse(&rows).is_some(), "256 rows");
        assert!(parse(&rows.replace(' ', ", ")).is_some(), "commas");
        for bad in [
            rows.replacen('1', "256", 1),
            rows.replacen("1 2 3", "1 2", 1),
            rows.clone() + "1 2 3",
            rows[6..].to_owned(),
        ] {
            assert!(parse(&bad).is_none(), "must be refused");
        }
        assert!(Colormap::load("no such map").is_err_and(|e| e.is_usage()), "neither a name nor a file");
    }
}
