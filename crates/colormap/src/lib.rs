//! Colour maps: tables of 256 colours, and the way back from a pixel's colour to the index it was drawn with.
//!
//! ```
//! use scatterfall_colormap::Colormap;
//!
//! let jet = Colormap::builtin("jet").expect("comes with the program");
//! let (index, distance_squared) = jet.nearest(jet.color(200));
//! assert_eq!((index, distance_squared), (200, 0));
//! ```

/// The maps that come with the program, as text tables (see `tools/make_colormaps.py`).
const TABLES: [(&str, &str); 16] = [
    ("jet", include_str!("../tables/jet.txt")),
    ("viridis", include_str!("../tables/viridis.txt")),
    ("turbo", include_str!("../tables/turbo.txt")),
    ("inferno", include_str!("../tables/inferno.txt")),
    ("magma", include_str!("../tables/magma.txt")),
    ("plasma", include_str!("../tables/plasma.txt")),
    ("cividis", include_str!("../tables/cividis.txt")),
    ("parula", include_str!("../tables/parula.txt")),
    ("hot", include_str!("../tables/hot.txt")),
    ("rainbow", include_str!("../tables/rainbow.txt")),
    ("gist_ncar", include_str!("../tables/gist_ncar.txt")),
    ("seismic", include_str!("../tables/seismic.txt")),
    ("bwr", include_str!("../tables/bwr.txt")),
    ("coolwarm", include_str!("../tables/coolwarm.txt")),
    ("RdBu", include_str!("../tables/RdBu.txt")),
    ("RdYlBu", include_str!("../tables/RdYlBu.txt")),
];

/// Those with a middle that stands for nothing.
const DIVERGING: [&str; 5] = ["seismic", "bwr", "coolwarm", "RdBu", "RdYlBu"];

/// The plot area of one image as 8-bit RGB; rows are time (top first), columns distance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pixels {
    /// Number of rows (time samples).
    pub rows: usize,
    /// Number of columns (distance samples).
    pub columns: usize,
    /// `3 * rows * columns` bytes, row by row, red first.
    pub rgb: Vec<u8>,
}

/// How colours become values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Colormap {
    /// The value is the rounded mean of red, green and blue.
    Gray,
    /// The value is the index of the nearest colour: Euclidean in 8-bit RGB, the lowest index on a tie.
    Table(Box<[[u8; 3]; 256]>),
}

impl Colormap {
    /// A map that comes with the program; with `_r` behind its name, the map backwards.
    pub fn builtin(name: &str) -> Option<Self> {
        let (base, backwards) = name.strip_suffix("_r").map_or((name, false), |base| (base, true));
        if base == "gray" {
            #[expect(clippy::cast_possible_truncation, reason = "an index below 256")]
            let reversed = || Self::Table(Box::new(std::array::from_fn(|i| [255 - i as u8; 3])));
            return Some(if backwards { reversed() } else { Self::Gray });
        }
        let mut table = TABLES.iter().find(|(n, _)| *n == base).and_then(|(_, text)| parse(text))?;
        if backwards {
            table.reverse();
        }
        Some(Self::Table(table))
    }

    /// Whether a map that comes with the program has a middle that stands for nothing.
    pub fn is_diverging(name: &str) -> bool {
        DIVERGING.contains(&name.strip_suffix("_r").unwrap_or(name))
    }

    /// Names of the maps that come with the program.
    pub fn names() -> impl Iterator<Item = &'static str> {
        std::iter::once("gray").chain(TABLES.iter().map(|(name, _)| *name))
    }

    /// A map from 256 rows `R G B` (0 to 255, or 0 to 1; separated by spaces or commas; `#` begins a comment).
    pub fn parse(text: &str) -> Option<Self> {
        parse(text.trim_start_matches('\u{feff}')).map(Self::Table)
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

fn distance2(a: [u8; 3], b: [u8; 3]) -> u32 {
    a.iter().zip(b).map(|(&x, y)| u32::from(x.abs_diff(y)).pow(2)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_named_map_gives_its_own_colours_back() {
        for (name, _) in TABLES {
            let map = Colormap::builtin(name).expect("comes with the program");
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
        assert!(Colormap::parse(&rows).is_some(), "256 rows");
        assert!(Colormap::parse(&rows.replace(' ', ", ")).is_some(), "commas");
        for bad in [
            rows.replacen('1', "256", 1),
            rows.replacen("1 2 3", "1 2", 1),
            rows.clone() + "1 2 3",
            rows[6..].to_owned(),
        ] {
            assert!(Colormap::parse(&bad).is_none(), "must be refused");
        }
        assert!(Colormap::builtin("no such map").is_none(), "an unknown name");
    }
}
