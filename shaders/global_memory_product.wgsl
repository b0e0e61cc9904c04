// Product of an input's spectrum with a filter's, as in scalogram.wgsl, one invocation an element.
//
// spectra, supports, filters: see scalogram.wgsl; work: [path of this dispatch, M].

@group(0) @binding(0) var<uniform> params: GlobalMemoryParams;
@group(0) @binding(1) var<storage, read> spectra: array<vec2<f32>>;
@group(0) @binding(2) var<storage, read> supports: array<vec4<u32>>;
@group(0) @binding(3) var<storage, read> filters: array<vec2<f32>>;
@group(0) @binding(4) var<storage, read> chirps: array<vec2<f32>>;
@group(0) @binding(5) var<storage, read_write> work: array<vec2<f32>>;

@compute @workgroup_size(GLOBAL_MEMORY_WG)
fn global_memory_product(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let element = linear_group(group, groups) * GLOBAL_MEMORY_WG + local;
    let t = element / M;
    let k = element % M;
    if t >= params.transforms {
        return;
    }
    let path = params.first + t;
    let support = supports[path % params.filters];
    var y = vec2<f32>(0.0);
    // Below the first bin the difference wraps around to a large number.
    if k > 0u && k < N && k - support.x < support.y {
        var x = spectra[path / params.filters * HALF + select(k, N - k, k >= HALF)];
        x.y = select(x.y, -x.y, k >= HALF);
        y = cmul(x, filters[support.z + k - support.x]).yx;
    }
    load(t, k, y);
}
