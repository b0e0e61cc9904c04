//! `watch`: a folder of pictures is followed as it grows.
//!
//! ```text
//! notice -> picture is whole -> plane -> Measurer -+-> measured for good (ten minutes behind) -> stored -> decided events -> journal
//!                                                  '-> provisional (up to now) --------------------------> provisional events
//! ```
//!
//! Every step costs the same, however old the day is: a window of two hours is scored. At the end of a day, where pictures stop coming
//! and at the end of the watching the list is settled: what `apply` says of the archive takes its place, to the byte.
//!
//! What was told is what stands in the journal, what was measured is what stands in the store; both are on the disk before the next thing
//! happens, so a process that is killed at any moment goes on where it was.

mod folder;
mod hook;
mod journal;
mod lists;
mod live;
mod page;
mod settle;
mod status;
mod stored;

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use rayon::prelude::*;
use scatterfall_detector::{DetectorModel, Event, Image, Measurement};
use serde_json::Value;

use crate::archive::{ImageRef, LeftOut, probe};
use crate::config::Config;
use crate::decode;
use crate::error::{Error, Result};
use crate::formats::events::{Entry, Units, value, write_values};
use crate::formats::measurements;
use crate::formats::names::Names;
use crate::plans;
use crate::progress::Context;
use crate::stages::events::{list, names_file, plan_for};
use crate::stages::strict::{residual_error, residual_of, used_columns};
use crate::store::day::{Record, Stage};
use folder::{Candidate, Folder};
use hook::Hook;
use journal::{Journal, Mark};
use lists::Settled;
use live::Live;
use page::LivePage;
use scatterfall_scattering::backend::cpu::Indexer;
use scatterfall_scattering::plan::FeaturePlan;
use scatterfall_timestamps::{Micros, day_name, iso, micros};
use settle::Archive;
use status::Status;
use stored::{Seen, Stored};

/// Pictures that are read at a time, where many wait.
const BATCH: usize = 32;

/// A picture that cannot be read is waited for until its file has not changed for so long.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(3);

/// How often the flag that ends the watching is looked at.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// The page is written no more often than this.
const PAGE_INTERVAL: Duration = Duration::from_secs(3);

/// The status is written at least this often, so that a program that stands still is told from one that waits.
const STATUS_INTERVAL: Duration = Duration::from_secs(10);

/// At the end of the watching the list is settled where that takes no longer than this.
const MAX_LAST_SETTLING: Duration = Duration::from_secs(2);

/// A day's events are settled when so many minutes of the next are measured: running levels reach so far.
const AFTER_MIDNIGHT_MIN: f64 = 65.0;

/// How the watching goes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    /// List the folder this often instead of taking the system's notices (network disks).
    pub(crate) poll: Option<Duration>,
    /// End when all that is there is read.
    pub(crate) once: bool,
    /// Without a new picture for so long, the last events are decided; default: what the background reaches ahead.
    pub(crate) idle: Option<Duration>,
    /// A command that is given every new event.
    pub(crate) on_event: Option<String>,
}

/// What a watching did.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct WatchSummary {
    /// Images read.
    pub(crate) images: usize,
    /// Images left out.
    pub(crate) left_out: Vec<LeftOut>,
    /// Events told.
    pub(crate) told: usize,
    /// Events in the list.
    pub(crate) listed: usize,
}

/// The current time.
fn now() -> Micros {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |d| i64::try_from(d.as_micros()).unwrap_or(i64::MAX))
}

/// Follows the configuration's folder with a fitted detector until the context is stopped (or, with [`Options::once`], all is read);
/// `print` hears of every event and every picture that is left out, a line each.
///
/// # Errors
/// Those of reading the folder and of writing results; a single picture's are none.
pub(crate) fn watch(
    ctx: &Context<'_>,
    model: &DetectorModel,
    options: &Options,
    print: &dyn Fn(&str),
) -> Result<WatchSummary> {
    let output = &ctx.config.output.path;
    std::fs::create_dir_all(output.join("watch")).map_err(|e| Error::io("create the folder", output, e))?;
    let mut watching = Watching::start(ctx, model, options, print)?;
    let result = watching.follow();
    let ended = watching.end();
    result.and(ended)?;
    Ok(watching.summary)
}

struct Watching<'a> {
    ctx: &'a Context<'a>,
    options: &'a Options,
    print: &'a dyn Fn(&str),
    features: FeaturePlan,
    used: Vec<Range<usize>>,
    folder: Folder,
    live: Live,
    stored: Stored,
    journal: Journal,
    hook: Option<Hook>,
    settled: Settled,
    page: LivePage,
    status: Status,
    summary: WatchSummary,
    /// Images that are not measured for good.
    waiting: BTreeMap<Micros, ImageRef>,
    /// Names of the images of the window.
    names: BTreeMap<Micros, String>,
    newest: Option<Micros>,
    /// Provisional measurements and events.
    last: (Vec<Measurement>, Vec<Value>),
    /// Something came since the list was settled.
    changed: bool,
    arrived: Instant,
    page_written: Option<Instant>,
    status_written: Instant,
    settled_day: String,
    /// What settling took per image, as far as known.
    settling: (Duration, usize),
}

impl<'a> Watching<'a> {
    fn start(
        ctx: &'a Context<'a>,
        model: &DetectorModel,
        options: &'a Options,
        print: &'a dyn Fn(&str),
    ) -> Result<Self> {
        let config = ctx.config;
        let output = &config.output.path;
        let geometry = model.geometry;
        let features = plans::features(config, geometry.rows, geometry.columns)?;
        let plan = Arc::new(plan_for(config, (geometry.rows, geometry.columns), Some(model))?);
        let stored = Stored::new(output, (config.value.db_min, config.value.db_max));
        let mut folder = Folder::follow(config, options.poll);
        folder.list()?;
        let journal = Journal::open(output)?;
        let before = Settled::read(output)?;
        let is_first = before.is_none();
        let mut this = Self {
            ctx,
            options,
            print,
            used: used_columns(config, features.columns),
            features,
            folder,
            live: Live::new(plan, model.clone(), Vec::new())?,
            stored,
            hook: None,
            settled: before.unwrap_or_default(),
            page: LivePage::new(config)?,
            status: Status { events: journal.count(), ..Status::default() },
            journal,
            summary: WatchSummary::default(),
            waiting: BTreeMap::new(),
            names: BTreeMap::new(),
            newest: None,
            last: (Vec::new(), Vec::new()),
            changed: true,
            arrived: Instant::now(),
            page_written: None,
            status_written: Instant::now(),
            settled_day: String::new(),
            settling: (Duration::ZERO, 0),
        };
        if is_first {
            this.begin()?;
        }
        if let Some(command) = &options.on_event {
            this.hook = Some(Hook::start(command.clone(), output, this.settled.lines)?);
        }
        this.go_on()?;
        Ok(this)
    }

    /// The first watching: what is there is computed as `apply` does, and is not told.
    fn begin(&mut self) -> Result<()> {
        if !self.folder.is_empty() {
            (self.print)("reading the pictures that are there already");
            if let Some(events) = self.archive(Vec::new(), HashSet::new()).settle(self.ctx)? {
                let end = |e: &Value| Mark::read(e).map(|m| m.end());
                self.settled.begun = events.iter().filter_map(end).max().unwrap_or(0).saturating_add(1);
                self.settled.events = events;
            }
        }
        self.settled.write(&self.ctx.config.output.path)
    }

    /// Takes up the stream where the last process left it.
    fn go_on(&mut self) -> Result<()> {
        let plan = Arc::clone(self.live.plan());
        let mut measured = self.measured_before()?;
        let Some(until) = measured.last_key_value().map(|(time, _)| *time) else { return Ok(()) };
        for m in measured.values() {
            self.page.add(m, self.ctx.config);
        }
        while measured.len() > self.live.window_images() {
            measured.pop_first();
        }
        self.live = Live::new(Arc::clone(&plan), self.live.model().clone(), measured.into_values().collect())?;
        self.settled_day = day_name(until - micros(60.0 * AFTER_MIDNIGHT_MIN));
        // The images before the next one are its surroundings.
        let (mut lead, mut known) = (Vec::new(), Vec::new());
        for (candidate, _) in self.folder.candidates(usize::MAX) {
            if candidate.time <= until {
                known.push(candidate);
            }
        }
        known.iter().for_each(|c| self.folder.done(c));
        let planes = self.decode(&known[known.len().saturating_sub(2 * plan.lead_images())..]);
        for (candidate, plane) in known[known.len().saturating_sub(2 * plan.lead_images())..].iter().zip(planes) {
            let apart = lead.last().is_none_or(|i: &Image| candidate.time - i.time_us >= self.half_image());
            if let (Ok((_, plane)), true) = (plane, apart) {
                lead.push(Image { time_us: candidate.time, plane });
            }
        }
        self.newest = Some(until);
        self.live.push(lead)?;
        Ok(())
    }

    /// What is measured for good of the last day, by the images' times.
    fn measured_before(&mut self) -> Result<BTreeMap<Micros, Measurement>> {
        let output = &self.ctx.config.output.path;
        let plan = Arc::clone(self.live.plan());
        let mut found = BTreeMap::new();
        let days = Stage::Measurements.days(output)?;
        for day in &days[days.len().saturating_sub(2)..] {
            let file = Stage::Measurements.file(output, day);
            let of_day = measurements::read(&file, &plan)?;
            let names = Record::read(&file).map(|r| r.images).unwrap_or_default();
            self.names.extend(of_day.iter().map(|m| m.time_us).zip(names));
            found.extend(of_day.into_iter().map(|m| (m.time_us, m)));
        }
        // The last ones were measured against what came before them alone.
        for _ in 0..plan.lead_images() {
            found.pop_last();
        }
        let days = self.stored.days();
        for day in &days[days.len().saturating_sub(2)..] {
            for seen in self.stored.of_day(day).into_values().filter(|s| s.left_out.is_none()) {
                if let std::collections::btree_map::Entry::Vacant(place) = found.entry(seen.time) {
                    place.insert(self.stored.read(seen.time, &plan)?);
                }
                self.names.insert(seen.time, seen.name);
            }
        }
        let first = found.last_key_value().map_or(0, |(t, _)| t - scatterfall_timestamps::DAY_US);
        Ok(found.split_off(&first))
    }

    fn half_image(&self) -> Micros {
        micros(self.live.plan().geometry.duration_s / 2.0)
    }

    fn idle(&self) -> Duration {
        let plan = self.live.plan();
        let ahead = plan.lead_images() as f64 * plan.geometry.duration_s;
        self.options.idle.unwrap_or_else(|| Duration::from_secs_f64(ahead))
    }

    fn stopped(&self) -> bool {
        self.ctx.check().is_err()
    }

    fn follow(&mut self) -> Result<()> {
        while !self.stopped() {
            self.folder.wait(POLL_INTERVAL)?;
            let images = self.read()?;
            if !images.is_empty() {
                self.step(images)?;
            } else if self.folder.is_empty() && self.changed && self.arrived.elapsed() >= self.idle() {
                self.settle(true)?;
            }
            if self.is_day_over() {
                self.settle(false)?;
            }
            if self.options.once && self.folder.is_empty() {
                return self.settle(self.arrived.elapsed() >= self.idle() || self.is_long_ago());
            }
            self.write_page_when_due()?;
            self.write_status_when_due()?;
        }
        Ok(())
    }

    /// Whether no picture follows the last one so soon that it would decide more.
    fn is_long_ago(&self) -> bool {
        self.newest
            .is_some_and(|t| now() - t > micros(self.idle().as_secs_f64() + self.live.plan().geometry.duration_s))
    }

    fn is_day_over(&self) -> bool {
        let reached = |t: Micros| day_name(t - micros(60.0 * AFTER_MIDNIGHT_MIN)) > self.settled_day;
        !self.settled_day.is_empty() && self.changed && self.live.measured().is_some_and(reached)
    }

    /// Reads the next pictures that are whole, in the order of time, up to the first that is not.
    fn read(&mut self) -> Result<Vec<(ImageRef, Vec<u8>)>> {
        let candidates = self.folder.candidates(BATCH);
        let mut wanted: Vec<(Candidate, Duration)> = Vec::new();
        for (candidate, unchanged) in candidates {
            let before = wanted.last().map(|w| w.0.time).or(self.newest);
            let step = before.map(|t| candidate.time - t);
            if self.newest.is_some_and(|t| candidate.time <= t) {
                // The day is measured anew when it is settled.
                self.folder.done(&candidate);
                (self.status.late, self.changed) = (self.status.late + 1, true);
                tracing::warn!(
                    "{} comes after later ones: it counts when the list is settled",
                    candidate.path.display()
                );
            } else if step.is_some_and(|s| s < self.half_image()) {
                let reason = format!("of the same minute as {}", before.map(iso).unwrap_or_default());
                self.leave_out(&candidate, &reason)?;
            } else {
                wanted.push((candidate, unchanged));
            }
        }
        let untried: Vec<Candidate> = wanted.iter().filter(|w| !w.0.was_tried()).map(|w| w.0.clone()).collect();
        let mut decoded = self.decode(&untried).into_iter();
        let mut images = Vec::new();
        for (candidate, unchanged) in wanted {
            let result = if candidate.was_tried() { None } else { decoded.next() };
            match result {
                Some(Ok(image)) if candidate.is_unchanged() => {
                    self.folder.done(&candidate);
                    self.newest = Some(candidate.time);
                    self.status.lag_s = candidate.age_s();
                    images.push(image);
                }
                Some(Ok(_)) => break,
                Some(Err(_)) => {
                    self.folder.failed(&candidate);
                    break;
                }
                None if unchanged < SHUTDOWN_GRACE => break,
                None => {
                    let reason = match self.decode(std::slice::from_ref(&candidate)).pop() {
                        Some(Err(Error::Image { reason, .. })) => reason,
                        Some(Err(e)) => e.to_string(),
                        // It can be read after all.
                        _ => break,
                    };
                    self.leave_out(&candidate, &reason)?;
                }
            }
        }
        Ok(images)
    }

    fn decode(&self, candidates: &[Candidate]) -> Vec<Result<(ImageRef, Vec<u8>)>> {
        let (config, features, used) = (self.ctx.config, &self.features, &self.used[..]);
        let one = |indexer: &mut Indexer, candidate: &Candidate| read_plane(config, features, used, indexer, candidate);
        let indexer = || Indexer::new(&features.colormap);
        self.ctx.pool.install(|| candidates.par_iter().map_init(indexer, one).collect())
    }

    fn leave_out(&mut self, candidate: &Candidate, reason: &str) -> Result<()> {
        self.folder.gave_up(candidate);
        let probed = probe(&self.ctx.config.input, candidate.path.clone(), candidate.time);
        let root = &self.ctx.config.input.path;
        let name = candidate.path.strip_prefix(root).unwrap_or(&candidate.path).to_string_lossy().into_owned();
        if let Ok((image, _)) = probed {
            self.stored.note([&Seen::new(&image, Some(reason.to_owned()))])?;
        }
        (self.print)(&format!("left out  {name}: {reason}"));
        self.changed = true;
        self.status.settled = false;
        self.status.left_out += 1;
        self.status.last_left_out = Some((name.clone(), reason.to_owned()));
        self.summary.left_out.push(LeftOut { file: name, reason: reason.to_owned() });
        Ok(())
    }

    /// New images, in order: what is measured for good is stored, what is decided is told.
    fn step(&mut self, images: Vec<(ImageRef, Vec<u8>)>) -> Result<()> {
        let plan = Arc::clone(self.live.plan());
        let mut planes = Vec::with_capacity(images.len());
        for (image, plane) in images {
            self.summary.images += 1;
            self.status.images += 1;
            self.status.last_image = Some((image.time, image.name.clone()));
            self.page.picture(image.time, &image.name, &plane, &plan);
            planes.push(Image { time_us: image.time, plane });
            self.names.insert(image.time, image.name.clone());
            self.waiting.insert(image.time, image);
        }
        let pool = Arc::clone(&self.ctx.pool);
        let done = pool.install(|| self.live.push(planes))?;
        let mut known: Vec<(Seen, &Measurement)> = Vec::with_capacity(done.len());
        for m in &done {
            known.extend(self.waiting.remove(&m.time_us).map(|image| (Seen::new(&image, None), m)));
        }
        self.stored.add(&plan, &known)?;
        for m in &done {
            self.page.add(m, self.ctx.config);
        }
        while self.names.len() > 2 * self.live.window_images() {
            self.names.pop_first();
        }
        self.changed = true;
        self.status.settled = false;
        self.arrived = Instant::now();
        if self.settled_day.is_empty()
            && let Some(m) = done.first()
        {
            self.settled_day = day_name(m.time_us - micros(60.0 * AFTER_MIDNIGHT_MIN));
        }
        self.look(false)?;
        let begun = self.status.largest_lag_s;
        self.status.largest_lag_s = begun.max(self.status.lag_s);
        self.write_status()
    }

    /// Looks for events, and tells of the new ones. `closed`: no more images come for now.
    fn look(&mut self, closed: bool) -> Result<()> {
        let pool = Arc::clone(&self.ctx.pool);
        let last = pool.install(|| self.live.provisional());
        let found = pool.install(|| self.live.detect(&last, closed))?;
        let config = self.ctx.config;
        let names = Names::read(&names_file(config))?;
        let (decided, ongoing): (Vec<Event>, Vec<bool>) = found.decided.into_iter().unzip();
        let decided: Vec<(Value, bool)> =
            self.values(&decided, &names).into_iter().map(|(i, v)| (v, ongoing[i])).collect();
        let provisional = self.values(&found.provisional, &names).into_iter().map(|(_, v)| v).collect();
        self.status.faults = self.live.faults(&last);
        self.last = (last, provisional);
        self.tell(&decided)?;
        Ok(())
    }

    /// Events as the lists have them, by their index; those that are not listed are left out.
    fn values(&self, events: &[Event], names: &Names) -> Vec<(usize, Value)> {
        let config = self.ctx.config;
        let offset_km = config.input.distance_offset_km;
        let units = Units { db_per_index: (config.value.db_max - config.value.db_min) / 255.0, offset_km };
        let index = |event: &Event| events.iter().position(|e| std::ptr::eq(e, event)).unwrap_or(0);
        let of_event = |event: &Event| {
            let image = self.names.get(&event.image_time_us).map_or("", String::as_str);
            (index(event), value(0, &Entry { event, kind: names.of(event.kind), image_file: image }, units))
        };
        list(config, events, names).into_iter().map(of_event).collect()
    }

    /// Tells of those events that were not told yet.
    fn tell(&mut self, decided: &[(Value, bool)]) -> Result<()> {
        let begun = self.settled.begun;
        let is_new = |e: &&(Value, bool)| Mark::read(&e.0).is_some_and(|m| m.end() >= begun);
        let new: Vec<(Value, bool)> = decided.iter().filter(is_new).cloned().collect();
        let lines = self.journal.tell(&new)?;
        for line in &lines {
            let text = |key: &str| line[key].as_str().unwrap_or_default();
            (self.print)(&format!("event     {}  {:.2} km  {}", text("peak_time"), line["peak_km"], text("reason")));
        }
        self.summary.told += lines.len();
        self.status.events = self.journal.count();
        if !lines.is_empty() {
            self.write_lists()?;
        }
        Ok(())
    }

    /// Lines of the journal since the list was settled.
    fn told_since(&self) -> Vec<Value> {
        let recent = self.journal.recent();
        let new = self.journal.count().saturating_sub(self.settled.lines).min(recent.len());
        recent[recent.len() - new..].iter().map(|l| l.value.clone()).collect()
    }

    fn write_lists(&mut self) -> Result<()> {
        Archive::forget_list(self.ctx)?;
        let all = self.settled.all(&self.told_since());
        self.summary.listed = all.len();
        write_values(&self.ctx.config.output.path, &all)
    }

    fn archive(&self, last: Vec<(Seen, Measurement)>, unfinished: HashSet<PathBuf>) -> Archive<'_> {
        Archive { plan: self.live.plan(), model: self.live.model(), stored: &self.stored, unfinished, last }
    }

    fn unfinished(&self) -> HashSet<PathBuf> {
        self.folder.pending().map(std::path::Path::to_path_buf).collect()
    }

    /// Puts the exact list in place, and tells what it has that was not told.
    fn settle(&mut self, closed: bool) -> Result<()> {
        let begun = Instant::now();
        self.look(closed)?;
        let seen = |m: &Measurement| Some((Seen::new(self.waiting.get(&m.time_us)?, None), m.clone()));
        let last: Vec<(Seen, Measurement)> = self.last.0.iter().filter_map(seen).collect();
        // What is in hand is finished, whether there is a stop or not.
        let ctx = Context::on(self.ctx.config, Arc::clone(&self.ctx.pool));
        let Some(events) = self.archive(last, self.unfinished()).settle(&ctx)? else { return Ok(()) };
        let until = if closed { Micros::MAX } else { self.live.measured().unwrap_or(Micros::MIN) };
        let is_decided = |e: &Value| Mark::read(e).is_some_and(|m| m.end() <= until);
        let decided: Vec<Value> = events.iter().filter(|e| is_decided(e)).cloned().collect();
        self.summary.listed = events.len();
        let pairs: Vec<(Value, bool)> = decided.iter().map(|e| (e.clone(), false)).collect();
        let is_new = |e: &&(Value, bool)| Mark::read(&e.0).is_some_and(|m| m.end() >= self.settled.begun);
        let new: Vec<(Value, bool)> = pairs.iter().filter(is_new).cloned().collect();
        self.summary.told += self.journal.tell(&new)?.len();
        self.status.events = self.journal.count();
        self.settled.lines = self.journal.count();
        self.settled.events = decided;
        self.settled.write(&self.ctx.config.output.path)?;
        if let Some(t) = self.live.measured() {
            let finished = day_name(t - micros(60.0 * AFTER_MIDNIGHT_MIN));
            self.stored.remove_before(&finished);
            self.settled_day = finished;
        }
        self.changed = false;
        self.status.settled = closed;
        self.settling = (begun.elapsed(), self.status.images.max(1));
        tracing::info!(events = events.len(), seconds = begun.elapsed().as_secs_f64(), "list settled");
        self.write_status()
    }

    /// Where nothing else writes it: as a sign of life, and when the command has taken events.
    fn write_status_when_due(&mut self) -> Result<()> {
        let waiting = self.hook.as_ref().map_or(0, |h| h.waiting(self.journal.count()));
        let due = self.status_written.elapsed() >= STATUS_INTERVAL || waiting != self.status.on_event.0;
        if due { self.write_status() } else { Ok(()) }
    }

    fn write_status(&mut self) -> Result<()> {
        self.status_written = Instant::now();
        let status = &mut self.status;
        status.decided_until = self.live.measured();
        status.waiting = self.folder.pending().count();
        status.provisional.clone_from(&self.last.1);
        let count = self.journal.count();
        status.on_event = self.hook.as_ref().map_or((0, 0), |h| (h.waiting(count), h.failures()));
        status.write(&self.ctx.config.output.path)
    }

    fn write_page_when_due(&mut self) -> Result<()> {
        let due = self.page_written.is_none_or(|t| t.elapsed() >= PAGE_INTERVAL && t < self.arrived);
        if due { self.write_page() } else { Ok(()) }
    }

    fn write_page(&mut self) -> Result<()> {
        let decided = self.settled.all(&self.told_since()).into_iter().map(|e| (e, false));
        let events: Vec<(Value, bool)> = decided.chain(self.last.1.iter().map(|e| (e.clone(), true))).collect();
        let (plan, model) = (self.live.plan(), self.live.model());
        self.page.write(self.ctx.config, plan, model, &self.last.0, &events)?;
        self.page_written = Some(Instant::now());
        self.write_status()
    }

    /// The end in order: the list is settled where that is quick, and the command is given what it has not taken.
    fn end(&mut self) -> Result<()> {
        let (took, images) = self.settling;
        let all = self.status.images.max(1);
        let expected = took.mul_f64(all as f64 / images.max(1) as f64);
        if self.changed && !self.options.once && self.newest.is_some() && expected <= MAX_LAST_SETTLING {
            self.settle(false)?;
        }
        if let Some(hook) = &self.hook {
            hook.drain(self.journal.count(), if self.options.once { Duration::MAX } else { Duration::from_secs(1) });
        }
        self.status.ended = true;
        self.write_page()
    }
}

/// A picture's plane, of the size that the model is for.
fn read_plane(
    config: &Config,
    features: &FeaturePlan,
    used: &[Range<usize>],
    indexer: &mut Indexer,
    candidate: &Candidate,
) -> Result<(ImageRef, Vec<u8>)> {
    let (image, _) = probe(&config.input, candidate.path.clone(), candidate.time)?;
    let pixels = decode::waterfall(&image.path, config)?;
    let values = indexer.index(&pixels);
    let (plane, mut residual) = (values.index, values.residual);
    if used != std::slice::from_ref(&(0..pixels.columns)) {
        residual = residual_of(features, &pixels, used);
    }
    if let Some(reason) = residual_error(f64::from(residual), config.value.max_residual) {
        return Err(Error::image(&image.path, reason));
    }
    if plane.len() != features.rows * features.columns {
        return Err(Error::image(&image.path, "of another size than the model's images"));
    }
    Ok((image, plane))
}
