//! Every composed shader against the Rust side, without an adapter: it parses and validates, its parameters lie where the
//! Rust structure has them, its constants are the host's, its workgroups and memory fit the limits it was composed for, and
//! its bindings are the ones expected.

use scatterfall_detector::whiten::CLIP;
use wgpu::naga::front::wgsl;
use wgpu::naga::{Expression, Literal};

use super::detect;
use super::device::Caps;
use super::global_memory::{self, GlobalMemoryShape};
use super::images::{self, sizes};
use super::kernels::{Precision, Reflection, Source};
use super::params::{
    DetectParams, GlobalMemoryParams, ImageParams, Params, PrecisionCheckParams, QuantileParams, ResidualParams,
    ScalogramParams, SpectrumParams, ValueParams, WindowParams,
};
use super::precision_check;
use super::scatter;
use crate::options::Pooling;

const LARGE: Caps = Caps { workgroup_bytes: 48 << 10, invocations: 1024, ..Caps::DEFAULT };

fn reflected<P: Params>(source: &Source) -> Reflection {
    let reflection = source.reflect::<P>().unwrap_or_else(|e| panic!("{e}"));
    let unrolled = source.unrolled().reflect::<P>().unwrap_or_else(|e| panic!("with loops written out: {e}"));
    assert_eq!(
        (&unrolled.bindings, unrolled.workgroup_bytes),
        (&reflection.bindings, reflection.workgroup_bytes),
        "the same"
    );
    reflection
}

fn names(reflection: &Reflection) -> Vec<&str> {
    reflection.bindings.iter().map(|b| b.name.as_str()).collect()
}

/// Value of a whole-number constant of the text.
fn constant(source: &Source, name: &str) -> Option<i64> {
    let module = wgsl::parse_str(&source.text).ok()?;
    let (_, constant) = module.constants.iter().find(|(_, c)| c.name.as_deref() == Some(name))?;
    match module.global_expressions[constant.init] {
        Expression::Literal(Literal::U32(v)) => Some(v.into()),
        Expression::Literal(Literal::I32(v)) => Some(v.into()),
        _ => None,
    }
}

#[test]
fn plans_of_images() {
    let all = [
        (
            images::value_source(),
            reflected::<ValueParams>(&images::value_source()),
            "params pixels colors index distances",
        ),
        (images::residual_source(), reflected::<ResidualParams>(&images::residual_source()), "params distances output"),
        (images::moments_source(), reflected::<ImageParams>(&images::moments_source()), "params index columns"),
        (images::gabor_source(), reflected::<ImageParams>(&images::gabor_source()), "params index taps columns"),
        (images::slope_source(), reflected::<ImageParams>(&images::slope_source()), "params index table columns"),
        (images::quantiles_source(), reflected::<QuantileParams>(&images::quantiles_source()), "params index output"),
        (images::windows_source(), reflected::<WindowParams>(&images::windows_source()), "params statistics output"),
    ];
    for (source, reflection, bindings) in all {
        assert_eq!(names(&reflection).join(" "), bindings, "{}", source.name);
        assert!(
            reflection.bindings.iter().enumerate().all(|(k, b)| b.number as usize == k),
            "{}: no gaps",
            source.name
        );
        fits(&source, &reflection, &Caps::DEFAULT);
    }
}

fn fits(source: &Source, reflection: &Reflection, caps: &Caps) {
    let (bytes, invocations) = (reflection.workgroup_bytes, reflection.invocations);
    assert!(bytes <= caps.workgroup_bytes, "{} takes {bytes} bytes of workgroup memory", source.name);
    assert!(invocations <= caps.invocations, "{} takes {invocations} invocations", source.name);
    let storage = reflection.bindings.iter().filter(|b| b.kind != wgpu::BufferBindingType::Uniform).count();
    assert!(storage <= 8, "{} binds {storage} storage buffers, wgpu allows 8 by default", source.name);
}

#[test]
fn the_detectors_kernels() {
    for source in detect::sources() {
        let reflection = reflected::<DetectParams>(&source);
        assert!(
            reflection.bindings.iter().enumerate().all(|(k, b)| b.number as usize == k),
            "{}: no gaps",
            source.name
        );
        assert_eq!(reflection.invocations, detect::GROUP, "{}", source.name);
        fits(&source, &reflection, &Caps::DEFAULT);
        let clip = [source.text.contains("CLIP_LOW: f32 = -4.0"), source.text.contains("CLIP_HIGH: f32 = 8.0")];
        assert_eq!((clip, CLIP), ([true; 2], (-4.0, 8.0)), "bounds of {}", source.name);
    }
}

#[test]
fn constants_are_the_hosts() {
    let value = |n: usize| i64::try_from(n).expect("small");
    for (source, name, want) in [
        (images::value_source(), "TILE_COLUMNS", value(sizes::TILE)),
        (images::value_source(), "TILE_ROWS", value(sizes::TILE)),
        (images::value_source(), "HASH_BITS", i64::from(sizes::HASH_BITS)),
        (images::value_source(), "NONE", i64::from(u32::MAX)),
        (images::moments_source(), "COLUMN_TEAMS", value(sizes::COLUMN_TEAMS)),
        (images::moments_source(), "PLANE_BIN", value(sizes::PLANES - 1)),
        (images::slope_source(), "SLOPE_TEAMS", value(sizes::COLUMN_TEAMS)),
        (images::slope_source(), "MOST", i64::from(sizes::MOST)),
        (images::slope_source(), "SPAN", i64::from(2 * sizes::MOST + 1)),
        (images::gabor_source(), "STRIP", value(sizes::STRIP)),
        (images::gabor_source(), "TAPS", value(sizes::TAPS)),
        (images::gabor_source(), "RADIUS", value(crate::plan::GaborKernel::RADIUS)),
        (images::windows_source(), "WINDOWS_WG", value(sizes::WINDOWS_WG)),
    ] {
        assert_eq!(constant(&source, name), Some(want), "{name} of {}", source.name);
    }
    let fft = scatter::segment_fft(128, &Caps::DEFAULT, Precision::Single).expect("fits");
    let source = scatter::scalogram_source(&fft, Precision::Single, Pooling::Median, false);
    assert_eq!(constant(&source, "COUNTERS"), Some(value(scatter::COUNTERS)), "counters of pool.wgsl");
    assert_eq!(constant(&source, "NO_SUCH"), None, "negative control");
}

#[test]
fn every_length_composes_and_fits() {
    for caps in [Caps::DEFAULT, LARGE] {
        for n in [1, 2, 3, 7, 16, 30, 97, 128, 129, 536, 1000, 2000, 2048, 3072, 4096, 5000] {
            match images::frequency_fft(n, &caps) {
                Some(rows) => {
                    let frequency = images::frequency_source(&rows);
                    fits(&frequency, &reflected::<ImageParams>(&frequency), &caps);
                }
                None => assert!(n > 3600, "{n} fits {caps:?} in halves"),
            }
            for (precision, most, list) in [(Precision::Single, 3600, None), (Precision::Double, 1900, Some("list"))] {
                let Some(fft) = scatter::segment_fft(n, &caps, precision) else {
                    assert!(n > most, "{n} fits {caps:?} in halves in {precision:?} precision");
                    continue;
                };
                let spectrum = scatter::spectrum_source(&fft, precision);
                let reflection = reflected::<SpectrumParams>(&spectrum);
                let mut bindings = vec!["params", "series", "taper", "twiddles", "spectra"];
                bindings.extend(list);
                assert_eq!(names(&reflection), bindings, "{n}");
                fits(&spectrum, &reflection, &caps);
                for (pooling, forward) in [(Pooling::Median, true), (Pooling::Mean, false), (Pooling::Max, true)] {
                    let source = scatter::scalogram_source(&fft, precision, pooling, forward);
                    let reflection = reflected::<ScalogramParams>(&source);
                    let mut bindings =
                        vec!["params", "spectra", "supports", "filters", "twiddles", "coefficients", "next"];
                    bindings.extend(list);
                    assert_eq!(names(&reflection), bindings, "{n}");
                    fits(&source, &reflection, &caps);
                }
            }
            let doubt = precision_check::source(n);
            let reflection = reflected::<PrecisionCheckParams>(&doubt);
            let bindings = "params spectra supports filters input_noise coefficients noise list";
            assert_eq!(names(&reflection).join(" "), bindings, "{n}");
            assert_eq!(reflection.invocations, precision_check::CHECK_WG, "{n}");
            fits(&doubt, &reflection, &caps);
        }
    }
}

#[test]
fn long_lengths_compose_and_fit() {
    for n in [11, 859, 4096, 5000, 10_007, 65_536, 65_537] {
        let shape = GlobalMemoryShape::new(n);
        let samples = shape.samples();
        fits(&samples, &reflected::<SpectrumParams>(&samples), &Caps::DEFAULT);
        let mut all = vec![shape.columns(), shape.product(), shape.convolve(), shape.moduli(), shape.half()];
        all.extend([Pooling::Median, Pooling::Mean, Pooling::Max].map(|p| shape.pool(p)));
        all.extend([2, 3, 4, 5, 8].map(|r| shape.step(r)));
        all.push(images::global_memory_peak_source(&shape));
        for source in all {
            let reflection = reflected::<GlobalMemoryParams>(&source);
            fits(&source, &reflection, &Caps::DEFAULT);
            assert_eq!(reflection.invocations, global_memory::GLOBAL_MEMORY_WG, "{}", source.name);
        }
    }
}

#[test]
fn errors_name_the_shader_and_the_line() {
    let broken = Source::new("broken", &[("N", 3)], &["fn f() -> u32 {\n    return nothing;\n}"], "");
    let error = broken.reflect::<ImageParams>().err().map(|e| e.to_string()).unwrap_or_default();
    assert!(error.starts_with("shader broken:") && error.contains("return nothing"), "{error}");
    let other = images::value_source().reflect::<ImageParams>().err().map(|e| e.to_string()).unwrap_or_default();
    assert!(other.contains("has no structure ImageParams"), "{other}");
    let moved =
        Source::new("moved", &[], &["struct ImageParams { rows: u32, images: u32, columns: u32, stride: u32 }"], "");
    let moved = moved.reflect::<ImageParams>().err().map(|e| e.to_string()).unwrap_or_default();
    assert!(moved.contains("in WGSL and"), "a field out of place shows: {moved}");
}
