// Columns of indices without their mean, one workgroup a column: what frequency.wgsl does before its transform.
//
// index: see columns.wgsl, `stride` words a column; work: [column of this dispatch, M].

@group(0) @binding(0) var<uniform> params: GlobalMemoryParams;
@group(0) @binding(1) var<storage, read> index: array<u32>;
@group(0) @binding(2) var<storage, read> chirps: array<vec2<f32>>;
@group(0) @binding(3) var<storage, read_write> work: array<vec2<f32>>;

// Words of a column.
const WORDS: u32 = (N + 3u) / 4u;

var<workgroup> total: atomic<u32>;

@compute @workgroup_size(GLOBAL_MEMORY_WG)
fn global_memory_columns(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let column = linear_group(group, groups);
    // The whole workgroup leaves, or none of it.
    if column >= params.transforms {
        return;
    }
    if local == 0u {
        atomicStore(&total, 0u);
    }
    workgroupBarrier();
    let start = (params.first + column) * WORDS;
    for (var w = local; w < WORDS; w += GLOBAL_MEMORY_WG) {
        let word = index[start + w];
        // The padding is zero.
        atomicAdd(&total, (word & 255u) + ((word >> 8u) & 255u) + ((word >> 16u) & 255u) + (word >> 24u));
    }
    workgroupBarrier();
    let mean = f32((atomicLoad(&total) + N / 2u) / N);
    for (var i = local; i < M; i += GLOBAL_MEMORY_WG) {
        var x = 0.0;
        if i < N {
            x = f32((index[start + i / 4u] >> (8u * (i % 4u))) & 255u) - mean;
        }
        load(column, i, vec2<f32>(x, 0.0));
    }
}
