// One step (of radix RADIX) of transforms of M complex numbers; see fft.wgsl, whose N is this M. One invocation a butterfly.

@group(0) @binding(0) var<uniform> params: GlobalMemoryParams;
@group(0) @binding(1) var<storage, read> source: array<vec2<f32>>;
@group(0) @binding(2) var<storage, read> twiddles: array<vec2<f32>>;
@group(0) @binding(3) var<storage, read_write> destination: array<vec2<f32>>;

@compute @workgroup_size(GLOBAL_MEMORY_WG)
fn global_memory_step(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let m = M / RADIX;
    let item = linear_group(group, groups) * GLOBAL_MEMORY_WG + local;
    let start = item / m * M;
    let b = item % m;
    if item / m >= params.transforms {
        return;
    }
    for (var k = 0u; k < RADIX; k++) {
        v[k] = source[start + b + k * m];
    }
    butterfly(RADIX, 0u);
    let q = b % params.stride;
    let to = start + (b - q) * RADIX + q;
    destination[to] = v[0];
    for (var k = 1u; k < RADIX; k++) {
        destination[to + k * params.stride] = cmul(v[k], twiddles[(b - q) * k]);
    }
}
