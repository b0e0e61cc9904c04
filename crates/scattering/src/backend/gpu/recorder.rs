//! Recording a batch's work: copies and dispatches with their parameters, and what each took.

use serde::Serialize;
use wgpu::BufferUsages;

use super::device::Gpu;
use super::kernels::Kernel;
use super::params::Params;
use super::timing::Timer;
use crate::{Error, Result};

/// Parameters lie this far apart: the alignment that every device accepts for a uniform binding.
const ALIGNMENT: usize = 256;

/// Dispatches whose parameters fit the device buffer at once.
const PARAMS: usize = 1024;

/// What went to and from the device, since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Traffic {
    /// Bytes of images, segments and parameters uploaded (tables, written once for a plan, aside).
    pub bytes_uploaded: u64,
    /// Bytes of results read back.
    pub bytes_read_back: u64,
    /// Bytes of kernel times read back, where the device has time stamps.
    pub bytes_of_times: u64,
    /// Dispatches.
    pub dispatches: u64,
}

/// The device buffer that dispatches take their parameters from.
pub(super) struct Arena(wgpu::Buffer);

impl Arena {
    pub(super) fn new(gpu: &Gpu) -> Result<Self> {
        let buffer = gpu.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("params"),
            size: (ALIGNMENT * PARAMS) as u64,
            usage: BufferUsages::UNIFORM | BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        gpu.check()?;
        Ok(Self(buffer))
    }
}

/// Commands of one batch on their way to the queue.
pub(super) struct Recorder<'a> {
    gpu: &'a Gpu,
    arena: &'a Arena,
    traffic: &'a mut Traffic,
    timer: Option<&'a mut Timer>,
    encoder: wgpu::CommandEncoder,
    params: Vec<u8>,
}

impl<'a> Recorder<'a> {
    pub(super) fn new(
        gpu: &'a Gpu,
        arena: &'a Arena,
        traffic: &'a mut Traffic,
        mut timer: Option<&'a mut Timer>,
    ) -> Self {
        if let Some(timer) = &mut timer {
            timer.restart();
        }
        Self { gpu, arena, traffic, timer, encoder: encoder(gpu), params: Vec::new() }
    }

    /// Copies the first `bytes` bytes of staged data to the device.
    pub(super) fn upload(&mut self, from: &wgpu::Buffer, to: &wgpu::Buffer, bytes: u64) {
        self.encoder.copy_buffer_to_buffer(from, 0, to, 0, Some(bytes));
        self.traffic.bytes_uploaded += bytes;
    }

    /// Copies the first `bytes` bytes of results to the staging buffer.
    pub(super) fn read_back(&mut self, from: &wgpu::Buffer, to: &wgpu::Buffer, at: u64, bytes: u64) {
        self.encoder.copy_buffer_to_buffer(from, 0, to, at, Some(bytes));
        self.traffic.bytes_read_back += bytes;
    }

    /// Fills the first `bytes` bytes of a device buffer with zeros.
    pub(super) fn clear(&mut self, buffer: &wgpu::Buffer, bytes: u64) {
        self.encoder.clear_buffer(buffer, 0, Some(bytes));
    }

    /// One dispatch of `groups` workgroups; `buffers` are the kernel's bindings by name, its parameters aside.
    ///
    /// # Errors
    /// [`Error::Shader`] where parameters or buffers are not the kernel's: a programmer's error, caught by every test.
    pub(super) fn dispatch<P: Params>(
        &mut self,
        kernel: &Kernel,
        groups: usize,
        params: &P,
        buffers: &[(&str, &wgpu::Buffer)],
    ) -> Result<()> {
        if groups == 0 {
            return Ok(());
        }
        let wrong = |reason: String| Error::Shader { name: kernel.name.into(), reason };
        if kernel.params != P::NAME || kernel.bindings.len() != buffers.len() + 1 {
            return Err(wrong(format!("takes {} and {} buffers", kernel.params, kernel.bindings.len() - 1)));
        }
        if self.params.len() == ALIGNMENT * PARAMS {
            self.flush();
        }
        let offset = self.params.len();
        self.params.extend_from_slice(bytemuck::bytes_of(params));
        self.params.resize(offset + ALIGNMENT, 0);

        let mut entries = Vec::with_capacity(kernel.bindings.len());
        for binding in &kernel.bindings {
            let resource = if binding.number == 0 {
                let size = std::num::NonZeroU64::new(size_of::<P>() as u64);
                wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                    buffer: &self.arena.0,
                    offset: offset as u64,
                    size,
                })
            } else {
                let buffer = buffers.iter().find(|(name, _)| *name == binding.name);
                buffer.ok_or_else(|| wrong(format!("needs a buffer `{}`", binding.name)))?.1.as_entire_binding()
            };
            entries.push(wgpu::BindGroupEntry { binding: binding.number, resource });
        }
        let group = self.gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some(kernel.name),
            layout: &kernel.layout,
            entries: &entries,
        });
        let (x, y) =
            grid(groups, self.gpu.caps.groups).ok_or_else(|| wrong(format!("{groups} workgroups are too many")))?;
        let mut pass = self.encoder.begin_compute_pass(&wgpu::ComputePassDescriptor {
            label: Some(kernel.name),
            timestamp_writes: self.timer.as_mut().and_then(|t| t.next(kernel.name)),
        });
        pass.set_pipeline(&kernel.pipeline);
        pass.set_bind_group(0, &group, &[]);
        pass.dispatch_workgroups(x, y, 1);
        self.traffic.dispatches += 1;
        Ok(())
    }

    /// Hands what is recorded to the queue; writes to the arena take place after all that was submitted before.
    fn flush(&mut self) -> wgpu::SubmissionIndex {
        if !self.params.is_empty() {
            self.gpu.queue.write_buffer(&self.arena.0, 0, &self.params);
            self.traffic.bytes_uploaded += self.params.len() as u64;
            self.params.clear();
        }
        let recorded = std::mem::replace(&mut self.encoder, encoder(self.gpu));
        self.gpu.queue.submit([recorded.finish()])
    }

    /// Bytes of kernel times that [`Self::submit`] adds to the staging buffer.
    pub(super) fn time_bytes(&self) -> u64 {
        self.timer.as_ref().map_or(0, |t| t.bytes())
    }

    /// Submits the rest; the kernels' times go to `read` at `at`.
    pub(super) fn submit(mut self, read: &wgpu::Buffer, at: u64) -> Result<wgpu::SubmissionIndex> {
        if let Some(timer) = &mut self.timer {
            timer.resolve(&mut self.encoder, read, at);
            self.traffic.bytes_of_times += timer.bytes();
        }
        let submission = self.flush();
        self.gpu.check()?;
        Ok(submission)
    }
}

fn encoder(gpu: &Gpu) -> wgpu::CommandEncoder {
    gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("scatterfall") })
}

/// Workgroups in two dimensions: one, as long as it goes. The last row may be longer than needed; kernels guard.
#[expect(clippy::cast_possible_truncation, reason = "checked")]
fn grid(groups: usize, most: u32) -> Option<(u32, u32)> {
    let most = most as usize;
    if groups <= most {
        return Some((groups as u32, 1));
    }
    let y = groups.div_ceil(most);
    (y <= most).then(|| (groups.div_ceil(y) as u32, y as u32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_grids_are_folded() {
        assert_eq!(grid(1, 65_535), Some((1, 1)), "one");
        assert_eq!(grid(65_535, 65_535), Some((65_535, 1)), "just fits");
        assert_eq!(grid(65_536, 65_535), Some((32_768, 2)), "one too many");
        assert_eq!(grid(1 << 40, 65_535), None, "no device does this at once");
        for groups in [65_537, 100_003, 1_000_000] {
            let (x, y) = grid(groups, 65_535).expect("fits");
            assert!(x as usize * y as usize >= groups, "{groups} are covered");
        }
    }
}
