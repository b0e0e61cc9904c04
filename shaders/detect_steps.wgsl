// Mean of every time step in every place, over the rows that are there. Grid: one invocation a step and place.

@group(0) @binding(2) var<storage, read> row_edges: array<u32>;
@group(0) @binding(3) var<storage, read> means: array<f32>;
@group(0) @binding(4) var<storage, read_write> step_means: array<f32>;

@compute @workgroup_size(DETECT_WG)
fn detect_steps(
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
    var there = 0u;
    for (var row = row_edges[step]; row < row_edges[step + 1u]; row++) {
        there += select(1u, 0u, (row_flags(row) & MISSING) != 0u);
    }
    var sum = 0.0;
    for (var row = row_edges[step]; row < row_edges[step + 1u]; row++) {
        if (row_flags(row) & MISSING) == 0u {
            sum += means[row * params.places + place] / f32(there);
        }
    }
    step_means[at] = sum;
}
