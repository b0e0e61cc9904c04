//! From shader files to pipelines: composition, reflection, layouts.
//!
//! A kernel's text is its constants, `common.wgsl`, the files it shares with others, its own file, and where it transforms,
//! the calls that make up one length's transform. Bindings and structure layouts are read back from that text and never
//! typed twice.

use std::fmt::Write;

use wgpu::naga::front::wgsl;
use wgpu::naga::valid::{Capabilities, ValidationFlags, Validator};
use wgpu::naga::{AddressSpace, Module, StorageAccess, TypeInner};

use super::device::Gpu;
use super::params::Params;
use super::unroll::unrolled;
use crate::{Error, Result};

const COMMON: &str = include_str!("../../../../../shaders/common.wgsl");

/// What transforms are computed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Precision {
    Single,
    /// Where the device has it.
    Double,
}

impl Precision {
    /// Words of a number.
    pub(super) fn words(self) -> usize {
        match self {
            Self::Single => 1,
            Self::Double => 2,
        }
    }
}

/// A kernel's text before it is compiled.
#[derive(Clone, Debug)]
pub(super) struct Source {
    /// Name of the kernel: its file without extension, and its entry point.
    pub(super) name: &'static str,
    /// Name that its times go by.
    pub(super) label: &'static str,
    pub(super) text: String,
    precision: Precision,
}

/// What a composed kernel binds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Binding {
    pub(super) number: u32,
    pub(super) name: String,
    pub(super) kind: wgpu::BufferBindingType,
}

/// What is read back from a composed kernel.
#[derive(Debug)]
pub(super) struct Reflection {
    pub(super) bindings: Vec<Binding>,
    /// Bytes of workgroup memory.
    pub(super) workgroup_bytes: usize,
    /// Invocations per workgroup.
    pub(super) invocations: usize,
}

impl Source {
    /// Composes a kernel in single precision from `parts` (the last one its own file).
    pub(super) fn new(name: &'static str, constants: &[(&str, u32)], parts: &[&str], generated: &str) -> Self {
        Self::in_precision(Precision::Single, [name, name], constants, parts, generated)
    }

    /// Composes a kernel with a name and a label.
    pub(super) fn in_precision(
        precision: Precision,
        [name, label]: [&'static str; 2],
        constants: &[(&str, u32)],
        parts: &[&str],
        generated: &str,
    ) -> Self {
        let real = match precision {
            Precision::Single => "f32",
            Precision::Double => "f64",
        };
        let mut text = format!("alias real = {real};\n");
        for (constant, value) in constants {
            // Writing to a string cannot fail.
            _ = writeln!(text, "const {constant}: u32 = {value}u;");
        }
        for part in [COMMON].iter().chain(parts).chain(&[generated]) {
            text.push_str(part);
            text.push('\n');
        }
        Self { name, label, text, precision }
    }

    fn error(&self, reason: impl Into<String>) -> Error {
        Error::Shader { name: self.label.into(), reason: reason.into() }
    }

    /// The same with loops over registers written out.
    #[cfg(test)]
    pub(super) fn unrolled(&self) -> Self {
        Self { text: unrolled(&self.text), ..self.clone() }
    }

    /// Parses and validates the text, and holds its parameter structure against `P`.
    pub(super) fn reflect<P: Params>(&self) -> Result<Reflection> {
        let module = wgsl::parse_str(&self.text).map_err(|e| self.error(e.emit_to_string(&self.text)))?;
        let capabilities = match self.precision {
            Precision::Single => Capabilities::empty(),
            Precision::Double => Capabilities::FLOAT64,
        };
        Validator::new(ValidationFlags::all(), capabilities)
            .validate(&module)
            .map_err(|e| self.error(e.emit_to_string(&self.text)))?;
        self.check_params::<P>(&module)?;
        let entry = module.entry_points.iter().find(|e| e.name == self.name);
        let entry = entry.ok_or_else(|| self.error(format!("has no entry point `{}`", self.name)))?;
        let mut bindings = Vec::new();
        let mut workgroup_bytes = 0;
        for (_, variable) in module.global_variables.iter() {
            let kind = match variable.space {
                AddressSpace::Uniform => wgpu::BufferBindingType::Uniform,
                AddressSpace::Storage { access } => {
                    wgpu::BufferBindingType::Storage { read_only: !access.contains(StorageAccess::STORE) }
                }
                AddressSpace::WorkGroup => {
                    workgroup_bytes += module.types[variable.ty].inner.size(module.to_ctx()) as usize;
                    continue;
                }
                _ => continue,
            };
            let (Some(binding), Some(name)) = (variable.binding, &variable.name) else { continue };
            bindings.push(Binding { number: binding.binding, name: name.clone(), kind });
        }
        bindings.sort_by_key(|b| b.number);
        Ok(Reflection { bindings, workgroup_bytes, invocations: entry.workgroup_size.iter().product::<u32>() as usize })
    }

    fn check_params<P: Params>(&self, module: &Module) -> Result<()> {
        let found = module.types.iter().find(|(_, t)| t.name.as_deref() == Some(P::NAME));
        let Some(TypeInner::Struct { members, span }) = found.map(|(_, t)| &t.inner) else {
            return Err(self.error(format!("has no structure {}", P::NAME)));
        };
        let here: Vec<(&str, usize)> =
            members.iter().map(|m| (m.name.as_deref().unwrap_or_default(), m.offset as usize)).collect();
        if here != P::FIELDS || *span as usize != size_of::<P>() {
            let reason = format!(
                "{} is {here:?} ({span} bytes) in WGSL and {:?} ({} bytes) in Rust",
                P::NAME,
                P::FIELDS,
                size_of::<P>()
            );
            return Err(self.error(reason));
        }
        Ok(())
    }
}

/// A compiled kernel.
pub(super) struct Kernel {
    pub(super) name: &'static str,
    pub(super) params: &'static str,
    pub(super) pipeline: wgpu::ComputePipeline,
    pub(super) layout: wgpu::BindGroupLayout,
    pub(super) bindings: Vec<Binding>,
}

impl Kernel {
    /// Compiles `source`, whose parameters are `P`; on a real device with loops over registers written out.
    ///
    /// # Errors
    /// [`Error::Shader`] where it does not compile, does not match `P`, or needs more than the device gives.
    pub(super) fn new<P: Params>(gpu: &Gpu, source: &Source) -> Result<Self> {
        let reflection = source.reflect::<P>()?;
        if reflection.workgroup_bytes > gpu.caps.workgroup_bytes || reflection.invocations > gpu.caps.invocations {
            let reason = format!(
                "takes {} bytes of workgroup memory and {} invocations; the device gives {} and {}",
                reflection.workgroup_bytes, reflection.invocations, gpu.caps.workgroup_bytes, gpu.caps.invocations
            );
            return Err(source.error(reason));
        }
        let device = &gpu.device;
        let entries: Vec<_> = reflection
            .bindings
            .iter()
            .map(|b| wgpu::BindGroupLayoutEntry {
                binding: b.number,
                visibility: wgpu::ShaderStages::COMPUTE,
                ty: wgpu::BindingType::Buffer { ty: b.kind, has_dynamic_offset: false, min_binding_size: None },
                count: None,
            })
            .collect();
        let label = Some(source.label);
        let layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label, entries: &entries });
        let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label,
            bind_group_layouts: &[Some(&layout)],
            ..Default::default()
        });
        let text = if gpu.unroll { unrolled(&source.text).into() } else { source.text.as_str().into() };
        let source_text = wgpu::ShaderSource::Wgsl(text);
        let module = device.create_shader_module(wgpu::ShaderModuleDescriptor { label, source: source_text });
        let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label,
            layout: Some(&pipeline_layout),
            module: &module,
            entry_point: Some(source.name),
            // Kernels write what they read of it; filling it takes longer than many of them.
            compilation_options: wgpu::PipelineCompilationOptions {
                zero_initialize_workgroup_memory: false,
                ..Default::default()
            },
            cache: None,
        });
        gpu.check().map_err(|e| source.error(e.to_string()))?;
        Ok(Self { name: source.label, params: P::NAME, pipeline, layout, bindings: reflection.bindings })
    }
}
