//! Device and staging buffers, made once and used again from batch to batch.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rayon::ThreadPool;
use rayon::prelude::*;
use wgpu::BufferUsages;

use super::device::Gpu;
use crate::{Error, Result};

/// Bytes that one thread copies at a time.
const BLOCK: usize = 1 << 16;

/// Device memory by name. A buffer grows when more is asked for and never shrinks; batches share it, because a queue works
/// on one after the other.
#[derive(Default)]
pub(super) struct Pool {
    buffers: BTreeMap<&'static str, wgpu::Buffer>,
}

impl Pool {
    /// The buffer `name` with at least `bytes` bytes.
    ///
    /// # Errors
    /// [`Error::DeviceLimit`] where it is longer than the device allows, [`Error::Device`] where memory is short.
    pub(super) fn get(&mut self, gpu: &Gpu, name: &'static str, bytes: u64) -> Result<wgpu::Buffer> {
        // An empty binding is not allowed.
        let size = bytes.max(4).next_multiple_of(4);
        if let Some(buffer) = self.buffers.get(name)
            && buffer.size() >= size
        {
            return Ok(buffer.clone());
        }
        if size > gpu.caps.binding_bytes.min(gpu.caps.buffer_bytes) {
            return Err(too_long(gpu, name, size));
        }
        // The old one goes first: the device may not hold both.
        self.buffers.remove(name);
        let usage = BufferUsages::STORAGE | BufferUsages::COPY_SRC | BufferUsages::COPY_DST;
        let buffer = create(gpu, name, size, usage, false)?;
        self.buffers.insert(name, buffer.clone());
        Ok(buffer)
    }

    /// Fills everything with NaN: what a test reads must have been written.
    pub(super) fn poison(&self, gpu: &Gpu) {
        for buffer in self.buffers.values() {
            let size = usize::try_from(buffer.size()).unwrap_or(0);
            gpu.queue.write_buffer(buffer, 0, &vec![0xFF; size]);
        }
    }

    /// Bytes of all buffers.
    pub(super) fn bytes(&self) -> u64 {
        self.buffers.values().map(wgpu::Buffer::size).sum()
    }
}

/// A number of things for which a kernel's 32-bit index is too short.
pub(super) fn too_many(n: usize) -> Error {
    Error::DeviceLimit { what: "a batch".into(), size: n as u64, limit: u32::MAX.into(), unit: "numbers" }
}

fn too_long(gpu: &Gpu, name: &str, bytes: u64) -> Error {
    let limit = gpu.caps.binding_bytes.min(gpu.caps.buffer_bytes) >> 20;
    Error::DeviceLimit { what: format!("the buffer `{name}`"), size: bytes.div_ceil(1 << 20), limit, unit: "MiB" }
}

fn create(gpu: &Gpu, name: &str, size: u64, usage: BufferUsages, mapped_at_creation: bool) -> Result<wgpu::Buffer> {
    let buffer =
        gpu.device.create_buffer(&wgpu::BufferDescriptor { label: Some(name), size, usage, mapped_at_creation });
    gpu.check()?;
    Ok(buffer)
}

/// A table that kernels read: written once.
pub(super) fn table<T: bytemuck::NoUninit>(
    gpu: &Gpu,
    name: &str,
    values: &[T],
    usage: BufferUsages,
) -> Result<wgpu::Buffer> {
    let bytes: &[u8] = bytemuck::cast_slice(values);
    let size = (bytes.len() as u64).max(16).next_multiple_of(4);
    if usage.contains(BufferUsages::STORAGE) && size > gpu.caps.binding_bytes {
        return Err(too_long(gpu, name, size));
    }
    let buffer = create(gpu, name, size, usage | BufferUsages::COPY_DST, false)?;
    gpu.queue.write_buffer(&buffer, 0, bytes);
    Ok(buffer)
}

/// Host memory that the device copies from and to, for one batch in flight.
pub(super) struct Staging {
    upload: Option<Mapped>,
    read: Option<wgpu::Buffer>,
}

/// An upload buffer, mapped or about to be.
struct Mapped {
    buffer: wgpu::Buffer,
    ready: Arc<AtomicBool>,
}

impl Staging {
    pub(super) fn new() -> Self {
        Self { upload: None, read: None }
    }

    /// The upload buffer with `parts` written one after another, each padded to whole words. `threads` copy: one alone is
    /// slower than the way to a card.
    pub(super) fn upload(&mut self, gpu: &Gpu, threads: &ThreadPool, parts: &[&[u8]]) -> Result<wgpu::Buffer> {
        let bytes: u64 = parts.iter().map(|p| (p.len() as u64).next_multiple_of(4)).sum();
        let upload = match self.upload.take() {
            Some(upload) if upload.buffer.size() >= bytes => upload,
            _ => {
                let usage = BufferUsages::MAP_WRITE | BufferUsages::COPY_SRC;
                let buffer = create(gpu, "upload", bytes.max(4), usage, true)?;
                Mapped { buffer, ready: Arc::new(AtomicBool::new(true)) }
            }
        };
        if !upload.ready.load(Ordering::SeqCst) {
            gpu.device.poll(wgpu::PollType::wait_indefinitely()).map_err(|e| Error::Device(e.to_string()))?;
            gpu.check()?;
        }
        {
            let view = upload.buffer.get_mapped_range_mut(0..bytes.max(4));
            let mut view = view.map_err(|e| Error::Device(format!("cannot write to the graphics device: {e}")))?;
            let mut rest = view.slice(..);
            let mut blocks = Vec::new();
            for part in parts {
                let (own, others) = rest.split_at(part.len().next_multiple_of(4));
                rest = others;
                // Only blocks of a known length may go to other threads.
                let (own, mut tail) = own.into_slice(..part.len()).into_chunks::<BLOCK>();
                let (from, from_tail) = part.as_chunks::<BLOCK>();
                blocks.extend(own.into_iter().zip(from));
                tail.copy_from_slice(from_tail);
            }
            threads.install(|| {
                blocks.into_par_iter().for_each(|(to, from)| wgpu::WriteOnly::from(to).copy_from_slice(from))
            });
        }
        upload.buffer.unmap();
        let buffer = upload.buffer.clone();
        self.upload = Some(upload);
        Ok(buffer)
    }

    /// The buffer that results are copied to, with at least `bytes` bytes.
    pub(super) fn read(&mut self, gpu: &Gpu, bytes: u64) -> Result<wgpu::Buffer> {
        match &self.read {
            Some(read) if read.size() >= bytes => Ok(read.clone()),
            _ => {
                let read =
                    create(gpu, "readback", bytes.max(8), BufferUsages::MAP_READ | BufferUsages::COPY_DST, false)?;
                self.read = Some(read.clone());
                Ok(read)
            }
        }
    }

    /// Waits for `submission` and hands the first `bytes` bytes of its results to `take`; the staging is free again then.
    pub(super) fn collect<T>(
        &mut self,
        gpu: &Gpu,
        submission: wgpu::SubmissionIndex,
        bytes: u64,
        take: impl FnOnce(&[u8]) -> T,
    ) -> Result<T> {
        let failed = |e: String| Error::Device(format!("cannot read from the graphics device: {e}"));
        let read = self.read.clone().ok_or_else(|| failed("nothing was submitted".into()))?;
        let (sender, receiver) = std::sync::mpsc::channel();
        read.map_async(wgpu::MapMode::Read, 0..bytes.max(8), move |result| _ = sender.send(result));
        gpu.wait(submission)?;
        receiver.recv().map_err(|e| failed(e.to_string()))?.map_err(|e| failed(e.to_string()))?;
        let result = {
            let view = read.get_mapped_range(0..bytes.max(8)).map_err(|e| failed(e.to_string()))?;
            take(view.get(..usize::try_from(bytes).unwrap_or(0)).unwrap_or(&[]))
        };
        read.unmap();
        if let Some(upload) = &self.upload {
            // The device is done with it: ready for writing when the next batch comes.
            upload.ready.store(false, Ordering::SeqCst);
            let ready = Arc::clone(&upload.ready);
            upload
                .buffer
                .map_async(wgpu::MapMode::Write, .., move |result| ready.store(result.is_ok(), Ordering::SeqCst));
            gpu.device.poll(wgpu::PollType::Poll).map_err(|e| failed(e.to_string()))?;
        }
        Ok(result)
    }
}
