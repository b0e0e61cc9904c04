//! The detector's measurement on the device against the host's.

use std::path::Path;
use std::sync::Arc;

use scatterfall::config::Config;
use scatterfall::pipeline;
use scatterfall::progress::Context;
use scatterfall_detector::device::{Device, Job, KernelError, Kernels, OnDevice};
use scatterfall_detector::{
    DetectorParams, DetectorPlan, Event, Image, Measurement, Measurer, Reference, Threshold, detect, fit,
};
use scatterfall_scattering::backend::Backend;
use scatterfall_scattering::backend::gpu::{DeviceLimits, GpuDetector, adapters, choose};
use scatterfall_synth::{Layout, SynthArchive, SynthOptions};

use super::{BackendChoice, cpu, gpu, threads};

#[path = "../../crates/detector/tests/archive/mod.rs"]
mod archive;
use archive::{GEOMETRY, images};

/// Standard deviations that measurements may differ by: a thousandth of what they are read to.
const DEVIATIONS: f32 = 1e-3;

fn kernels() -> GpuDetector {
    let (at, _) = choose(BackendChoice::Gpu, &adapters()).expect("needs a Vulkan adapter, lavapipe is enough");
    let mut kernels = GpuDetector::on(at.expect("an adapter"), DeviceLimits::Default, threads()).expect("opened");
    kernels.set_poison(true);
    kernels
}

fn plan(params: DetectorParams) -> Arc<DetectorPlan> {
    Arc::new(DetectorPlan::new(GEOMETRY, params).expect("a plan"))
}

fn measure(plan: &Arc<DetectorPlan>, images: &[Image], batch: usize, device: Option<&Device>) -> Vec<Measurement> {
    let measurer = Measurer::new(Arc::clone(plan), Reference::Local).expect("a measurer");
    let mut measurer = measurer.on(device.cloned());
    let mut out = Vec::new();
    for images in images.chunks(batch) {
        out.append(&mut measurer.push(images.to_vec()).expect("images in order"));
    }
    out.append(&mut measurer.finish());
    out
}

/// Worst difference of blocks and of slants, and the share of slants that peak elsewhere.
fn differences(got: &[Measurement], want: &[Measurement]) -> (f32, f32, f64) {
    assert_eq!(got.len(), want.len(), "one measurement an image");
    let (mut blocks, mut slants, mut elsewhere, mut count) = (0.0f32, 0.0f32, 0, 0);
    for (got, want) in got.iter().zip(want) {
        let rest = |m: &Measurement| Measurement { blocks: Vec::new(), slants: Vec::new(), ..m.clone() };
        assert_eq!(rest(got), rest(want), "the host's part");
        assert_eq!((got.blocks.len(), got.slants.len()), (want.blocks.len(), want.slants.len()), "the same shape");
        let worst = |w: f32, (a, b): (&f32, &f32)| if (a - b).abs() <= w { w } else { (a - b).abs() };
        blocks = got.blocks.iter().zip(&want.blocks).fold(blocks, worst);
        for (a, b) in got.slants.iter().zip(&want.slants) {
            slants = worst(slants, (&a.value, &b.value));
            elsewhere += usize::from((a.row, a.column) != (b.row, b.column));
            count += 1;
        }
    }
    (blocks, slants, elsewhere as f64 / f64::from(count.max(1)))
}

fn events(plan: &DetectorPlan, day: Vec<Measurement>) -> Vec<Event> {
    let days = std::slice::from_ref(&day);
    let model = fit(plan, days, Threshold { false_alarms_per_day: 10.0, fixed: None }).expect("a model");
    detect(plan, &model, days, |_, _| Ok(())).expect("events")
}

fn assert_same_events(got: &[Event], want: &[Event]) {
    let known = |e: &Event| (e.time_from_us, e.time_to_us, e.peak_time_us, e.image_time_us, e.path);
    assert_eq!(
        got.iter().map(known).collect::<Vec<_>>(),
        want.iter().map(known).collect::<Vec<_>>(),
        "the same events"
    );
    for (got, want) in got.iter().zip(want) {
        assert!((got.score - want.score).abs() < DEVIATIONS, "score {} is {}", got.score, want.score);
    }
}

#[test]
#[ignore = "needs a Vulkan adapter: run with --include-ignored"]
fn measurements_and_events_agree() {
    let device = Device::new(Box::new(kernels()));
    let images = images();
    let defaults = DetectorParams::default;
    // Held pixels, single pixels as samples with several peaks a cell, and neither level nor slants.
    for (what, params) in [
        ("defaults", defaults()),
        ("saturated", DetectorParams { saturated_index: 90, ..defaults() }),
        ("fine", DetectorParams { slant_step_s: 0.1, slant_step_m: 1.0, slant_parts: 3, ..defaults() }),
        ("coarse", DetectorParams { slant_step_s: 1.6, slant_step_m: 130.0, slant_m: 3000.0, ..defaults() }),
        ("plain", DetectorParams { improved: false, speeds_ms: vec![400.0], ..defaults() }),
    ] {
        let plan = plan(params);
        // Events need the whole archive; the rest shows in the minutes with missing rows.
        let images = if what == "defaults" { &images[..] } else { &images[6..18] };
        let want = measure(&plan, images, 64, None);
        let got = measure(&plan, images, 7, Some(&device));
        assert!(device.works(), "{what}: {:?}", device.take_failure());
        let (blocks, slants, elsewhere) = differences(&got, &want);
        assert!(blocks < DEVIATIONS && slants < DEVIATIONS, "{what}: blocks {blocks:.1e}, slants {slants:.1e}");
        // Two places may be equal to the last digit.
        assert!(elsewhere < 2e-3, "{what}: {elsewhere:.1e} of the peaks are elsewhere");
        assert_eq!(measure(&plan, images, 64, Some(&device)), got, "{what}: batches change nothing");
        if what == "defaults" {
            assert_same_events(&events(&plan, got.clone()), &events(&plan, want.clone()));
        }
        let other = plan.slants.is_some().then(|| measure(&plan, &brighter(images), 64, None));
        let control = other.map(|other| differences_of_values(&got, &other));
        assert!(control.is_none_or(|c| c > DEVIATIONS), "{what}: negative control {control:?}");
    }
}

/// The images with one pixel of one of them brighter.
fn brighter(images: &[Image]) -> Vec<Image> {
    let mut images = images.to_vec();
    images[8].plane[50 * GEOMETRY.columns + 100] += 8;
    images
}

fn differences_of_values(got: &[Measurement], want: &[Measurement]) -> f32 {
    let pairs = got.iter().zip(want).flat_map(|(a, b)| a.blocks.iter().zip(&b.blocks));
    pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// A device that fails after some calls.
struct Failing(GpuDetector, usize);

impl Failing {
    fn call(&mut self) -> Result<&mut GpuDetector, KernelError> {
        self.1 = self.1.checked_sub(1).ok_or("the device is lost")?;
        Ok(&mut self.0)
    }
}

impl Kernels for Failing {
    fn whiten(&mut self, plan: &Arc<DetectorPlan>, images: &[Job<'_>]) -> Result<Vec<OnDevice>, KernelError> {
        self.call()?.whiten(plan, images)
    }
}

#[test]
#[ignore = "needs a Vulkan adapter: run with --include-ignored"]
fn the_host_goes_on_where_the_device_fails() {
    let (plan, images) = (plan(DetectorParams::default()), images());
    let want = measure(&plan, &images, 64, None);
    for calls in [0, 1, 3] {
        let device = Device::new(Box::new(Failing(kernels(), calls)));
        let got = measure(&plan, &images, 5, Some(&device));
        assert!(!device.works() && device.take_failure().is_some(), "it failed after {calls} calls");
        assert!(device.take_failure().is_none(), "told once");
        let (blocks, slants, _) = differences(&got, &want);
        assert!(blocks < DEVIATIONS && slants < DEVIATIONS, "{calls} calls: {blocks:.1e}, {slants:.1e}");
    }
}

fn detected(input: &Path, output: &Path, backend: &mut dyn Backend) -> (String, String) {
    let text = format!(
        "input.path = {:?}\noutput.path = {:?}\ncrop.enabled = false\ncompute.batch_images = 4\n",
        input.display().to_string(),
        output.display().to_string()
    );
    let config = Config::from_text(&text).expect("valid");
    let summary = pipeline::detect(&Context::on(&config, threads()), backend).expect("detected");
    let by = summary.figures["detector_device"].as_str().expect("named").to_owned();
    (std::fs::read_to_string(output.join("events.csv")).expect("a list"), by)
}

#[test]
#[ignore = "needs a Vulkan adapter: run with --include-ignored"]
fn the_list_is_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    let input = folder.path().join("archive");
    let layout = Layout::Bare { rows: 134, columns: 430 };
    let archive = SynthArchive::new(&SynthOptions { images: 36, layout, ..SynthOptions::default() }).expect("valid");
    archive.write(&input, || {}).expect("written");
    let mut device = gpu(DeviceLimits::Default);
    let (by_cpu, host) = detected(&input, &folder.path().join("cpu"), &mut cpu());
    let (by_gpu, card) = detected(&input, &folder.path().join("gpu"), &mut device);
    assert_eq!((host.as_str(), card.as_str()), ("cpu", device.info().device.as_str()), "who measured");
    let places =
        |list: &str| list.lines().map(|l| l.split(',').take(7).collect::<Vec<_>>().join(",")).collect::<Vec<_>>();
    assert!(by_cpu.lines().count() > 3, "there are events: {by_cpu}");
    assert_eq!(places(&by_gpu), places(&by_cpu), "the same events");
}
