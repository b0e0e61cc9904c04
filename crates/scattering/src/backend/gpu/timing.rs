//! What each kernel and each transfer takes.

use std::collections::BTreeMap;

use wgpu::BufferUsages;

use super::device::Gpu;
use crate::Result;

/// Dispatches of a batch that are timed; further ones (long segments take many) are not.
const TIMED: u32 = 256;

/// Seconds since the backend was opened, by what took them: `upload` and `readback` are the host's copying, `waiting` its
/// waiting for the device, everything else is a kernel on the device.
pub(super) type Timings = BTreeMap<&'static str, f64>;

/// Time stamps of one batch in flight.
pub(super) struct Timer {
    queries: wgpu::QuerySet,
    resolved: wgpu::Buffer,
    names: Vec<&'static str>,
    nanoseconds: f64,
}

impl Timer {
    /// A timer, where the device has time stamps.
    pub(super) fn new(gpu: &Gpu) -> Result<Option<Self>> {
        if !gpu.timestamps {
            return Ok(None);
        }
        let queries = gpu.device.create_query_set(&wgpu::QuerySetDescriptor {
            label: Some("times"),
            ty: wgpu::QueryType::Timestamp,
            count: 2 * TIMED,
        });
        let resolved = gpu.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("times"),
            size: 16 * u64::from(TIMED),
            usage: BufferUsages::QUERY_RESOLVE | BufferUsages::COPY_SRC,
            mapped_at_creation: false,
        });
        gpu.check()?;
        Ok(Some(Self {
            queries,
            resolved,
            names: Vec::new(),
            nanoseconds: f64::from(gpu.queue.get_timestamp_period()),
        }))
    }

    pub(super) fn restart(&mut self) {
        self.names.clear();
    }

    /// Where the next dispatch, of kernel `name`, notes its times.
    pub(super) fn next(&mut self, name: &'static str) -> Option<wgpu::ComputePassTimestampWrites<'_>> {
        let at = u32::try_from(self.names.len()).ok().filter(|at| *at < TIMED)?;
        self.names.push(name);
        Some(wgpu::ComputePassTimestampWrites {
            query_set: &self.queries,
            beginning_of_pass_write_index: Some(2 * at),
            end_of_pass_write_index: Some(2 * at + 1),
        })
    }

    /// Bytes of the times noted so far.
    pub(super) fn bytes(&self) -> u64 {
        16 * self.names.len() as u64
    }

    pub(super) fn resolve(&self, encoder: &mut wgpu::CommandEncoder, read: &wgpu::Buffer, at: u64) {
        let count = u32::try_from(2 * self.names.len()).unwrap_or(0);
        if count > 0 {
            encoder.resolve_query_set(&self.queries, 0..count, &self.resolved, 0);
            encoder.copy_buffer_to_buffer(&self.resolved, 0, read, at, Some(self.bytes()));
        }
    }

    /// Adds the times in `bytes` (as they were read back) to `timings`.
    #[expect(clippy::cast_precision_loss, reason = "nanoseconds of one kernel")]
    pub(super) fn collect(&self, bytes: &[u8], timings: &mut Timings) {
        for (name, pair) in self.names.iter().zip(bytes.chunks_exact(16)) {
            let stamp = |b: &[u8]| b.try_into().map_or(0, u64::from_le_bytes);
            let ticks = stamp(&pair[8..]).saturating_sub(stamp(&pair[..8]));
            *timings.entry(name).or_default() += ticks as f64 * self.nanoseconds * 1e-9;
        }
    }
}
