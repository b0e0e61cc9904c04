//! Signals that single precision does not serve, on a device without double, and those on a level: the CPU's transform
//! takes them.

use std::sync::Arc;

use ndarray::Array2;
use rayon::ThreadPool;

use crate::backend::cpu::ScatteringKernel;
use crate::blocks::SegmentBlock;
use crate::plan::ScatteringPlan;

/// The CPU's transform of single signals.
pub(super) struct HostScatter {
    threads: Arc<ThreadPool>,
    kernel: Option<(ScatteringPlan, ScatteringKernel)>,
}

impl HostScatter {
    pub(super) fn new(threads: Arc<ThreadPool>) -> Self {
        Self { threads, kernel: None }
    }

    /// The host's threads.
    pub(super) fn threads(&self) -> &ThreadPool {
        &self.threads
    }

    /// The same, to share.
    pub(super) fn pool(&self) -> &Arc<ThreadPool> {
        &self.threads
    }

    /// Replaces the coefficients of the signals `(row, channel)` in `orders`, from the samples that
    /// `fill(row, channel, samples)` writes, and the level it returns.
    pub(super) fn replace(
        &mut self,
        plan: &ScatteringPlan,
        signals: &[(usize, usize)],
        orders: &mut [Array2<f32>],
        fill: impl Fn(usize, usize, &mut [f32]) -> f64,
    ) {
        let mut block = SegmentBlock::zeros((signals.len(), 1, plan.bins));
        let places = block.samples.outer_iter_mut().zip(&mut block.levels);
        for ((mut out, level), &(row, channel)) in places.zip(signals) {
            if let Some(samples) = out.as_slice_mut() {
                *level = fill(row, channel, samples);
            }
        }
        let (plan, kernel) = match self.kernel.take() {
            Some(known) if known.0 == *plan => self.kernel.insert(known),
            _ => {
                let single = ScatteringPlan { channels: 1, order_0: false, ..plan.clone() };
                self.kernel.insert((plan.clone(), ScatteringKernel::new(&single)))
            }
        };
        let (plan, kernel) = (&*plan, &*kernel);
        let results = self.threads.install(|| kernel.transform_block(plan, &block));
        for (order, result) in orders.iter_mut().skip(usize::from(plan.order_0)).zip(results.orders) {
            let width = result.ncols();
            for (result, &(row, channel)) in result.rows().into_iter().zip(signals) {
                order.row_mut(row).iter_mut().skip(channel * width).zip(result).for_each(|(to, from)| *to = *from);
            }
        }
    }
}
