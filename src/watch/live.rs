//! The detector on a stream: the minutes behind are measured for good, the last ones provisionally.

use std::collections::VecDeque;
use std::sync::Arc;

use scatterfall_detector::{
    DetectorModel, DetectorPlan, Event, Image, Measurement, Measurer, Reference, Window, detect_window,
};

use crate::detect::health::{Fault, HealthWatch};
use crate::detect::plan::error;
use crate::error::Result;
use scatterfall_timestamps::{Micros, micros};

/// Minutes before the scored ones that running levels reach into.
const MARGIN_MIN: f64 = 60.0;

/// Old images leave the window so many at a time: whole stretches of the detector's coarse steps (120 s), so that these stay in step
/// with those of a whole day.
const DROPPED: usize = 12;

/// Events that are less than this apart may still become one.
const JOIN_S: f64 = 150.0;

/// An event that goes on for longer is told before its end.
const LONG_MIN: f64 = 10.0;

/// What is found in the window now.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Events that later images change no more than in details, and whether they still go on.
    pub(super) decided: Vec<(Event, bool)>,
    /// Events of the last minutes, which may still change.
    pub(super) provisional: Vec<Event>,
}

/// The stream.
pub(super) struct Live {
    plan: Arc<DetectorPlan>,
    model: DetectorModel,
    measurer: Measurer,
    window: VecDeque<Measurement>,
    margin: usize,
    /// Images left the window at its beginning.
    dropped: bool,
    /// Images up to this one are measured already.
    measured: Option<Micros>,
}

impl Live {
    /// A stream that goes on from `earlier`, measurements in the order of time.
    ///
    /// # Errors
    /// Those of the detector.
    pub(super) fn new(plan: Arc<DetectorPlan>, model: DetectorModel, earlier: Vec<Measurement>) -> Result<Self> {
        let margin = plan.geometry.images_in(MARGIN_MIN);
        let measurer = Measurer::new(Arc::clone(&plan), Reference::Local).map_err(error)?;
        let measured = earlier.last().map(|m| m.time_us);
        let mut this = Self { plan, model, measurer, window: earlier.into(), margin, dropped: false, measured };
        this.shorten();
        Ok(this)
    }

    fn duration(&self) -> Micros {
        micros(self.plan.geometry.duration_s)
    }

    /// Images of the window at most.
    pub(super) fn window_images(&self) -> usize {
        2 * self.margin + DROPPED
    }

    /// Takes the next images and returns those measured for good.
    ///
    /// # Errors
    /// Those of the detector, for images that do not fit or do not follow.
    pub(super) fn push(&mut self, images: Vec<Image>) -> Result<Vec<Measurement>> {
        let mut done = self.measurer.push(images).map_err(error)?;
        done.retain(|m| self.measured.is_none_or(|t| m.time_us > t));
        self.measured = done.last().map(|m| m.time_us).or(self.measured);
        self.window.extend(done.iter().cloned());
        self.shorten();
        Ok(done)
    }

    fn shorten(&mut self) {
        while self.window.len() >= 2 * self.margin + DROPPED {
            self.window.drain(..DROPPED);
            self.dropped = true;
        }
    }

    /// The last images as far as they can be measured now.
    pub(super) fn provisional(&self) -> Vec<Measurement> {
        let mut last = self.measurer.clone().finish();
        last.retain(|m| self.measured.is_none_or(|t| m.time_us > t));
        last
    }

    /// Events of the window and of `last`, the provisional measurements. `closed`: no more images come for now.
    ///
    /// # Errors
    /// Those of the detector.
    pub(super) fn detect(&self, last: &[Measurement], closed: bool) -> Result<Found> {
        let images: Vec<&Measurement> = self.window.iter().chain(last).collect();
        let Some(newest) = images.last().map(|m| m.time_us + self.duration()) else { return Ok(Found::default()) };
        let measured = self.window.back().map_or(Micros::MIN, |m| m.time_us + self.duration());
        // What was measured for good long ago needs its surroundings to be scored as well.
        let ahead = self.plan.lead_images() as f64 * self.plan.geometry.duration_s;
        let decided_until = if closed { newest } else { measured.min(newest - micros(ahead)) };
        let core = if self.dropped { self.margin.min(images.len()) } else { 0 };
        let end = images.len();
        let window = Window::new(&self.plan, images, core..end).map_err(error)?;
        let mut events = detect_window(&self.plan, &self.model, &window);
        self.model.kinds.assign(&self.plan, &mut events);
        let mut found = Found::default();
        for event in events {
            let over = closed || event.time_to_us + micros(JOIN_S) <= newest;
            if event.time_to_us <= decided_until && over {
                found.decided.push((event, false));
            } else if event.time_from_us + micros(60.0 * LONG_MIN) <= decided_until {
                found.decided.push((event, true));
            } else {
                found.provisional.push(event);
            }
        }
        Ok(found)
    }

    /// What is wrong with instrument or fibre in the window, and still is.
    pub(super) fn faults(&self, last: &[Measurement]) -> Vec<Fault> {
        let mut watch = HealthWatch::new(&self.plan);
        self.window.iter().chain(last).for_each(|m| watch.see(m));
        let newest = last.last().or(self.window.back()).map_or(0, |m| m.time_us);
        watch.finish().into_iter().filter(|f| f.time_to >= newest).collect()
    }

    /// Start of the last image that is measured for good.
    pub(super) fn measured(&self) -> Option<Micros> {
        self.measured
    }

    /// The plan.
    pub(super) fn plan(&self) -> &Arc<DetectorPlan> {
        &self.plan
    }

    /// The model.
    pub(super) fn model(&self) -> &DetectorModel {
        &self.model
    }
}
