// By how much each row is too high all along the fibre: mostly 0. Grid: one invocation a row.

@group(0) @binding(1) var<storage, read> rows_in: array<vec2<u32>>;
@group(0) @binding(2) var<storage, read> medians: array<f32>;
// Median of each step's level.
@group(0) @binding(3) var<storage, read> common_level: array<f32>;
@group(0) @binding(4) var<storage, read_write> row_jumps: array<f32>;

fn median_of(row: u32) -> f32 {
    if params.improved == 0u {
        return medians[row];
    }
    return medians[row] + common_level[rows_in[row].x];
}

// Rows come back beyond the ends.
fn reflected(row: i32) -> u32 {
    let period = 2 * i32(params.rows);
    let at = u32((row % period + period) % period);
    return select(2u * params.rows - 1u - at, at, at < params.rows);
}

@compute @workgroup_size(DETECT_WG)
fn detect_rows(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let row = thread(group, groups, local);
    if row >= params.rows {
        return;
    }
    let first = i32(row) - i32(params.row_reach / 2u);
    let end = first + i32(params.row_reach);
    var low = 0u;
    for (var bit = 0u; bit < 32u; bit++) {
        let candidate = low | (0x80000000u >> bit);
        var below = 0u;
        for (var r = first; r < end; r++) {
            below += select(0u, 1u, key(median_of(reflected(r))) < candidate);
        }
        low = select(low, candidate, below <= params.row_reach / 2u);
    }
    let jump = median_of(row) - value_of(low);
    row_jumps[row] = select(0.0, jump, abs(jump) > params.row_jump);
}
