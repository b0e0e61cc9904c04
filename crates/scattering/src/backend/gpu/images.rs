//! From pixels to feature windows: the kernels of one feature plan and their dispatches.

use wgpu::BufferUsages;

use super::buffers::{Pool, table, too_many};
use super::device::{Caps, Gpu};
use super::fft::{WorkgroupFft, twiddles};
use super::global_memory::{GlobalMemoryFft, GlobalMemoryShape, tiles};
use super::kernels::{Kernel, Precision, Source};
use super::params::{GlobalMemoryParams, ImageParams, QuantileParams, ResidualParams, ValueParams, WindowParams};
use super::recorder::Recorder;
use crate::backend::color_hash;
use crate::options::Feature;
use crate::plan::{FeaturePlan, GaborKernel};
use crate::{Error, Result};
use scatterfall_colormap::Colormap;

const BUTTERFLIES: &str = include_str!("../../../../../shaders/butterflies.wgsl");
const COLUMNS: &str = include_str!("../../../../../shaders/columns.wgsl");
const PLANES: &str = include_str!("../../../../../shaders/planes.wgsl");
const PEAK: &str = include_str!("../../../../../shaders/peak.wgsl");
const FFT: &str = include_str!("../../../../../shaders/fft.wgsl");

/// Numbers of the shaders that dispatches depend on; a test holds them against the shaders.
pub(super) mod sizes {
    /// value.wgsl: pixels a tile, both ways.
    pub(crate) const TILE: usize = 32;
    /// value.wgsl: bits of the hash.
    pub(crate) const HASH_BITS: u32 = 13;
    /// moments.wgsl and slope.wgsl: columns per workgroup.
    pub(crate) const COLUMN_TEAMS: usize = 16;
    /// gabor.wgsl: columns per workgroup.
    pub(crate) const STRIP: usize = 16;
    /// gabor.wgsl: entries of the table of taps.
    pub(crate) const TAPS: usize = 55;
    /// slope.wgsl: largest difference, in halves of an index.
    pub(crate) const MOST: i32 = 510;
    /// windows.wgsl: windows per workgroup.
    pub(crate) const WINDOWS_WG: usize = 64;
    /// planes.wgsl: number of planes.
    pub(crate) const PLANES: usize = 9;
}

/// Most rows of an image: slope-aspect sums up six times 255 a row in 31 bits.
const MAX_ROWS: usize = 1_000_000;

/// Stands for no place (common.wgsl).
const NONE: u32 = u32::MAX;

/// The kernels' texts that do not depend on a plan.
pub(super) fn value_source() -> Source {
    Source::new("value", &[], &[include_str!("../../../../../shaders/value.wgsl")], "")
}
pub(super) fn residual_source() -> Source {
    Source::new("residual", &[], &[include_str!("../../../../../shaders/residual.wgsl")], "")
}
pub(super) fn moments_source() -> Source {
    Source::new("moments", &[], &[PLANES, COLUMNS, include_str!("../../../../../shaders/moments.wgsl")], "")
}
pub(super) fn gabor_source() -> Source {
    Source::new("gabor", &[], &[PLANES, COLUMNS, include_str!("../../../../../shaders/gabor.wgsl")], "")
}
pub(super) fn slope_source() -> Source {
    Source::new("slope", &[], &[PLANES, COLUMNS, include_str!("../../../../../shaders/slope.wgsl")], "")
}
pub(super) fn quantiles_source() -> Source {
    Source::new("quantiles", &[], &[include_str!("../../../../../shaders/quantiles.wgsl")], "")
}
pub(super) fn windows_source() -> Source {
    Source::new("windows", &[], &[PLANES, include_str!("../../../../../shaders/windows.wgsl")], "")
}

/// The dominant frequency of columns whose transform is `fft`.
pub(super) fn frequency_source(fft: &WorkgroupFft) -> Source {
    let parts = [PLANES, COLUMNS, PEAK, BUTTERFLIES, FFT, include_str!("../../../../../shaders/frequency.wgsl")];
    Source::new("frequency", &fft.constants(), &parts, &fft.program())
}

/// The dominant frequency of long columns, after their transform.
pub(super) fn global_memory_peak_source(shape: &GlobalMemoryShape) -> Source {
    shape.peak(PLANES, PEAK)
}

/// The transform of a column of `rows` values, with frequency.wgsl's own words of workgroup memory.
pub(super) fn frequency_fft(rows: usize, caps: &Caps) -> Option<WorkgroupFft> {
    WorkgroupFft::new(rows, caps, Precision::Single, 3)
}

/// Kernels and tables of one plan.
pub(super) struct ImageStage {
    plan: FeaturePlan,
    value: Kernel,
    residual: Kernel,
    windows: Kernel,
    colors: wgpu::Buffer,
    factor: u32,
    moments: Option<Kernel>,
    gabor: Option<(Kernel, wgpu::Buffer)>,
    slope: Option<(Kernel, wgpu::Buffer)>,
    quantiles: Option<Kernel>,
    frequency: Option<Frequency>,
}

/// The dominant frequency's kernels.
#[expect(clippy::large_enum_variant, reason = "one a plan")]
enum Frequency {
    /// Columns that are transformed in workgroup memory.
    Workgroup { kernel: Kernel, teams: usize, twiddles: wgpu::Buffer },
    /// Columns that are transformed through device memory.
    GlobalMemory { fft: GlobalMemoryFft, columns: Kernel, peak: Kernel },
}

impl ImageStage {
    pub(super) fn new(gpu: &Gpu, plan: &FeaturePlan) -> Result<Self> {
        if plan.rows > MAX_ROWS {
            let (size, limit) = (plan.rows as u64, MAX_ROWS as u64);
            return Err(Error::DeviceLimit { what: "images".into(), size, limit, unit: "rows" });
        }
        let wants = |features: &[Feature]| plan.features.iter().any(|f| features.contains(f));
        let (colors, factor) = colors(&plan.colormap);
        let frequency = if wants(&[Feature::DominantFrequency]) { Some(Frequency::new(gpu, plan.rows)?) } else { None };
        let gabor = if wants(&[Feature::Gabor]) {
            let taps = table(gpu, "taps", &taps(&GaborKernel::new()), BufferUsages::UNIFORM)?;
            Some((Kernel::new::<ImageParams>(gpu, &gabor_source())?, taps))
        } else {
            None
        };
        let slope = if wants(&[Feature::SlopeAspect]) {
            let table = table(gpu, "slope-aspect", &slope_table(plan), BufferUsages::STORAGE)?;
            Some((Kernel::new::<ImageParams>(gpu, &slope_source())?, table))
        } else {
            None
        };
        let kernel_if =
            |features: &[Feature], make: &dyn Fn() -> Result<Kernel>| wants(features).then(make).transpose();
        Ok(Self {
            value: Kernel::new::<ValueParams>(gpu, &value_source())?,
            residual: Kernel::new::<ResidualParams>(gpu, &residual_source())?,
            windows: Kernel::new::<WindowParams>(gpu, &windows_source())?,
            colors: table(gpu, "colors", &colors, BufferUsages::STORAGE)?,
            factor,
            moments: kernel_if(&[Feature::Std, Feature::Mean, Feature::Max], &|| {
                Kernel::new::<ImageParams>(gpu, &moments_source())
            })?,
            quantiles: kernel_if(&[Feature::Median, Feature::P75], &|| {
                Kernel::new::<QuantileParams>(gpu, &quantiles_source())
            })?,
            gabor,
            slope,
            frequency,
            plan: plan.clone(),
        })
    }

    /// Words of one image's pixels.
    pub(super) fn image_words(plan: &FeaturePlan) -> usize {
        (3 * plan.rows * plan.columns).div_ceil(4)
    }

    /// Bytes of device memory an image takes, the largest buffer's and all together's.
    pub(super) fn bytes(plan: &FeaturePlan) -> [usize; 2] {
        let pixels = 4 * Self::image_words(plan);
        let index = 4 * plan.columns * plan.rows.div_ceil(4);
        let statistics = 4 * plan.columns * sizes::PLANES;
        let output = 4 * (plan.windows * plan.features.len() + 1);
        [pixels.max(index).max(statistics).max(output), pixels + index + statistics + output]
    }

    /// Records the way from `pixels` to `output`: `[image, window, feature]`, then a residual an image.
    pub(super) fn record(
        &self,
        rec: &mut Recorder,
        gpu: &Gpu,
        pool: &mut Pool,
        images: usize,
        pixels: &wgpu::Buffer,
        output: &wgpu::Buffer,
    ) -> Result<()> {
        let plan = &self.plan;
        let words = plan.rows.div_ceil(4);
        let columns = images * plan.columns;
        let tiles = plan.rows.div_ceil(sizes::TILE) * plan.columns.div_ceil(sizes::TILE);
        let index = &pool.get(gpu, "index", 4 * (columns * words) as u64)?;
        let statistics = &pool.get(gpu, "columns", 4 * (columns * sizes::PLANES) as u64)?;
        let distances = &pool.get(gpu, "distances", 4 * (images * tiles) as u64)?;
        let number = |n: usize| u32::try_from(n).map_err(|_| too_many(n));
        let shape = ImageParams {
            images: number(images)?,
            rows: number(plan.rows)?,
            columns: number(plan.columns)?,
            stride: number(words)?,
        };

        let gray = u32::from(plan.colormap == Colormap::Gray);
        let ImageParams { images: n, rows, columns: width, stride } = shape;
        let image_words = number(Self::image_words(plan))?;
        let factor = self.factor;
        let params = ValueParams { images: n, rows, columns: width, stride, image_words, factor, gray, padding: 0 };
        let buffers = [("pixels", pixels), ("colors", &self.colors), ("index", index), ("distances", distances)];
        rec.dispatch(&self.value, images * tiles, &params, &buffers)?;
        let out = number(images * plan.windows * plan.features.len())?;
        let params =
            ResidualParams { images: n, tiles: number(tiles)?, pixels: number(plan.rows * plan.columns)?, out };
        rec.dispatch(&self.residual, images, &params, &[("distances", distances), ("output", output)])?;

        if let Some(moments) = &self.moments {
            let buffers = [("index", index), ("columns", statistics)];
            rec.dispatch(moments, columns.div_ceil(sizes::COLUMN_TEAMS), &shape, &buffers)?;
        }
        if let Some((gabor, taps)) = &self.gabor {
            let buffers = [("index", index), ("taps", taps), ("columns", statistics)];
            rec.dispatch(gabor, images * plan.columns.div_ceil(sizes::STRIP), &shape, &buffers)?;
        }
        if let Some((slope, table)) = &self.slope {
            let buffers = [("index", index), ("table", table), ("columns", statistics)];
            rec.dispatch(slope, columns.div_ceil(sizes::COLUMN_TEAMS), &shape, &buffers)?;
        }
        if let Some(f) = &self.frequency {
            f.record(rec, gpu, pool, &shape, index, statistics)?;
        }
        if let Some(quantiles) = &self.quantiles {
            let params = QuantileParams {
                images: n,
                rows,
                columns: width,
                stride,
                windows: number(plan.windows)?,
                window: number(plan.window)?,
                step: number(plan.step)?,
                features: number(plan.features.len())?,
                median: self.place(Feature::Median),
                p75: self.place(Feature::P75),
            };
            rec.dispatch(quantiles, images * plan.windows, &params, &[("index", index), ("output", output)])?;
        }
        let params = self.window_params(shape)?;
        let buffers = [("statistics", statistics), ("output", output)];
        rec.dispatch(&self.windows, (images * plan.windows).div_ceil(sizes::WINDOWS_WG), &params, &buffers)
    }

    /// A feature's place among the channels.
    fn place(&self, feature: Feature) -> u32 {
        self.plan.features.iter().position(|f| *f == feature).and_then(|k| u32::try_from(k).ok()).unwrap_or(NONE)
    }

    #[expect(clippy::cast_possible_truncation, reason = "single precision")]
    fn window_params(&self, shape: ImageParams) -> Result<WindowParams> {
        let plan = &self.plan;
        let number = |n: usize| u32::try_from(n).map_err(|_| too_many(n));
        Ok(WindowParams {
            images: shape.images,
            rows: shape.rows,
            columns: shape.columns,
            windows: number(plan.windows)?,
            window: number(plan.window)?,
            step: number(plan.step)?,
            features: number(plan.features.len())?,
            std_at: self.place(Feature::Std),
            mean_at: self.place(Feature::Mean),
            max_at: self.place(Feature::Max),
            gabor_at: self.place(Feature::Gabor),
            slope_at: self.place(Feature::SlopeAspect),
            frequency_at: self.place(Feature::DominantFrequency),
            steepness: slope_aspect(0.5 / plan.seconds_per_row, 0.0) as f32,
            resolution: plan.frequency(1) as f32,
            padding: 0,
        })
    }
}

impl Frequency {
    fn new(gpu: &Gpu, rows: usize) -> Result<Self> {
        if let Some(fft) = frequency_fft(rows, &gpu.caps) {
            let kernel = Kernel::new::<ImageParams>(gpu, &frequency_source(&fft))?;
            let twiddles = table(gpu, "twiddles", &twiddles(rows), BufferUsages::STORAGE)?;
            return Ok(Self::Workgroup { kernel, teams: fft.teams, twiddles });
        }
        let shape = GlobalMemoryShape::new(rows);
        let columns = Kernel::new::<GlobalMemoryParams>(gpu, &shape.columns())?;
        let peak = Kernel::new::<GlobalMemoryParams>(gpu, &global_memory_peak_source(&shape))?;
        Ok(Self::GlobalMemory { fft: GlobalMemoryFft::new(gpu, shape)?, columns, peak })
    }

    fn record(
        &self,
        rec: &mut Recorder,
        gpu: &Gpu,
        pool: &mut Pool,
        shape: &ImageParams,
        index: &wgpu::Buffer,
        statistics: &wgpu::Buffer,
    ) -> Result<()> {
        let all = shape.images * shape.columns;
        match self {
            Self::Workgroup { kernel, teams, twiddles } => {
                let buffers = [("index", index), ("twiddles", twiddles), ("columns", statistics)];
                rec.dispatch(kernel, (all as usize).div_ceil(*teams), shape, &buffers)
            }
            Self::GlobalMemory { fft, columns, peak } => {
                for (first, count) in tiles(all, fft.tile(&gpu.caps)) {
                    let work = fft.work(gpu, pool, count as usize)?;
                    let params =
                        GlobalMemoryParams { transforms: count, first, columns: all, ..GlobalMemoryParams::default() };
                    let buffers = [("index", index), ("chirps", &fft.chirps), ("work", &work[0])];
                    rec.dispatch(columns, count as usize, &params, &buffers)?;
                    let [results, _] = fft.run(rec, &params, work)?;
                    let buffers = [("work", &results), ("chirps", &fft.chirps), ("columns", statistics)];
                    rec.dispatch(peak, count as usize, &params, &buffers)?;
                }
                Ok(())
            }
        }
    }
}

/// value.wgsl's colours: the hash table, then the map; and the factor of the hash.
fn colors(map: &Colormap) -> (Vec<u32>, u32) {
    let (table, factor) = color_hash::table::<{ 1 << sizes::HASH_BITS }>(map);
    let mut entries = table.to_vec();
    entries.extend((0..=u8::MAX).map(|index| color_hash::packed(map.color(index))));
    (entries, factor)
}

/// gabor.wgsl's taps: (even, odd) for taps -RADIUS to RADIUS, three zeros before and after.
#[expect(clippy::cast_possible_truncation, reason = "single precision is enough for the taps")]
fn taps(kernel: &GaborKernel) -> Vec<[f32; 4]> {
    let radius = GaborKernel::RADIUS;
    let mut out = vec![[0.0; 4]; sizes::TAPS];
    for (k, tap) in out.iter_mut().skip(3).take(2 * radius + 1).enumerate() {
        let (distance, sign) = if k < radius { (radius - k, -1.0) } else { (k - radius, 1.0) };
        *tap = [kernel.even[distance] as f32, (sign * kernel.odd[distance]) as f32, 0.0, 0.0];
    }
    out
}

/// slope.wgsl's table: the feature by its differences along time and distance, in halves of an index.
#[expect(clippy::cast_possible_truncation, reason = "single precision table")]
fn slope_table(plan: &FeaturePlan) -> Vec<f32> {
    let most = sizes::MOST;
    let (t, x) = (0.5 / plan.seconds_per_row, 0.5 / plan.meters_per_column);
    let mut out = Vec::new();
    for dt in -most..=most {
        out.extend((-most..=most).map(|dx| slope_aspect(f64::from(dt) * t, f64::from(dx) * x) as f32));
    }
    out
}

/// Aspect in degrees, 0 to 360, times the ratio of the slopes; the small number keeps a flat line finite.
fn slope_aspect(along_time: f64, along_distance: f64) -> f64 {
    let aspect = along_time.atan2(along_distance).to_degrees().rem_euclid(360.0);
    aspect * along_time / (along_distance + 1e-6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_colour_has_a_slot_of_its_own() {
        for name in ["jet", "viridis", "turbo", "seismic"] {
            let map = Colormap::builtin(name).expect("comes with the program");
            let (table, factor) = colors(&map);
            for index in 0..=255u8 {
                let [r, g, b] = map.color(index);
                let color = u32::from_le_bytes([r, g, b, 0]);
                let entry = table[(color.wrapping_mul(factor) >> (32 - sizes::HASH_BITS)) as usize];
                assert_eq!(entry & 0xFF_FFFF, color, "{name} {index}");
                assert_eq!(
                    entry >> 24,
                    u32::from(map.nearest([r, g, b]).0),
                    "{name} {index}: the lowest of equal colours"
                );
            }
        }
    }

    #[test]
    fn taps_are_odd_and_even() {
        let taps = taps(&GaborKernel::new());
        let middle = 3 + GaborKernel::RADIUS;
        for k in 0..=GaborKernel::RADIUS {
            assert_eq!(taps[middle + k][0], taps[middle - k][0], "even");
            assert_eq!(taps[middle + k][1], -taps[middle - k][1], "odd");
        }
        assert!(taps[..3].iter().chain(&taps[sizes::TAPS - 3..]).flatten().all(|v| *v == 0.0), "zeros at the ends");
    }
}
