// Between Bluestein's two transforms: product with the chirp's spectrum (over M), real and imaginary parts exchanged so that
// the second forward transform is the inverse. One invocation an element.

@group(0) @binding(0) var<uniform> params: GlobalMemoryParams;
@group(0) @binding(1) var<storage, read> chirp_spectrum: array<vec2<f32>>;
@group(0) @binding(2) var<storage, read_write> work: array<vec2<f32>>;

@compute @workgroup_size(GLOBAL_MEMORY_WG)
fn global_memory_convolve(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let element = linear_group(group, groups) * GLOBAL_MEMORY_WG + local;
    if element / M < params.transforms {
        work[element] = cmul(work[element], chirp_spectrum[element % M]).yx;
    }
}
