//! Parameter structures of the kernels: the same names, fields and order as in the shaders, which every kernel is checked
//! against when it is composed.

use bytemuck::{Pod, Zeroable};

/// A structure that a kernel takes as its uniform at binding 0.
pub(super) trait Params: Pod {
    /// Name of the structure in WGSL.
    const NAME: &'static str;
    /// Fields with their offsets in bytes.
    const FIELDS: &'static [(&'static str, usize)];
}

macro_rules! params {
    ($($name:ident { $($field:ident: $type:ty),* $(,)? })*) => {$(
        #[repr(C)]
        #[derive(Clone, Copy, Debug, Default, Pod, Zeroable)]
        pub(super) struct $name {
            $(pub(super) $field: $type),*
        }

        impl Params for $name {
            const NAME: &'static str = stringify!($name);
            const FIELDS: &'static [(&'static str, usize)] =
                &[$((stringify!($field), std::mem::offset_of!($name, $field))),*];
        }
    )*};
}

params! {
    ValueParams { images: u32, rows: u32, columns: u32, stride: u32, image_words: u32, factor: u32, gray: u32, padding: u32 }
    ResidualParams { images: u32, tiles: u32, pixels: u32, out: u32 }
    ImageParams { images: u32, rows: u32, columns: u32, stride: u32 }
    QuantileParams {
        images: u32, rows: u32, columns: u32, stride: u32, windows: u32, window: u32, step: u32, features: u32,
        median: u32, p75: u32,
    }
    WindowParams {
        images: u32, rows: u32, columns: u32, windows: u32, window: u32, step: u32, features: u32,
        std_at: u32, mean_at: u32, max_at: u32, gabor_at: u32, slope_at: u32, frequency_at: u32,
        steepness: f32, resolution: f32, padding: u32,
    }
    SpectrumParams {
        signals: u32, first: u32, channels: u32, segments: u32,
        image_stride: u32, segment_stride: u32, channel_stride: u32, sample_stride: u32,
    }
    GlobalMemoryParams {
        transforms: u32, first: u32, stride: u32, filters: u32, pooled_from: u32, pooled_count: u32, out: u32, columns: u32,
    }
    ScalogramParams {
        signals: u32, width: u32, filters: u32, pooled_from: u32, pooled_count: u32, out: u32, first_layer: u32,
    }
    PrecisionCheckParams {
        signals: u32, filters: u32, width: u32, first_width: u32, out: u32, first_out: u32, first_layer: u32, limit: f32,
    }
    DetectParams {
        rows: u32, columns: u32, places: u32, steps: u32, image_at: u32, plane_words: u32, parts: u32,
        limit: u32, hold_reach: u32, improved: u32, fill_rows: u32, level_width: u32, row_reach: u32,
        line_length: u32, lines: u32, out: u32, sample_rows: u32, sample_columns: u32, row_step: u32, column_step: u32,
        width: u32, samples_at: u32,
        row_jump: f32, scale: f32, scale_right: f32, scale_below: f32, scale_corner: f32, padding: u32,
    }
}
