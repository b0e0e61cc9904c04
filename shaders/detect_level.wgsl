// Takes the level of the surroundings off every pixel, linear between the middles of the places. Grid: one invocation a pixel.

@group(0) @binding(2) var<storage, read> rows_in: array<vec2<u32>>;
// First of the two places that a column lies between, and its distance from it.
@group(0) @binding(3) var<storage, read> between: array<vec2<u32>>;
@group(0) @binding(4) var<storage, read> around: array<f32>;
@group(0) @binding(5) var<storage, read_write> whitened: array<f32>;

@compute @workgroup_size(DETECT_WG)
fn detect_level(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let at = thread(group, groups, local);
    if at >= params.rows * params.columns {
        return;
    }
    let row = at / params.columns;
    if (row_flags(row) & MISSING) != 0u {
        whitened[at] = 0.0;
        return;
    }
    let place = between[at % params.columns];
    let line = rows_in[row].x * params.places;
    let a = around[line + place.x];
    let b = around[line + min(place.x + 1u, params.places - 1u)];
    whitened[at] -= a + bitcast<f32>(place.y) * (b - a);
}
