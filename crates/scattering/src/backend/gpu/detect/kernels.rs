//! The kernels of the detector.

use super::super::device::Gpu;
use super::super::kernels::{Kernel, Source};
use super::super::params::DetectParams;
use crate::Result;

/// Invocations a workgroup.
pub(in super::super) const GROUP: usize = 256;

const SHARED: &str = include_str!("../../../../../../shaders/detect.wgsl");
const INPUT: &str = include_str!("../../../../../../shaders/detect_input.wgsl");

macro_rules! kernels {
    ($($field:ident: $name:literal ($($part:expr),*)),* $(,)?) => {
        /// The compiled kernels.
        pub(super) struct Compiled {
            $(pub(super) $field: Kernel),*
        }

        impl Compiled {
            pub(super) fn new(gpu: &Gpu) -> Result<Self> {
                let [$($field),*] = sources();
                Ok(Self { $($field: Kernel::new::<DetectParams>(gpu, &$field)?),* })
            }
        }

        /// The kernels' texts.
        pub(in super::super) fn sources() -> [Source; [$($name),*].len()] {
            [$({
                let own = include_str!(concat!("../../../../../../shaders/", $name, ".wgsl"));
                Source::new($name, &[("DETECT_WG", GROUP as u32)], &[SHARED, $($part,)* own], "")
            }),*]
        }
    };
}

kernels! {
    whiten: "detect_whiten" (INPUT),
    places: "detect_places" (),
    steps: "detect_steps" (INPUT),
    around: "detect_around" (),
    median: "detect_median" (),
    level: "detect_level" (INPUT),
    samples: "detect_samples" (),
    widen: "detect_widen" (),
    rows: "detect_rows" (),
    blocks: "detect_blocks" (INPUT),
}
