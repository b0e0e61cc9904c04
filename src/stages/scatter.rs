//! Plain arrays of segments: .npy in, coefficients out.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use ndarray::{Array3, ArrayView3};

use crate::error::{Error, Result, StoredError};
use crate::progress::Context;
use crate::store::npz::NpzStream;
use scatterfall_npz::NpyReader;
use scatterfall_scattering::backend::cpu::ScatteringKernel;
use scatterfall_scattering::backend::{Backend, log_figures};
use scatterfall_scattering::blocks::SegmentBlock;
use scatterfall_scattering::plan::ScatteringPlan;

/// Samples read and transformed at a time.
const BLOCK_SAMPLES: usize = 1 << 20;

/// Transforms the segments in `input`, `(n, bins)` or `(n, channels, bins)`, to `order_1`, `order_2`, ... in `output`.
///
/// The arrays have the input's axes but the last, then one axis a layer. `pooled` false keeps the scalograms, with
/// time as the last axis. Double precision is read as such. The input is streamed; returns the number of segments.
///
/// # Errors
/// [`Error::Store`] for an input that is no such array, [`Error::Stored`] for scalograms that do not fit the memory.
pub(crate) fn compute(
    ctx: &Context<'_>,
    backend: &mut dyn Backend,
    input: &Path,
    output: &Path,
    pooled: bool,
) -> Result<usize> {
    let file = File::open(input).map_err(|e| Error::io("open", input, e))?;
    let bytes = file.metadata().map_err(|e| Error::io("read", input, e))?.len();
    let wrong = |reason: String| Error::store(input, reason);
    let mut reader = NpyReader::new(BufReader::with_capacity(1 << 20, file), bytes).map_err(wrong)?;
    let (n, channels, bins, flat) = match *reader.shape() {
        [n, bins] => (n, 1, bins, true),
        [n, channels, bins] => (n, channels, bins, false),
        ref other => return Err(wrong(format!("its shape is {other:?}, not (n, bins) or (n, channels, bins)"))),
    };
    if n == 0 || channels == 0 || bins == 0 {
        return Err(wrong(format!("there are no samples in an array of the shape {:?}", reader.shape())));
    }
    let plan = ScatteringPlan::new(&ctx.config.network, channels, bins, ctx.config.network.sampling_rate)?;
    super::design::warn(&plan);
    let unpooled = if pooled { None } else { Some(unpooled(ctx, &plan, n)?) };
    let first = if pooled { plan.first_order() } else { 1 };
    let orders = plan.widths().len() - usize::from(plan.order_0 && !pooled);
    let mut stream = NpzStream::new(output.to_path_buf());
    let handles = (first..first + orders)
        .map(|k| {
            let mut shape = plan.row_shape(k);
            if flat {
                shape.remove(0);
            }
            if !pooled {
                shape.push(plan.pooled.len());
            }
            stream.declare::<f32>(format!("order_{k}"), &shape)
        })
        .collect::<Result<Vec<_>>>()?;
    let block = (BLOCK_SAMPLES / (channels * bins)).clamp(1, n);
    ctx.observer.begin("scatter", n as u64, "segments");
    for from in (0..n).step_by(block) {
        ctx.check()?;
        let rows = block.min(n - from);
        let segments = read(&mut reader, (rows, channels, bins)).map_err(wrong)?;
        let coefficients = match &unpooled {
            Some(kernel) => ctx.pool.install(|| kernel.transform_block(&plan, &segments)),
            None => backend.scatter(&plan, &segments)?,
        };
        for (&handle, order) in handles.iter().zip(&coefficients.orders) {
            stream.append(handle, order.iter().copied())?;
        }
        ctx.observer.advance(rows as u64, (rows * channels * bins * 4) as u64);
    }
    ctx.observer.end();
    stream.finish(|_| Ok(()))?;
    log_figures(backend);
    Ok(n)
}

/// The next segments of an array.
fn read(reader: &mut NpyReader<impl Read>, dim: (usize, usize, usize)) -> std::result::Result<SegmentBlock, String> {
    let count = dim.0 * dim.1 * dim.2;
    if !reader.is_wide() {
        let mut samples = Vec::new();
        reader.read::<f32>(count, &mut samples)?;
        return Array3::from_shape_vec(dim, samples).map(Into::into).map_err(|e| e.to_string());
    }
    let mut samples = Vec::new();
    reader.read::<f64>(count, &mut samples)?;
    let segments = ArrayView3::from_shape(dim, &samples).map_err(|e| e.to_string())?;
    Ok(segments.into())
}

/// The kernel that keeps scalograms, where they fit the memory.
fn unpooled(ctx: &Context<'_>, plan: &ScatteringPlan, n: usize) -> Result<ScatteringKernel> {
    let paths: usize = plan.widths().iter().sum();
    let bytes = [n, plan.channels, paths, plan.pooled.len(), 4].iter().try_fold(1usize, |a, &b| a.checked_mul(b));
    let limit = ctx.config.compute.memory_bytes;
    if bytes.is_none_or(|b| b > limit) {
        let needed_mib = bytes.map(|b| b >> 20);
        return Err(StoredError::ScalogramMemory { segments: n, needed_mib, limit_mib: limit >> 20 }.into());
    }
    Ok(ScatteringKernel::unpooled(plan))
}
