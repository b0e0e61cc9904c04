//! Which colour map a plot was drawn with: the one whose colours its pixels have.

use std::collections::HashMap;

use crate::bar::Bar;
use crate::{Confidence, Found, Picture, Rect};

/// Pixels that are compared with every map.
const SAMPLE: usize = 6000;
/// Share of the pixels that lie nearest a map and speak for it; the rest may be cursors, labels or dead places.
const TRUSTED: f64 = 0.9;
/// Mean distance (8-bit RGB units) up to which colours are the map's own: rounding makes less.
const EXACT: f64 = 4.0;
/// Mean distance of a map's colours as they are, and how much farther another map's must then be: they are rounded otherwise.
const OWN: f64 = 0.25;
/// Mean distance that JPEG and scaling make of a map's own colours; without a colour bar nothing beyond it is believed.
const BLURRED: f64 = 14.0;
/// Mean distance up to which scaling, JPEG or a display's colours may have moved the map's own.
const MOVED: f64 = 26.0;
/// A lower tail so many times longer than the upper one makes the map's direction doubtful, the upper one counted as this
/// many steps at least: noise alone tails off either way, that of decibels downwards by half as much again.
const LOPSIDED: usize = 2;
const MIN_TAIL: usize = 12;
/// A map is told from the next by a distance so many times smaller.
const APART: f64 = 1.6;
/// Mean distance between a bar's colours and a map's, place by place, up to which the bar shows that map.
const BAR_SHOWS: f64 = 14.0;

/// A colour map with its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColourMap {
    /// Its name.
    pub name: String,
    /// Colours from the lowest value to the highest.
    pub colours: Box<[[u8; 3]; 256]>,
    /// Whether it has a middle that stands for nothing.
    pub diverging: bool,
}

/// How well a map explains a plot's colours.
#[derive(Clone, Debug, PartialEq)]
pub struct Fit {
    /// The map's name; empty for the picture's own colour bar.
    pub name: String,
    /// Mean distance of the trusted pixels to the map's nearest colour.
    pub residual: f64,
    /// Share of the map's length that these pixels use.
    pub used: f64,
}

/// The map that was chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChosenMap {
    /// Its name; `None` for one that is taken from the picture's colour bar.
    pub name: Option<String>,
    /// Whether it runs backwards.
    pub reversed: bool,
    /// Colours from the lowest value to the highest.
    pub colours: Box<[[u8; 3]; 256]>,
    /// Whether it has a middle that stands for nothing.
    pub diverging: bool,
}

/// Squared distance of two colours.
fn distance2(a: [u8; 3], b: [u8; 3]) -> i32 {
    (0..3).map(|c| (i32::from(a[c]) - i32::from(b[c])).pow(2)).sum()
}

/// The nearest colour's index and its distance.
pub(crate) fn nearest(colours: &[[u8; 3]; 256], colour: [u8; 3]) -> (u8, f64) {
    let mut best = (0u8, i32::MAX);
    for (i, c) in (0..=255u8).zip(colours) {
        let d = distance2(*c, colour);
        if d < best.1 {
            best = (i, d);
        }
    }
    (best.0, f64::from(best.1).sqrt())
}

/// Colours of a grid of pixels inside `rect`, from every picture, each with how often it occurs.
pub(crate) fn sample(pictures: &[Picture], rect: &Rect) -> Vec<([u8; 3], usize)> {
    let each = (SAMPLE / pictures.len()).max(200);
    let step = ((rect.area() / each) as f64).sqrt().max(1.0) as usize;
    // A step that divides the grid of a screen's scaling would always hit the same blend of pixels.
    let step = if step > 1 { step | 1 } else { 1 };
    let mut counts: HashMap<[u8; 3], usize> = HashMap::new();
    for picture in pictures {
        for y in (rect.top..rect.bottom).step_by(step) {
            for x in (rect.left..rect.right).step_by(step) {
                *counts.entry(picture.at(x, y)).or_default() += 1;
            }
        }
    }
    let mut out: Vec<_> = counts.into_iter().collect();
    out.sort_unstable();
    out
}

/// Fits every map (and the bar) to the plot inside `rect`, best first, and chooses.
pub(crate) fn choose(
    pictures: &[Picture],
    rect: &Rect,
    maps: &[ColourMap],
    bar: Option<&Bar>,
) -> (Vec<Fit>, Found<Option<ChosenMap>>) {
    let colours = sample(pictures, rect);
    let mut fits: Vec<Fit> = maps.iter().map(|m| fit(&m.name, &m.colours, &colours)).collect();
    fits.sort_by(|a, b| a.residual.total_cmp(&b.residual));
    let own = bar.map(|b| fit("", &b.colours, &colours));
    let shown = bar.and_then(|b| shown_by(b, maps));
    let chosen = decide(&fits, own.as_ref(), shown, maps, bar);
    let chosen = if shown.is_some() { chosen } else { check_direction(chosen, &colours) };
    fits.extend(own);
    fits.sort_by(|a, b| a.residual.total_cmp(&b.residual));
    (fits, chosen)
}

fn fit(name: &str, map: &[[u8; 3]; 256], colours: &[([u8; 3], usize)]) -> Fit {
    let mut distances: Vec<(f64, usize, u8)> = colours
        .iter()
        .map(|(c, n)| {
            let (index, d) = nearest(map, *c);
            (d, *n, index)
        })
        .collect();
    distances.sort_by(|a, b| a.0.total_cmp(&b.0));
    let total: usize = distances.iter().map(|d| d.1).sum();
    let trusted = (TRUSTED * total as f64).ceil();
    let (mut n, mut sum, mut used) = (0.0, 0.0, [false; 256]);
    for (d, count, index) in distances {
        let count = (count as f64).min(trusted - n);
        if count <= 0.0 {
            break;
        }
        n += count;
        sum += d * count;
        used[usize::from(index)] = true;
    }
    let first = used.iter().position(|u| *u).unwrap_or(0);
    let last = used.iter().rposition(|u| *u).unwrap_or(0);
    Fit { name: name.to_owned(), residual: sum / n.max(1.0), used: (last - first) as f64 / 255.0 }
}

/// The map that a bar shows, place by place, with its direction and its mean distance.
fn shown_by<'a>(bar: &Bar, maps: &'a [ColourMap]) -> Option<(&'a ColourMap, bool, f64)> {
    let far = |map: &ColourMap, reversed: bool| {
        let at = |i: usize| if reversed { 255 - i } else { i };
        (0..256).map(|i| f64::from(distance2(bar.colours[i], map.colours[at(i)])).sqrt()).sum::<f64>() / 256.0
    };
    let all = maps.iter().flat_map(|m| [(m, false, far(m, false)), (m, true, far(m, true))]);
    all.min_by(|a, b| a.2.total_cmp(&b.2)).filter(|best| best.2 <= BAR_SHOWS)
}

fn named(map: &ColourMap, reversed: bool) -> ChosenMap {
    let mut colours = map.colours.clone();
    if reversed {
        colours.reverse();
    }
    ChosenMap { name: Some(map.name.clone()), reversed, colours, diverging: map.diverging }
}

fn from_bar(bar: &Bar) -> ChosenMap {
    // A middle that is lighter or darker than both ends stands for nothing.
    let light = |i: usize| bar.colours[i].iter().map(|c| f64::from(*c)).sum::<f64>();
    let (low, middle, high) = (light(8), light(128), light(247));
    let diverging = (middle - low) * (middle - high) > 0.0
        && (middle - low).abs().min((middle - high).abs()) > 150.0
        && distance2(bar.colours[8], bar.colours[247]) > 60 * 60;
    ChosenMap { name: None, reversed: false, colours: bar.colours.clone(), diverging }
}

fn decide(
    fits: &[Fit],
    own: Option<&Fit>,
    shown: Option<(&ColourMap, bool, f64)>,
    maps: &[ColourMap],
    bar: Option<&Bar>,
) -> Found<Option<ChosenMap>> {
    let of = |name: &str| fits.iter().find(|f| f.name == name).map_or(f64::INFINITY, |f| f.residual);
    let best = fits.first().map_or(f64::INFINITY, |f| f.residual);
    if let (Some(own), Some(bar)) = (own, bar)
        && own.residual <= MOVED
    {
        if let Some((map, reversed, far)) = shown
            && of(&map.name) <= (own.residual * 1.5).max(EXACT)
        {
            let why = format!("the picture's colour bar shows it (mean difference {far:.1})");
            return Found::new(Some(named(map, reversed)), Confidence::Sure, why);
        }
        if own.residual < best {
            let why = format!(
                "the colours of the picture's bar lie nearer ({:.1}) than those of any known map ({best:.1})",
                own.residual
            );
            let sure = if own.residual <= 2.0 * EXACT { Confidence::Sure } else { Confidence::Likely };
            return Found::new(Some(from_bar(bar)), sure, why);
        }
    }
    without_bar(fits, shown, maps)
}

/// The choice from the plot's colours alone.
fn without_bar(fits: &[Fit], shown: Option<(&ColourMap, bool, f64)>, maps: &[ColourMap]) -> Found<Option<ChosenMap>> {
    let Some((best, map)) = fits.first().and_then(|f| Some((f, maps.iter().find(|m| m.name == f.name)?))) else {
        return Found::new(None, Confidence::Doubtful, "no map is known");
    };
    let next = fits.get(1).map_or(f64::INFINITY, |f| f.residual);
    let (own, rest) = (best.residual, fits.get(1).map_or("none", |f| f.name.as_str()));
    if own > MOVED {
        let why = format!("no known map has its colours ({} is nearest, {own:.0} away)", best.name);
        return Found::new(None, Confidence::Doubtful, why);
    }
    let reversed = shown.is_some_and(|(m, reversed, _)| m.name == map.name && reversed);
    let way = if shown.is_some_and(|(m, ..)| m.name == map.name) {
        ""
    } else {
        "; no colour bar tells which end is the high one, so the map's usual one"
    };
    let why = format!("mean distance {own:.1}, of the next ({rest}) {next:.1}{way}");
    let exact = own <= OWN && next >= own + 4.0 * OWN;
    let confidence = if exact || (own <= EXACT && next >= APART * own + 1.5) {
        Confidence::Sure
    } else if own <= BLURRED && next >= 1.4 * own && next - own >= 3.0 {
        Confidence::Likely
    } else {
        Confidence::Doubtful
    };
    Found::new(Some(named(map, reversed)), confidence, why)
}

/// Events are louder than what is usual, so that values tail off towards the map's high end. Where the lower tail is by far
/// the longer one and no colour bar tells which end is high, the map may well run backwards.
fn check_direction(chosen: Found<Option<ChosenMap>>, colours: &[([u8; 3], usize)]) -> Found<Option<ChosenMap>> {
    let Some(map) = chosen.value.as_ref().filter(|m| !m.diverging) else { return chosen };
    let (lower, upper) = tails(map, colours);
    if lower <= LOPSIDED * upper.max(MIN_TAIL) {
        return chosen;
    }
    let name = map.name.as_deref().unwrap_or("the map");
    let why = format!(
        "{name}, but no colour bar tells which end is the high one, and the values tail off towards its low end \
         ({lower} of 255 steps, {upper} the other way): it may run backwards, as {name}_r"
    );
    Found::new(chosen.value, Confidence::Doubtful, why)
}

/// Steps of the map from the median down to the quantile 0.005 and up to 0.995. The ends themselves, where dead
/// stretches and saturated ones lie, do not count.
fn tails(map: &ChosenMap, colours: &[([u8; 3], usize)]) -> (usize, usize) {
    let mut counts = [0usize; 256];
    for (colour, n) in colours {
        counts[usize::from(nearest(&map.colours, *colour).0)] += n;
    }
    let inner = &counts[1..255];
    let total: usize = inner.iter().sum();
    let quantile = |q: f64| {
        let mut left = q * total as f64;
        inner.iter().position(|&n| {
            left -= n as f64;
            left <= 0.0
        })
    };
    let at = |q: f64| quantile(q).unwrap_or(0);
    let median = at(0.5);
    (median.saturating_sub(at(0.005)), at(0.995).saturating_sub(median))
}

/// Whether the plot's values are signed: they gather around the middle of a diverging map, and as many lie on either side.
pub(crate) fn diverging(pictures: &[Picture], rect: &Rect, map: Option<&ChosenMap>) -> Found<bool> {
    let Some(map) = map.filter(|m| m.diverging) else {
        return Found::new(false, Confidence::Sure, "the map runs from low to high");
    };
    let colours = sample(pictures, rect);
    let mut counts = [0usize; 256];
    for (colour, n) in &colours {
        counts[usize::from(nearest(&map.colours, *colour).0)] += n;
    }
    let total = counts.iter().sum::<usize>().max(1) as f64;
    let share = |range: std::ops::Range<usize>| counts[range].iter().sum::<usize>() as f64 / total;
    let (low, high) = (share(0..128), share(128..256));
    let middle = share(112..144);
    let ends = share(0..32) + share(224..256);
    let balanced = low.min(high) >= 0.25;
    let why =
        format!("{:.0} % of the values lie below the map's middle, {:.0} % close to it", 100.0 * low, 100.0 * middle);
    match (balanced, middle > ends) {
        (true, true) => Found::new(true, Confidence::Sure, why),
        (true, false) => Found::new(true, Confidence::Likely, why),
        (false, _) if low.min(high) < 0.1 => Found::new(false, Confidence::Likely, why),
        (false, _) => Found::new(true, Confidence::Doubtful, why),
    }
}
