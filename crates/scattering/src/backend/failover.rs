//! A backend with another one behind it: what the first cannot do any more, the second goes on with.
//!
//! A batch that fails (device lost, out of memory) is tried once more in two halves; if that fails too, this batch and all
//! that follow are the second backend's. Nothing is lost on the way: a batch is kept, not copied, until it is collected.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use ndarray::{Axis, concatenate};
use scatterfall_detector::device::Kernels;

use super::{Backend, BackendInfo, ImageResults, Ticket};
use crate::blocks::{Batch, CoefficientBlock, FeatureBlock, SegmentBlock};
use crate::plan::{ImagePlan, ScatteringPlan};
use crate::{Error, Result};

/// Two backends that look like one.
pub struct Failover {
    /// Gone after its second failure in a row.
    primary: Option<Box<dyn Backend>>,
    fallback: Box<dyn Backend>,
    /// Figures of a primary that is gone.
    seconds: BTreeMap<&'static str, f64>,
    counts: BTreeMap<&'static str, u64>,
    info: BackendInfo,
    plan: Option<Arc<ImagePlan>>,
    held: VecDeque<Held>,
    next: u64,
}

/// A batch that has not been collected.
struct Held {
    ticket: Ticket,
    plan: Arc<ImagePlan>,
    batch: Batch,
    state: State,
}

enum State {
    /// The primary works on it.
    Submitted(Ticket),
    /// It is done, and waits for its turn.
    Done(ImageResults),
    /// The primary failed on it.
    Failed(Error),
}

impl Failover {
    /// `primary` as long as it works, then `fallback`.
    pub fn new(primary: Box<dyn Backend>, fallback: Box<dyn Backend>) -> Self {
        let info = primary.info().clone();
        Self {
            primary: Some(primary),
            fallback,
            seconds: BTreeMap::new(),
            counts: BTreeMap::new(),
            info,
            plan: None,
            held: VecDeque::new(),
            next: 0,
        }
    }

    /// Collects everything the primary still works on, so that it can be given something else.
    fn drain(&mut self) {
        let Some(primary) = &mut self.primary else { return };
        for held in &mut self.held {
            if let State::Submitted(ticket) = held.state {
                held.state = match primary.collect(ticket) {
                    Ok(results) => State::Done(results),
                    Err(error) => State::Failed(error),
                };
            }
        }
    }

    /// The results of a batch that the primary failed on.
    fn recover(&mut self, plan: &ImagePlan, batch: Batch, error: Error) -> Result<ImageResults> {
        if !is_recoverable(&error) {
            return Err(error);
        }
        self.drain();
        if let Some(primary) = &mut self.primary {
            tracing::warn!("{}: {error}; trying {} images in two halves", self.info.device, batch.len());
            match halves(primary.as_mut(), plan, &batch) {
                Ok(results) => return Ok(results),
                Err(error) => self.give_up(&error),
            }
        }
        compute(self.fallback.as_mut(), plan, batch)
    }

    fn give_up(&mut self, error: &Error) {
        let other = self.fallback.info();
        tracing::warn!("{}: {error}; going on with {}", self.info.device, other.device);
        self.info = BackendInfo {
            kind: other.kind,
            device: other.device.clone(),
            detail: format!("{}; {} gave up", other.detail, self.info.device),
        };
        if let Some(primary) = self.primary.take() {
            (self.seconds, self.counts) = (primary.seconds(), primary.counts());
        }
    }
}

/// True for errors of the device; a wrong configuration is wrong everywhere.
fn is_recoverable(error: &Error) -> bool {
    error.is_device()
}

fn compute(backend: &mut dyn Backend, plan: &ImagePlan, batch: Batch) -> Result<ImageResults> {
    let ticket = backend.submit(plan, batch)?;
    backend.collect(ticket)
}

/// A batch in two parts, one after the other.
fn halves(backend: &mut dyn Backend, plan: &ImagePlan, batch: &Batch) -> Result<ImageResults> {
    let (first, second) = batch.split_at(batch.len().div_ceil(2));
    let first = compute(backend, plan, first)?;
    if second.is_empty() {
        return Ok(first);
    }
    join(first, compute(backend, plan, second)?)
}

fn join(first: ImageResults, second: ImageResults) -> Result<ImageResults> {
    let values = concatenate(Axis(0), &[first.features.values.view(), second.features.values.view()])?;
    let residual = [first.features.residual, second.features.residual].concat();
    let coefficients = match (first.coefficients, second.coefficients) {
        (Some(first), Some(second)) => Some(join_blocks(&first, &second)?),
        _ => None,
    };
    Ok(ImageResults { features: FeatureBlock { values, residual }, coefficients })
}

fn join_blocks(first: &CoefficientBlock, second: &CoefficientBlock) -> Result<CoefficientBlock> {
    let pairs = first.orders.iter().zip(&second.orders);
    let orders =
        pairs.map(|(a, b)| concatenate(Axis(0), &[a.view(), b.view()])).collect::<std::result::Result<_, _>>()?;
    Ok(CoefficientBlock { orders })
}

impl Backend for Failover {
    fn info(&self) -> &BackendInfo {
        &self.info
    }

    fn needs_colors(&self) -> bool {
        self.primary.as_ref().unwrap_or(&self.fallback).needs_colors()
    }

    fn depth(&self) -> usize {
        self.primary.as_ref().unwrap_or(&self.fallback).depth()
    }

    fn batch_images(&self, plan: &ImagePlan, memory_bytes: usize) -> usize {
        self.primary.as_ref().unwrap_or(&self.fallback).batch_images(plan, memory_bytes)
    }

    fn submit(&mut self, plan: &ImagePlan, batch: Batch) -> Result<Ticket> {
        let plan = match &self.plan {
            Some(known) if **known == *plan => Arc::clone(known),
            _ => Arc::clone(self.plan.insert(Arc::new(plan.clone()))),
        };
        let state = match &mut self.primary {
            None => State::Done(compute(self.fallback.as_mut(), &plan, batch.clone())?),
            Some(primary) => match primary.submit(&plan, batch.clone()) {
                Ok(ticket) => State::Submitted(ticket),
                Err(error) if is_recoverable(&error) => State::Failed(error),
                Err(error) => return Err(error),
            },
        };
        let batch = if matches!(state, State::Done(_)) { Batch::default() } else { batch };
        let ticket = Ticket(self.next);
        self.next += 1;
        self.held.push_back(Held { ticket, plan, batch, state });
        Ok(ticket)
    }

    fn collect(&mut self, ticket: Ticket) -> Result<ImageResults> {
        let Some(held) = self.held.pop_front().filter(|h| h.ticket == ticket) else {
            return Err(Error::Ticket(ticket.0));
        };
        let error = match (held.state, &mut self.primary) {
            (State::Done(results), _) => return Ok(results),
            (State::Submitted(ticket), Some(primary)) => match primary.collect(ticket) {
                Ok(results) => return Ok(results),
                Err(error) => error,
            },
            // Submitted to a device that is gone since.
            (State::Submitted(_), None) => Error::Device("the device was given up".into()),
            (State::Failed(error), _) => error,
        };
        self.recover(&held.plan, held.batch, error)
    }

    fn detector(&self) -> Result<Option<Box<dyn Kernels>>> {
        self.primary.as_ref().map_or(Ok(None), |primary| primary.detector())
    }

    fn scatter(&mut self, plan: &ScatteringPlan, segments: &SegmentBlock) -> Result<CoefficientBlock> {
        if self.primary.is_some() {
            match self.primary.as_mut().map(|p| p.scatter(plan, segments)) {
                Some(Err(error)) if is_recoverable(&error) => {
                    self.drain();
                    tracing::warn!("{}: {error}; trying {} segments in two halves", self.info.device, segments.dim().0);
                }
                Some(other) => return other,
                None => {}
            }
            let (first, second) = segments.split_at(segments.dim().0.div_ceil(2));
            let retried = self
                .primary
                .as_mut()
                .map(|primary| join_blocks(&primary.scatter(plan, &first)?, &primary.scatter(plan, &second)?));
            match retried {
                Some(Err(error)) => self.give_up(&error),
                Some(other) => return other,
                None => {}
            }
        }
        self.fallback.scatter(plan, segments)
    }

    fn seconds(&self) -> BTreeMap<&'static str, f64> {
        self.primary.as_ref().map_or_else(|| self.seconds.clone(), |p| p.seconds())
    }

    fn counts(&self) -> BTreeMap<&'static str, u64> {
        self.primary.as_ref().map_or_else(|| self.counts.clone(), |p| p.counts())
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, Array3};

    use super::*;
    use crate::blocks::Pixels;
    use crate::plan::FeaturePlan;
    use crate::testing::{features, network};
    use scatterfall_colormap::Colormap;

    /// Gives every image its first byte as its feature, and fails on the calls that it is told to.
    struct Fake {
        info: BackendInfo,
        depth: usize,
        /// Calls of `submit` and of `collect` (counted from 0) that fail.
        fail_submits: Vec<usize>,
        fail_collects: Vec<usize>,
        /// Batches and segment blocks of more than this are refused.
        most: usize,
        submits: usize,
        collects: usize,
        waiting: VecDeque<(Ticket, Batch)>,
    }

    fn fake(kind: &'static str) -> Fake {
        let info = BackendInfo { kind, device: kind.into(), detail: String::new() };
        let waiting = VecDeque::new();
        Fake {
            info,
            depth: 3,
            fail_submits: vec![],
            fail_collects: vec![],
            most: 100,
            submits: 0,
            collects: 0,
            waiting,
        }
    }

    fn lost() -> Error {
        Error::Device("lost".into())
    }

    impl Backend for Fake {
        fn info(&self) -> &BackendInfo {
            &self.info
        }
        fn depth(&self) -> usize {
            self.depth
        }
        fn batch_images(&self, _: &ImagePlan, _: usize) -> usize {
            self.most
        }
        fn submit(&mut self, _: &ImagePlan, batch: Batch) -> Result<Ticket> {
            self.submits += 1;
            if self.fail_submits.contains(&(self.submits - 1)) || batch.len() > self.most {
                return Err(lost());
            }
            let ticket = Ticket(self.submits as u64);
            self.waiting.push_back((ticket, batch));
            Ok(ticket)
        }
        fn collect(&mut self, ticket: Ticket) -> Result<ImageResults> {
            self.collects += 1;
            let (own, batch) = self.waiting.pop_front().expect("submitted before");
            assert_eq!(own, ticket, "collected in order");
            if self.fail_collects.contains(&(self.collects - 1)) {
                return Err(lost());
            }
            let values = Array3::from_shape_fn((batch.len(), 1, 1), |(i, _, _)| {
                f32::from(batch[i].pixels().map_or(0, |p| p.rgb[0]))
            });
            let residual = vec![if self.info.kind == "gpu" { 1.0 } else { 2.0 }; batch.len()];
            Ok(ImageResults { features: FeatureBlock { values, residual }, coefficients: None })
        }
        fn scatter(&mut self, _: &ScatteringPlan, segments: &SegmentBlock) -> Result<CoefficientBlock> {
            if segments.dim().0 > self.most {
                return Err(lost());
            }
            let order = Array2::from_shape_fn((segments.dim().0, 1), |(i, _)| segments.samples[[i, 0, 0]]);
            Ok(CoefficientBlock { orders: vec![order] })
        }
    }

    fn plans() -> (ImagePlan, ScatteringPlan) {
        let map = Colormap::builtin("jet").expect("comes with the program");
        let features = FeaturePlan::new(&features(), map, 4, 8).expect("fits");
        let scattering = ScatteringPlan::new(&network(""), 1, 4, 1.0).expect("valid");
        (ImagePlan { features, scattering: None }, scattering)
    }

    /// Six batches of four images through `primary`, three in flight: which backend did each batch?
    fn run(primary: Fake) -> Vec<f32> {
        let (plan, _) = plans();
        let mut backend = Failover::new(Box::new(primary), Box::new(fake("cpu")));
        let mut flight = VecDeque::new();
        let mut who = Vec::new();
        for number in 0..6 + backend.depth() {
            if flight.len() == 3 || number >= 6 {
                let Some((k, ticket)) = flight.pop_front() else { break };
                let results = backend.collect(ticket).expect("never fails");
                let values: Vec<f32> = results.features.values.iter().copied().collect();
                let want: Vec<f32> = (0..4).map(|i| (10 * k + i) as f32).collect();
                assert_eq!(values, want, "batch {k} is complete and in order");
                assert!(
                    results.features.residual.iter().all(|r| *r == results.features.residual[0]),
                    "one backend a batch"
                );
                who.push(results.features.residual[0]);
            }
            if number < 6 {
                let image = |i| Pixels { rows: 1, columns: 1, rgb: vec![10 * number as u8 + i; 3] };
                let batch: Vec<Pixels> = (0..4).map(image).collect();
                flight.push_back((number, backend.submit(&plan, batch.into()).expect("never fails")));
            }
        }
        assert_eq!(who.len(), 6, "all batches");
        who
    }

    #[test]
    fn a_healthy_device_does_everything() {
        assert_eq!(run(fake("gpu")), [1.0; 6], "no failure");
    }

    #[test]
    fn a_batch_is_tried_again_in_halves() {
        assert_eq!(run(Fake { fail_collects: vec![2], ..fake("gpu") }), [1.0; 6], "one failure at the end of a batch");
        assert_eq!(run(Fake { fail_submits: vec![1], ..fake("gpu") }), [1.0; 6], "one at the start");
        assert_eq!(run(Fake { most: 2, ..fake("gpu") }), [1.0; 6], "halves fit");
    }

    #[test]
    fn the_other_backend_goes_on() {
        let who = run(Fake { fail_collects: (2..100).collect(), ..fake("gpu") });
        assert_eq!(who, [1.0, 1.0, 2.0, 2.0, 2.0, 2.0], "lost for good in the third batch");
        assert_eq!(run(Fake { most: 1, ..fake("gpu") }), [2.0; 6], "not even halves fit");
        assert_eq!(run(Fake { fail_submits: (0..100).collect(), ..fake("gpu") }), [2.0; 6], "never worked");
    }

    #[test]
    fn segments_too() {
        let (_, plan) = plans();
        let segments = SegmentBlock::from(Array3::from_shape_fn((5, 1, 4), |(i, _, _)| i as f32));
        for (most, kind) in [(5, "gpu"), (3, "gpu"), (2, "cpu")] {
            let mut backend = Failover::new(Box::new(Fake { most, ..fake("gpu") }), Box::new(fake("cpu")));
            let block = backend.scatter(&plan, &segments).expect("never fails");
            assert_eq!(
                block.orders[0].iter().copied().collect::<Vec<_>>(),
                [0.0, 1.0, 2.0, 3.0, 4.0],
                "at most {most}"
            );
            assert_eq!(backend.info().kind, kind, "at most {most}");
        }
    }
}
