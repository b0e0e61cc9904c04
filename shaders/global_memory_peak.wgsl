// Dominant bin of a column, as frequency.wgsl after its transform, one workgroup a column.
//
// work: [column of this dispatch, M]; columns: see planes.wgsl.

@group(0) @binding(0) var<uniform> params: GlobalMemoryParams;
@group(0) @binding(1) var<storage, read> work: array<vec2<f32>>;
@group(0) @binding(2) var<storage, read> chirps: array<vec2<f32>>;
@group(0) @binding(3) var<storage, read_write> columns: array<u32>;

var<workgroup> largest: atomic<u32>;
var<workgroup> lowest: atomic<u32>;

fn power(t: u32, k: u32) -> f32 {
    let z = result(t, k);
    return dot(z, z);
}

@compute @workgroup_size(GLOBAL_MEMORY_WG)
fn global_memory_peak(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let t = linear_group(group, groups);
    // The whole workgroup leaves, or none of it.
    if t >= params.transforms {
        return;
    }
    if local == 0u {
        atomicStore(&largest, 0u);
        atomicStore(&lowest, NONE);
    }
    workgroupBarrier();
    for (var k = local + 1u; k < HALF; k += GLOBAL_MEMORY_WG) {
        atomicMax(&largest, bitcast<u32>(power(t, k)));
    }
    workgroupBarrier();
    let enough = bitcast<f32>(atomicLoad(&largest)) * (1.0 - WITHIN) * (1.0 - WITHIN);
    for (var k = local + 1u; k < HALF; k += GLOBAL_MEMORY_WG) {
        let p = power(t, k);
        if p > 0.0 && p >= enough {
            atomicMin(&lowest, k);
        }
    }
    workgroupBarrier();
    if local == 0u {
        let bin = atomicLoad(&lowest);
        columns[PLANE_BIN * params.columns + params.first + t] = select(bin, 0u, bin == NONE);
    }
}
