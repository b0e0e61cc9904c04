// Dominant bin of a column: the lowest bin above zero whose modulus is within 1e-4 of the largest; 0 for a constant column.
//
// Grid: one team of LANES invocations per column, TEAMS a workgroup.

@group(0) @binding(1) var<storage, read> index: array<u32>;
@group(0) @binding(2) var<storage, read> twiddles: array<vec2<f32>>;
@group(0) @binding(3) var<storage, read_write> columns: array<u32>;

var<workgroup> totals: array<atomic<u32>, TEAMS>;
var<workgroup> largest: array<atomic<u32>, TEAMS>;
var<workgroup> lowest: array<atomic<u32>, TEAMS>;

@compute @workgroup_size(WG_SIZE)
fn frequency(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let team = local / LANES;
    let lane = local % LANES;
    let column = linear_group(group, groups) * TEAMS + team;
    let here = column < params.images * params.columns;
    if lane == 0u {
        atomicStore(&totals[team], 0u);
        atomicStore(&largest[team], 0u);
        atomicStore(&lowest[team], NONE);
    }
    workgroupBarrier();
    for (var slot = 0u; slot < SLOTS; slot++) {
        let i = input_index(lane, slot);
        v[slot] = vec2<f32>(0.0);
        if here && i < N {
            let value = byte_of(index[column * params.stride + i / 4u], i);
            atomicAdd(&totals[team], value);
            v[slot].x = f32(value);
        }
    }
    workgroupBarrier();
    // The mean only concerns bin 0, which does not count: the whole number next to it keeps differences exact, and a constant
    // column all zero.
    let mean = f32((atomicLoad(&totals[team]) + N / 2u) / N);
    for (var slot = 0u; slot < SLOTS; slot++) {
        v[slot].x -= mean;
    }
    transform(team, lane);
    for (var slot = 0u; slot < SLOTS; slot++) {
        let i = output_index(lane, slot);
        v[slot].x = select(0.0, dot(v[slot], v[slot]), i > 0u && i <= N / 2u);
        atomicMax(&largest[team], bitcast<u32>(v[slot].x));
    }
    workgroupBarrier();
    let enough = bitcast<f32>(atomicLoad(&largest[team])) * (1.0 - WITHIN) * (1.0 - WITHIN);
    for (var slot = 0u; slot < SLOTS; slot++) {
        if v[slot].x > 0.0 && v[slot].x >= enough {
            atomicMin(&lowest[team], output_index(lane, slot));
        }
    }
    workgroupBarrier();
    if here && lane == 0u {
        let bin = atomicLoad(&lowest[team]);
        columns[plane(PLANE_BIN, column)] = select(bin, 0u, bin == NONE);
    }
}
