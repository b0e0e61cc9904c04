//! Events of a window: one thing that happened, one entry. Claimed in the order wide, tracks, coarse, slow; what is left goes on to the next.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::filters::median;
use crate::grid::{Component, Grid, components, largest_around, mean_along_rows};
use crate::plan::DetectorPlan;
use crate::score::{Maps, Scored};
use crate::tracks::{Peak, slant_peaks, track_speed, tracks};
use crate::window::Window;

/// Which path found an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Path {
    /// Something that moves along the fibre.
    Slants,
    /// Much of the fibre at once: earthquakes, ships, calls.
    Wide,
    /// A place for a while.
    Coarse,
    /// A level that rose and stays.
    Slow,
}

impl Path {
    /// All paths, in the order of descriptors.
    pub const ALL: [Path; 4] = [Path::Slants, Path::Wide, Path::Coarse, Path::Slow];

    /// Name in files.
    pub fn name(self) -> &'static str {
        match self {
            Path::Slants => "slants",
            Path::Wide => "wide",
            Path::Coarse => "coarse",
            Path::Slow => "slow",
        }
    }
}

/// Why an event is one, in numbers that a sentence is made of.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "lowercase")]
pub enum Reason {
    /// The level rises over a stretch for a while.
    Rises {
        /// Largest rise, index units.
        rise_index: f32,
        /// Length of the stretch, km.
        extent_km: f64,
        /// Duration, seconds.
        seconds: f64,
    },
    /// Something moves.
    Moves {
        /// Speed towards larger distances, m/s.
        speed_ms: f64,
        /// Where it is first seen, km.
        from_km: f64,
        /// Where it is last seen, km.
        to_km: f64,
    },
    /// The level rose at a place and stays.
    Steady {
        /// Rise, index units.
        rise_index: f32,
        /// Place, km.
        km: f64,
        /// Since when, microseconds since 1970.
        since_us: i64,
    },
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Onset, microseconds since 1970 (UTC), to a tenth of a second.
    pub time_from_us: i64,
    /// End.
    pub time_to_us: i64,
    /// Nearest place, km.
    pub distance_from_km: f64,
    /// Farthest place, km.
    pub distance_to_km: f64,
    /// Time of the largest score.
    pub peak_time_us: i64,
    /// Place of the largest score, km.
    pub peak_km: f64,
    /// Largest score, deviations.
    pub score: f32,
    /// Largest rise above the surroundings, index units.
    pub rise_index: f32,
    /// Path that found it.
    pub path: Path,
    /// Speed towards larger distances, m/s, of what moves.
    pub speed_ms: Option<f64>,
    /// Number of its kind, 1 the largest; none before kinds are fitted.
    pub kind: Option<usize>,
    /// Start of the image that holds the peak.
    pub image_time_us: i64,
    /// Why it is an event.
    pub reason: Reason,
    /// Values of all filters in the peak's cell.
    pub responses: Vec<f32>,
    /// First and last place on a track: time in seconds since 1970, km, speed in m/s.
    #[serde(skip)]
    pub(crate) ends: Option<[TrackEnd; 2]>,
}

/// An outer peak of a track.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct TrackEnd {
    pub(crate) time_s: f64,
    pub(crate) km: f64,
    pub(crate) speed_ms: f64,
}

/// Wide events are seen from this share of the threshold on, where somewhere the threshold is exceeded.
const WIDE_SHARE: f32 = 0.6;

/// Share of the 4 km around that must rise in a wide event.
const BROAD_SHARE: f32 = 0.6;

/// Shortest stretch of a wide event, km: what is shorter is the end of something that a narrow box or a track tells better.
const MIN_WIDE_KM: f64 = 1.5;

/// How far a track is carried on beyond its outer peaks, seconds, and the longest hole in it.
const CARRY_S: f64 = 90.0;
const HOLE_S: f64 = 6.0;

/// Shortest track, seconds.
const MIN_TRACK_S: f64 = 8.0;

struct Finder<'a> {
    plan: &'a DetectorPlan,
    window: &'a Window<'a>,
    scored: &'a Scored,
    maps: &'a Maps,
    threshold: f32,
    peaks: Vec<Peak>,
    events: Vec<Event>,
}

/// What has been claimed in one piece; steps count from the piece's first.
struct Claims {
    piece: Range<usize>,
    steps: Range<usize>,
    narrow: Grid<f32>,
    wide: Grid<f32>,
    /// Deviations of the narrow and of the wide boxes.
    narrow_fit: Grid<f32>,
    wide_fit: Grid<f32>,
    /// Wide boxes' deviations where wide events are.
    claimed: Grid<f32>,
    /// Tracks' deviations where they are.
    taken: Grid<f32>,
    loose: Vec<Peak>,
}

struct Found {
    from_s: f64,
    to_s: f64,
    from_km: f64,
    to_km: f64,
    score: f32,
    peak_s: f64,
    peak_km: f64,
    rise_index: f32,
    path: Path,
    speed_ms: Option<f64>,
    track: Option<[Peak; 2]>,
}

/// Takes the events out of a window that was scored with maps.
pub fn find_events(plan: &DetectorPlan, window: &Window<'_>, scored: &Scored, threshold: f32) -> Vec<Event> {
    let Some(maps) = &scored.maps else { return Vec::new() };
    let peaks = slant_peaks(plan, window, &scored.slants, 0.5 * threshold);
    let mut finder = Finder { plan, window, scored, maps, threshold, peaks, events: Vec::new() };
    for piece in window.core_pieces() {
        let mut claims = finder.start(piece);
        finder.wide(&mut claims);
        finder.tracks(&mut claims);
        finder.coarse(&claims);
        finder.slow(&claims);
    }
    finder.events.sort_by(order);
    finder.events
}

/// Order of a list of events.
pub(crate) fn order(a: &Event, b: &Event) -> std::cmp::Ordering {
    let by_place = a.distance_from_km.total_cmp(&b.distance_from_km);
    a.time_from_us.cmp(&b.time_from_us).then(by_place).then(a.path.name().cmp(b.path.name()))
}

fn rows_of(grid: &Grid<f32>, rows: &Range<usize>) -> Grid<f32> {
    let values = grid.values[rows.start * grid.columns..rows.end * grid.columns].to_vec();
    Grid { rows: rows.len(), columns: grid.columns, values }
}

fn largest_of(grids: &[Grid<f32>], rows: &Range<usize>, columns: usize) -> Grid<f32> {
    let mut out: Grid<f32> = Grid::new(rows.len(), columns, -9.0);
    for grid in grids {
        let part = &grid.values[rows.start * columns..rows.end * columns];
        out.values.iter_mut().zip(part).for_each(|(o, &v)| *o = o.max(v));
    }
    out
}

fn maximum(a: &Grid<f32>, b: &Grid<f32>) -> Grid<f32> {
    let mut out = a.clone();
    out.values.iter_mut().zip(&b.values).for_each(|(o, &v)| *o = o.max(v));
    out
}

fn nearest(x: f64) -> usize {
    x.round_ties_even().max(0.0) as usize
}

impl<'a> Finder<'a> {
    fn block_s(&self) -> f64 {
        self.plan.block_seconds()
    }

    fn block_km(&self) -> f64 {
        self.plan.block_km()
    }

    fn start(&self, piece: Range<usize>) -> Claims {
        let n = self.plan.block_rows;
        let (steps, places) = (piece.start * n..piece.end * n, self.plan.block_columns);
        let narrow = largest_of(&self.maps.narrow, &steps, places);
        let wide = largest_of(&self.maps.wide, &steps, places);
        let empty = narrow.map(|_| 0.0);
        let (narrow_fit, wide_fit) = (rows_of(&self.maps.narrow_fit, &steps), rows_of(&self.maps.wide_fit, &steps));
        let (claimed, taken) = (empty.clone(), empty);
        Claims { piece, steps, narrow, wide, narrow_fit, wide_fit, claimed, taken, loose: Vec::new() }
    }

    fn around(&self, grid: &Grid<f32>, seconds: f64, km: f64) -> Grid<f32> {
        largest_around(grid, nearest(seconds / self.block_s()), nearest(km / self.block_km()))
    }

    /// Block of a time (seconds of the window) and place, counted from the piece's first.
    fn block(&self, claims: &Claims, time_s: f64, km: f64) -> (usize, usize) {
        let step = ((time_s / self.block_s()).max(0.0) as usize).saturating_sub(claims.steps.start);
        let place = (km / self.block_km()).max(0.0) as usize;
        (step.min(claims.steps.len() - 1), place.min(self.plan.block_columns - 1))
    }

    /// Gaps of 40 s and 1 km are closed.
    fn closed(&self, mask: &Grid<bool>) -> (Grid<u32>, Vec<Component>) {
        components(mask, nearest(20.0 / self.block_s()), nearest(0.5 / self.block_km()))
    }

    fn wide(&mut self, claims: &mut Claims) {
        if self.maps.wide.is_empty() {
            return;
        }
        let above = rows_of(&self.maps.kilometre, &claims.steps).map(|z| if z > 2.0 { 1.0 } else { 0.0 });
        let broad = mean_along_rows(&above, nearest(4.0 / self.block_km()).max(1));
        let low = WIDE_SHARE * self.threshold;
        let mut mask = claims.wide.map(|z| z > low);
        mask.values.iter_mut().zip(&broad.values).for_each(|(m, &b)| *m = *m && b >= BROAD_SHARE - 1e-6);
        let inside = claims.wide_fit.values.iter().zip(&mask.values);
        claims.claimed.values = inside.map(|(&w, &m)| if m { w } else { 0.0 }).collect();
        let (_, found) = self.closed(&mask);
        for component in found {
            let median_of =
                |grid: &Grid<f32>| median(&mut component.points.iter().map(|&p| grid.at(p)).collect::<Vec<_>>());
            let top = component.points.iter().map(|&p| claims.wide.at(p)).fold(f32::MIN, f32::max);
            let short = self.plan.params.improved
                && (component.columns.len() as f64) * self.block_km()
                    < MIN_WIDE_KM.min(0.5 * self.plan.geometry.length_m / 1000.0);
            if short || top <= self.threshold || median_of(&claims.wide_fit) < median_of(&claims.narrow_fit) {
                for (r, c) in component.points {
                    claims.claimed.values[r * claims.claimed.columns + c] = 0.0;
                }
                continue;
            }
            self.add_component(claims, &component, Path::Wide, None);
        }
    }

    fn tracks(&mut self, claims: &mut Claims) {
        let (beside, near) =
            (self.around(&claims.claimed, 10.0, self.block_km()), self.around(&claims.claimed, 30.0, 1.0));
        let is_free = |p: &&Peak| {
            let at = self.block(claims, p.time_s, p.km);
            claims.piece.contains(&p.image) && p.fit > beside.at(at) && 0.7 * p.fit > near.at(at)
        };
        let free: Vec<Peak> = self.peaks.iter().filter(is_free).copied().collect();
        let strong = self.around(&claims.narrow_fit.map(|z| z.max(0.0)), 10.0, self.block_km());
        let mut lines: Vec<Line> = Vec::new();
        for track in tracks(&free, self.threshold, self.plan.params.improved) {
            let top = strongest(&track);
            let length = track[track.len() - 1].time_s - track[0].time_s;
            if length < 20.0 && strong.at(self.block(claims, top.time_s, top.km)) > top.fit {
                claims.loose.push(top);
                continue;
            }
            if length < 40.0 && lines.iter().any(|l| l.has_echo(&track)) {
                continue;
            }
            if self.plan.params.improved && is_beside(&lines, &track) {
                continue;
            }
            if let Some(line) = self.follow(claims, &track, &top) {
                lines.push(line);
            }
        }
    }

    /// Carries a track on along its line and lists it.
    fn follow(&mut self, claims: &mut Claims, track: &[Peak], top: &Peak) -> Option<Line> {
        let speed_ms = track_speed(track, top);
        let mut line = Line::through(track, self.plan.params.improved.then_some(speed_ms));
        let step = self.block_s();
        line.from_s = self.reach(claims, &line, track[0].time_s, -step);
        line.to_s = self.reach(claims, &line, track[track.len() - 1].time_s, step);
        let km = self.plan.geometry.length_m / 1000.0;
        let half = 0.5 * step;
        let count = ((line.to_s - line.from_s) / half + 1.0).ceil() as usize;
        let times = (0..count).map(|k| line.from_s + k as f64 * half).map(|t| (t, line.at(t)));
        let seen: Vec<(f64, f64)> = times.filter(|&(_, x)| x >= 0.0 && x < km).collect();
        let (first, last) = (*seen.first()?, *seen.last()?);
        // What is over so soon is a spot, and the blocks' work.
        if self.plan.params.improved && last.0 + step - first.0 < MIN_TRACK_S {
            return None;
        }
        for &(t, x) in &seen {
            let (r, c) = self.block(claims, t, x);
            let taken = &mut claims.taken.values[r * self.plan.block_columns + c];
            *taken = taken.max(top.fit);
        }
        let near = seen.iter().map(|s| s.1).fold(f64::INFINITY, f64::min);
        let far = seen.iter().map(|s| s.1).fold(f64::NEG_INFINITY, f64::max);
        let found = Found {
            from_s: first.0,
            to_s: last.0 + step,
            from_km: near,
            to_km: far + 0.05,
            score: top.score,
            peak_s: top.time_s,
            peak_km: top.km,
            rise_index: top.rise * self.scale_at(top.image, top.km),
            path: Path::Slants,
            speed_ms: Some(speed_ms),
            track: Some([track[0], track[track.len() - 1]]),
        };
        self.add(&claims.piece, found);
        Some(line)
    }

    /// Last time on a line that is seen, going on from `start`.
    fn reach(&self, claims: &Claims, line: &Line, start: f64, step: f64) -> f64 {
        let duration = self.plan.geometry.duration_s;
        let (first, end) = (claims.piece.start as f64 * duration, claims.piece.end as f64 * duration);
        let km = self.plan.geometry.length_m / 1000.0;
        let mut last = start;
        let count = (CARRY_S / step.abs()).ceil() as usize;
        for k in 1..count {
            let t = start + step * k as f64;
            let x = line.at(t);
            let inside = t >= first && t < end && x >= 0.0 && x < km;
            if !inside || (t - last).abs() > HOLE_S + step.abs() {
                break;
            }
            let (r, c) = self.block(claims, t, x);
            if self.maps.fine.at((claims.steps.start + r, c)) > 1.5 {
                last = t;
            }
        }
        last
    }

    fn coarse(&mut self, claims: &Claims) {
        let claimed = self.around(&claims.claimed, 10.0, self.block_km());
        let near = self.around(&claims.taken, 15.0, self.block_km());
        let beside = self.around(&claims.taken, 20.0, 0.5);
        let far = self.around(&maximum(&claims.taken, &claims.claimed), 60.0, 0.5);
        let mut mask = claims.narrow.map(|z| z > self.threshold);
        for (i, m) in mask.values.iter_mut().enumerate() {
            *m = *m && near.values[i] == 0.0 && claims.narrow_fit.values[i] > claimed.values[i];
        }
        let (labels, found) = self.closed(&mask);
        for (k, component) in found.iter().enumerate() {
            let peak = top_point(&claims.narrow, component);
            let top = component.points.iter().map(|&p| claims.narrow_fit.at(p)).fold(f32::MIN, f32::max);
            let stronger = component.points.iter().map(|&p| far.at(p)).fold(f32::MIN, f32::max);
            if stronger >= top || beside.at(peak) > 0.0 {
                continue;
            }
            let is_here = |p: &&Peak| labels.at(self.block(claims, p.time_s, p.km)) == k as u32 + 1;
            let loose = claims.loose.iter().filter(is_here).max_by(|a, b| a.score.total_cmp(&b.score));
            let speed = loose.map(|p| p.speed_ms);
            self.add_component(claims, component, Path::Coarse, speed);
        }
    }

    fn slow(&mut self, claims: &Claims) {
        let (duration, dx) = (self.plan.geometry.duration_s, self.plan.geometry.meters_per_column());
        let scores = rows_of(&self.maps.slow, &claims.piece);
        let mask = scores.map(|z| z > self.threshold);
        let (_, found) = components(&mask, 2, nearest(50.0 / dx).max(1));
        for component in found {
            let (r, c) = top_point(&scores, &component);
            let image = claims.piece.start + r;
            let km = |column: f64| column * dx / 1000.0;
            let found = Found {
                from_s: (claims.piece.start + component.rows.start) as f64 * duration,
                to_s: (claims.piece.start + component.rows.end) as f64 * duration,
                from_km: km(component.columns.start as f64),
                to_km: km(component.columns.end as f64),
                score: scores.at((r, c)),
                peak_s: (image as f64 + 0.5) * duration,
                peak_km: km(c as f64 + 0.5),
                rise_index: self.maps.slow_rise.at((image, c)) * self.scale_at(image, km(c as f64 + 0.5)),
                path: Path::Slow,
                speed_ms: None,
                track: None,
            };
            self.add(&claims.piece, found);
        }
    }

    /// Standard deviation of a place's noise in an image, index units.
    fn scale_at(&self, image: usize, km: f64) -> f32 {
        let place = ((km / self.block_km()) as usize).min(self.plan.block_columns - 1);
        self.window.images[image].scale[place]
    }

    /// Largest rise of the record (over two steps) in a component, index units.
    fn rise_in(&self, claims: &Claims, component: &Component) -> f32 {
        let steps = self.maps.fine.rows;
        let value = |&(r, c): &(usize, usize)| {
            let t = claims.steps.start + r;
            let series = &self.maps.record[c * steps..(c + 1) * steps];
            let next = (t + 1).min(claims.steps.end - 1);
            0.5 * (series[t] + series[next]) * self.window.images[t / self.plan.block_rows].scale[c]
        };
        component.points.iter().map(value).fold(0.0, f32::max)
    }

    fn add_component(&mut self, claims: &Claims, component: &Component, path: Path, speed_ms: Option<f64>) {
        let (maps, best) =
            if path == Path::Wide { (&self.maps.wide, &claims.wide) } else { (&self.maps.narrow, &claims.narrow) };
        let first_step = claims.steps.start;
        let peak = top_point(best, component);
        // The shortest box that sees it says when: a long one starts half its length early.
        let seen = |grid: &Grid<f32>| -> Option<(usize, usize)> {
            let mut rows =
                component.points.iter().filter(|&&(r, c)| grid.at((first_step + r, c)) > self.threshold).map(|p| p.0);
            let first = rows.next()?;
            Some((first, rows.next_back().unwrap_or(first)))
        };
        let (from, to) = maps.iter().find_map(seen).unwrap_or((component.rows.start, component.rows.end - 1));
        let (step, place) = (self.block_s(), self.block_km());
        let found = Found {
            from_s: (first_step + from) as f64 * step,
            to_s: (first_step + to + 1) as f64 * step,
            from_km: component.columns.start as f64 * place,
            to_km: component.columns.end as f64 * place,
            score: best.at(peak),
            peak_s: ((first_step + peak.0) as f64 + 0.5) * step,
            peak_km: (peak.1 as f64 + 0.5) * place,
            rise_index: self.rise_in(claims, component),
            path,
            speed_ms,
            track: None,
        };
        self.add(&claims.piece, found);
    }

    fn time_us(&self, piece: &Range<usize>, seconds: f64) -> i64 {
        let image = self.image_at(piece, seconds);
        let offset = seconds - image as f64 * self.plan.geometry.duration_s;
        self.window.images[image].time_us + ((offset * 10.0 + 0.5).floor() as i64) * 100_000
    }

    fn image_at(&self, piece: &Range<usize>, seconds: f64) -> usize {
        ((seconds / self.plan.geometry.duration_s) as usize).clamp(piece.start, piece.end - 1)
    }

    fn add(&mut self, piece: &Range<usize>, found: Found) {
        let (duration, km) = (self.plan.geometry.duration_s, self.plan.geometry.length_m / 1000.0);
        let from_s = found.from_s.max(piece.start as f64 * duration);
        let to_s = found.to_s.min(piece.end as f64 * duration);
        let (from_km, to_km) = (found.from_km.max(0.0), found.to_km.min(km));
        let image = self.image_at(piece, found.peak_s);
        let speed_ms = found.speed_ms.filter(|v| v.abs() >= 2.0);
        let time_from_us = self.time_us(piece, from_s);
        let end = |p: &Peak| TrackEnd {
            time_s: self.window.images[p.image].time_us as f64 / 1e6 + p.time_s - p.image as f64 * duration,
            km: p.km,
            speed_ms: p.speed_ms,
        };
        let mut event = Event {
            time_from_us,
            time_to_us: self.time_us(piece, to_s),
            distance_from_km: from_km,
            distance_to_km: to_km,
            peak_time_us: self.time_us(piece, found.peak_s),
            peak_km: found.peak_km,
            score: found.score,
            rise_index: found.rise_index,
            path: found.path,
            speed_ms,
            kind: None,
            image_time_us: self.window.images[image].time_us,
            reason: Reason::Steady { rise_index: found.rise_index, km: found.peak_km, since_us: time_from_us },
            responses: self.responses(image, found.peak_km),
            ends: found.track.map(|[a, b]| [end(&a), end(&b)]),
        };
        event.reason = event.why();
        self.events.push(event);
    }

    fn responses(&self, image: usize, km: f64) -> Vec<f32> {
        let cell = self.plan.cell_edges_km().partition_point(|&e| e <= km).saturating_sub(1).min(self.plan.cells - 1);
        let filters = self.plan.filter_count();
        let first = ((image - self.window.core.start) * self.plan.cells + cell) * filters;
        self.scored.filters[first..first + filters].to_vec()
    }
}

impl Event {
    /// Duration, seconds.
    pub fn seconds(&self) -> f64 {
        (self.time_to_us - self.time_from_us) as f64 / 1e6
    }

    /// Length along the fibre, km.
    pub fn extent_km(&self) -> f64 {
        self.distance_to_km - self.distance_from_km
    }

    /// What the reason says of the event as it is now.
    pub(crate) fn why(&self) -> Reason {
        let (near, far) = (self.distance_from_km, self.distance_to_km);
        match (self.path, self.speed_ms) {
            (Path::Slow, _) => {
                Reason::Steady { rise_index: self.rise_index, km: self.peak_km, since_us: self.time_from_us }
            }
            (Path::Slants, Some(speed_ms)) => {
                let (from_km, to_km) = if speed_ms > 0.0 { (near, far) } else { (far, near) };
                Reason::Moves { speed_ms, from_km, to_km }
            }
            _ => Reason::Rises { rise_index: self.rise_index, extent_km: far - near, seconds: self.seconds() },
        }
    }
}

impl Reason {
    /// The reason in words; `db_per_index` takes index units to decibels, and times are given by `clock` from microseconds.
    pub fn words(&self, db_per_index: f64, clock: impl Fn(i64) -> String) -> String {
        match *self {
            Reason::Rises { rise_index, extent_km, seconds } => {
                let db = f64::from(rise_index) * db_per_index;
                format!("level {db:+.1} dB over {extent_km:.1} km for {seconds:.0} s")
            }
            Reason::Moves { speed_ms, from_km, to_km } => {
                format!("moves {speed_ms:+.1} m/s from {from_km:.1} to {to_km:.1} km")
            }
            Reason::Steady { rise_index, km, since_us } => {
                let db = f64::from(rise_index) * db_per_index;
                format!("steady {db:+.1} dB at {km:.2} km since {}", clock(since_us))
            }
        }
    }
}

/// Whether more than half of a track's score lies within 0.25 km of stronger tracks' lines: their echo.
fn is_beside(lines: &[Line], track: &[Peak]) -> bool {
    let on_line = |p: &&Peak| lines.iter().any(|l| l.passes(p, 10.0, 0.25));
    let echo: f32 = track.iter().filter(on_line).map(|p| p.score).sum();
    echo > 0.5 * track.iter().map(|p| p.score).sum::<f32>()
}

fn strongest(track: &[Peak]) -> Peak {
    let first = track[0];
    track.iter().fold(first, |best, p| if p.score > best.score { *p } else { best })
}

/// First point of the largest value.
fn top_point(grid: &Grid<f32>, component: &Component) -> (usize, usize) {
    let first = component.points[0];
    component.points.iter().fold(first, |best, &p| if grid.at(p) > grid.at(best) { p } else { best })
}

/// A track's line through its peaks, going on at the outer peaks' speeds.
struct Line {
    points: Vec<(f64, f64)>,
    from_s: f64,
    to_s: f64,
}

impl Line {
    /// With a `speed_ms` the line goes through the strongest peak of every 10 s and goes on at that speed.
    fn through(track: &[Peak], speed_ms: Option<f64>) -> Self {
        let (first, last) = (track[0], track[track.len() - 1]);
        let knots: Vec<Peak> = match speed_ms {
            None => track.to_vec(),
            Some(_) => {
                track.chunk_by(|a, b| (a.time_s / 10.0).floor() == (b.time_s / 10.0).floor()).map(strongest).collect()
            }
        };
        let (start, end) = (knots[0], knots[knots.len() - 1]);
        let (start_ms, end_ms) = (speed_ms.unwrap_or(start.speed_ms), speed_ms.unwrap_or(end.speed_ms));
        let mut points = vec![(start.time_s - 200.0, start.km - 0.2 * start_ms)];
        points.extend(knots.iter().map(|p| (p.time_s, p.km)));
        points.push((end.time_s + 200.0, end.km + 0.2 * end_ms));
        Self { points, from_s: first.time_s, to_s: last.time_s }
    }

    fn at(&self, time_s: f64) -> f64 {
        let i = self.points.partition_point(|p| p.0 <= time_s).clamp(1, self.points.len() - 1);
        let ((t0, x0), (t1, x1)) = (self.points[i - 1], self.points[i]);
        if t1 <= t0 {
            return x1;
        }
        x0 + (x1 - x0) * ((time_s - t0) / (t1 - t0)).clamp(0.0, 1.0)
    }

    fn has_echo(&self, track: &[Peak]) -> bool {
        track.iter().all(|p| self.passes(p, 20.0, 0.5))
    }

    fn passes(&self, p: &Peak, seconds: f64, km: f64) -> bool {
        let is_then = p.time_s > self.from_s - seconds && p.time_s < self.to_s + seconds;
        is_then && (self.at(p.time_s) - p.km).abs() < km
    }
}
