// Means of the whitened image in the block record; a missing row is as those around it. Grid: one invocation a step and place.

@group(0) @binding(2) var<storage, read> row_edges: array<u32>;
@group(0) @binding(3) var<storage, read> means: array<f32>;
@group(0) @binding(4) var<storage, read> row_jumps: array<f32>;
@group(0) @binding(5) var<storage, read_write> blocks: array<f32>;

fn mean_of(row: u32, place: u32) -> f32 {
    return means[row * params.places + place] - row_jumps[row];
}

fn filled(place: u32) -> f32 {
    var sum = 0.0;
    for (var row = 0u; row < params.rows; row++) {
        if (row_flags(row) & FILLS) != 0u {
            sum += mean_of(row, place);
        }
    }
    return sum / f32(params.fill_rows);
}

@compute @workgroup_size(DETECT_WG)
fn detect_blocks(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let at = thread(group, groups, local);
    if at >= params.steps * params.places {
        return;
    }
    let step = at / params.places;
    let place = at % params.places;
    let first = row_edges[step];
    let end = row_edges[step + 1u];
    var gaps = 0u;
    for (var row = first; row < end; row++) {
        gaps += row_flags(row) & MISSING;
    }
    var fill = 0.0;
    if gaps > 0u && params.fill_rows > 0u {
        fill = filled(place);
    }
    var sum = 0.0;
    for (var row = first; row < end; row++) {
        if params.fill_rows > 0u && (row_flags(row) & MISSING) != 0u {
            sum += fill;
        } else {
            sum += mean_of(row, place);
        }
    }
    blocks[params.out + at] = sum / f32(end - first);
}
