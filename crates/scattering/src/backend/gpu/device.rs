//! Adapters, the choice among them, and the device that everything else works with.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use wgpu::{Backends, DeviceType, Features};

use crate::backend::BackendChoice;
use crate::backend::BackendInfo;
use crate::{Error, Result};

/// One adapter, for `scatterfall devices` and for the choice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AdapterRow {
    /// Its name.
    pub name: String,
    /// `discrete`, `integrated`, `virtual`, `software` or `other`.
    pub kind: &'static str,
    /// `vulkan`, `metal` or `dx12`.
    pub api: String,
    /// Driver and its version.
    pub driver: String,
    /// Limits that matter here.
    pub caps: Caps,
    /// Times of single kernels can be taken.
    pub timestamps: bool,
    /// It computes in double precision where single does not serve; otherwise the host does.
    pub double_precision: bool,
}

/// The limits of a device that plans depend on, as plain numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Caps {
    /// Bytes of workgroup memory.
    pub workgroup_bytes: usize,
    /// Invocations per workgroup.
    pub invocations: usize,
    /// Bytes of one storage binding.
    pub binding_bytes: u64,
    /// Bytes of one buffer.
    pub buffer_bytes: u64,
    /// Workgroups in one dimension of a dispatch.
    pub groups: u32,
}

impl Caps {
    /// What wgpu guarantees by default.
    pub const DEFAULT: Self = Self {
        workgroup_bytes: 16 << 10,
        invocations: 256,
        binding_bytes: 128 << 20,
        buffer_bytes: 256 << 20,
        groups: 65_535,
    };

    fn new(limits: &wgpu::Limits) -> Self {
        Self {
            workgroup_bytes: limits.max_compute_workgroup_storage_size as usize,
            invocations: limits.max_compute_invocations_per_workgroup.min(limits.max_compute_workgroup_size_x) as usize,
            binding_bytes: limits.max_storage_buffer_binding_size,
            buffer_bytes: limits.max_buffer_size,
            groups: limits.max_compute_workgroups_per_dimension,
        }
    }
}

/// Which limits a device is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceLimits {
    /// All that the adapter has.
    Adapter,
    /// wgpu's defaults, which any adapter has.
    Default,
    /// wgpu's defaults, and no optional features: as the plainest device.
    Plain,
}

fn instance() -> wgpu::Instance {
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
    descriptor.backends = Backends::VULKAN | Backends::METAL | Backends::DX12;
    wgpu::Instance::new(descriptor)
}

fn enumerate(instance: &wgpu::Instance) -> Vec<wgpu::Adapter> {
    pollster::block_on(instance.enumerate_adapters(Backends::all()))
}

/// All adapters of this machine.
pub fn adapters() -> Vec<AdapterRow> {
    enumerate(&instance()).iter().map(row).collect()
}

fn row(adapter: &wgpu::Adapter) -> AdapterRow {
    let info = adapter.get_info();
    let kind = match info.device_type {
        DeviceType::DiscreteGpu => "discrete",
        DeviceType::IntegratedGpu => "integrated",
        DeviceType::VirtualGpu => "virtual",
        DeviceType::Cpu => "software",
        DeviceType::Other => "other",
    };
    AdapterRow {
        name: info.name,
        kind,
        api: info.backend.to_string(),
        driver: format!("{} {}", info.driver, info.driver_info).trim().to_owned(),
        caps: Caps::new(&adapter.limits()),
        timestamps: adapter.features().contains(Features::TIMESTAMP_QUERY),
        double_precision: adapter.features().contains(Features::SHADER_F64),
    }
}

/// Which of `adapters` serves a choice (`None`: the CPU does), and why, in words.
///
/// `auto` takes discrete before integrated and nothing else; `gpu` insists.
///
/// # Errors
/// [`Error::NoAdapter`] where `gpu` is asked for and there is no adapter at all.
pub fn choose(choice: BackendChoice, adapters: &[AdapterRow]) -> Result<(Option<usize>, String)> {
    let wanted: &[&str] = match choice {
        BackendChoice::Cpu => return Ok((None, "the configuration asks for the CPU".into())),
        BackendChoice::Auto => &["discrete", "integrated"],
        BackendChoice::Gpu => &["discrete", "integrated", "virtual", "other", "software"],
    };
    let found = wanted.iter().find_map(|kind| adapters.iter().position(|a| a.kind == *kind));
    match (found, choice) {
        (Some(at), _) => {
            let a = &adapters[at];
            Ok((Some(at), format!("{} ({}, {}) is the first {} adapter", a.name, a.api, a.driver, a.kind)))
        }
        (None, BackendChoice::Gpu) => Err(Error::NoAdapter),
        (None, _) if adapters.is_empty() => Ok((None, "there is no graphics adapter".into())),
        (None, _) => {
            let names: Vec<_> = adapters.iter().map(|a| format!("{} ({})", a.name, a.kind)).collect();
            Ok((None, format!("no adapter is a discrete or integrated GPU, only {}", names.join(", "))))
        }
    }
}

/// An open device with what has gone wrong on it.
pub(super) struct Gpu {
    pub(super) instance: wgpu::Instance,
    pub(super) device: wgpu::Device,
    pub(super) queue: wgpu::Queue,
    pub(super) caps: Caps,
    pub(super) timestamps: bool,
    pub(super) double_precision: bool,
    pub(super) info: BackendInfo,
    /// It computes on the CPU.
    pub(super) software: bool,
    /// Loops over registers are written out; a program that computes on the CPU would compile that for minutes.
    pub(super) unroll: bool,
    failure: Arc<Mutex<Option<String>>>,
    lost: Arc<AtomicBool>,
}

impl Gpu {
    /// Opens the adapter at `at` of [`adapters`].
    pub(super) fn open(at: usize, limits: DeviceLimits) -> Result<Self> {
        let instance = instance();
        let adapter = enumerate(&instance).into_iter().nth(at);
        let adapter = adapter.ok_or_else(|| Error::Device("the graphics adapter has disappeared".into()))?;
        let has = adapter.limits();
        // Every adapter can do with the defaults or less; what a plan gains from is raised to what there is.
        let mut required = wgpu::Limits::default().or_worse_values_from(&has);
        if limits == DeviceLimits::Adapter {
            required.max_compute_workgroup_storage_size = has.max_compute_workgroup_storage_size;
            required.max_compute_invocations_per_workgroup = has.max_compute_invocations_per_workgroup;
            required.max_compute_workgroup_size_x = has.max_compute_workgroup_size_x;
            required.max_storage_buffer_binding_size = has.max_storage_buffer_binding_size;
            required.max_buffer_size = has.max_buffer_size;
        }
        // Optional: what is used where it is there.
        let features = match limits {
            DeviceLimits::Plain => Features::empty(),
            _ => adapter.features() & (Features::TIMESTAMP_QUERY | Features::SHADER_F64),
        };
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("scatterfall"),
            required_features: features,
            required_limits: required.clone(),
            ..Default::default()
        };
        let (device, queue) = pollster::block_on(adapter.request_device(&descriptor))
            .map_err(|e| Error::Device(format!("cannot open the graphics device: {e}")))?;
        let failure = Arc::new(Mutex::new(None));
        let lost = Arc::new(AtomicBool::new(false));
        let note = Arc::clone(&failure);
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            note.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error.to_string());
        }));
        let (note, flag) = (Arc::clone(&failure), Arc::clone(&lost));
        device.set_device_lost_callback(move |reason, message| {
            // Dropping the device at the end reports here too, when nobody looks any more.
            flag.store(true, Ordering::SeqCst);
            let text = format!("the graphics device was lost ({reason:?}): {message}");
            note.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(text);
        });
        let row = row(&adapter);
        let software = row.kind == "software";
        let info = BackendInfo { kind: "gpu", device: row.name, detail: format!("{} {}", row.api, row.driver) };
        let [timestamps, double_precision] =
            [Features::TIMESTAMP_QUERY, Features::SHADER_F64].map(|feature| features.contains(feature));
        Ok(Self {
            instance,
            device,
            queue,
            caps: Caps::new(&required),
            timestamps,
            double_precision,
            info,
            software,
            unroll: !software,
            failure,
            lost,
        })
    }

    /// The first thing that went wrong since the last check; a lost device stays lost.
    pub(super) fn check(&self) -> Result<()> {
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        let message = if self.lost.load(Ordering::SeqCst) { failure.clone() } else { failure.take() };
        message.map_or(Ok(()), |m| Err(Error::Device(m)))
    }

    /// Waits for a submission.
    pub(super) fn wait(&self, submission: wgpu::SubmissionIndex) -> Result<()> {
        let poll = wgpu::PollType::Wait { submission_index: Some(submission), timeout: None };
        self.device.poll(poll).map_err(|e| Error::Device(format!("waiting for the graphics device: {e}")))?;
        self.check()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adapter(name: &str, kind: &'static str) -> AdapterRow {
        let (name, api, driver) = (name.to_owned(), "vulkan".to_owned(), "driver".to_owned());
        AdapterRow { name, kind, api, driver, caps: Caps::DEFAULT, timestamps: false, double_precision: false }
    }

    #[test]
    fn auto_never_takes_a_software_adapter() {
        let all = [adapter("llvmpipe", "software"), adapter("laptop", "integrated"), adapter("card", "discrete")];
        let auto = |list: &[AdapterRow]| choose(BackendChoice::Auto, list).expect("never fails").0;
        assert_eq!(auto(&all), Some(2), "discrete first");
        assert_eq!(auto(&all[..2]), Some(1), "then integrated");
        assert_eq!(auto(&all[..1]), None, "no software adapter");
        assert_eq!(auto(&[]), None, "nor none");
        assert_eq!(choose(BackendChoice::Gpu, &all[..1]).expect("insists").0, Some(0), "software where it must be");
        assert!(matches!(choose(BackendChoice::Gpu, &[]), Err(Error::NoAdapter)), "there is nothing to take");
        assert_eq!(choose(BackendChoice::Cpu, &all).expect("never fails").0, None, "the CPU");
    }
}
