// Lower half of the transforms' results, with what was taken out before put back. One invocation an element.
//
// work: [transform of this dispatch, M]; levels: [transform of this dispatch]; taper: see spectrum.wgsl;
// spectra: [transform, HALF].

@group(0) @binding(0) var<uniform> params: GlobalMemoryParams;
@group(0) @binding(1) var<storage, read> work: array<vec2<f32>>;
@group(0) @binding(2) var<storage, read> levels: array<vec2<f32>>;
@group(0) @binding(3) var<storage, read> taper: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> chirps: array<vec2<f32>>;
@group(0) @binding(5) var<storage, read_write> spectra: array<vec2<f32>>;

@compute @workgroup_size(GLOBAL_MEMORY_WG)
fn global_memory_half(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let element = linear_group(group, groups) * GLOBAL_MEMORY_WG + local;
    let t = element / HALF;
    let k = element % HALF;
    if t < params.transforms {
        spectra[(params.first + t) * HALF + k] = result(t, k) + levels[t].y * taper[k].yz;
    }
}
