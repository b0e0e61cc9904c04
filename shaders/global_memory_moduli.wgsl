// Moduli become the next layer's input, their mean taken out. One invocation an element.
//
// moduli: [transform, M], global_memory_pool.wgsl's; levels: [transform]; work: [transform, M].

@group(0) @binding(0) var<uniform> params: GlobalMemoryParams;
@group(0) @binding(1) var<storage, read> moduli: array<vec2<f32>>;
@group(0) @binding(2) var<storage, read> levels: array<vec2<f32>>;
@group(0) @binding(3) var<storage, read> chirps: array<vec2<f32>>;
@group(0) @binding(4) var<storage, read_write> work: array<vec2<f32>>;

@compute @workgroup_size(GLOBAL_MEMORY_WG)
fn global_memory_moduli(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let element = linear_group(group, groups) * GLOBAL_MEMORY_WG + local;
    let t = element / M;
    if t < params.transforms {
        load(t, element % M, vec2<f32>(moduli[element].y - levels[t].x, 0.0));
    }
}
