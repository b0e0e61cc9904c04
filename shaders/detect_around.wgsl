// Running median over the places around each place; the last one goes on beyond the ends. Grid: one invocation a step and place.

@group(0) @binding(1) var<storage, read> step_means: array<f32>;
@group(0) @binding(2) var<storage, read_write> around: array<f32>;

fn key_at(line: u32, place: i32) -> u32 {
    return key(step_means[line + u32(clamp(place, 0, i32(params.places) - 1))]);
}

@compute @workgroup_size(DETECT_WG)
fn detect_around(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let at = thread(group, groups, local);
    if at >= params.steps * params.places {
        return;
    }
    let line = at / params.places * params.places;
    let first = i32(at % params.places) - i32(params.level_width / 2u);
    let end = first + i32(params.level_width);
    var low = 0u;
    for (var bit = 0u; bit < 32u; bit++) {
        let candidate = low | (0x80000000u >> bit);
        var below = 0u;
        for (var place = first; place < end; place++) {
            below += select(0u, 1u, key_at(line, place) < candidate);
        }
        low = select(low, candidate, below <= params.level_width / 2u);
    }
    around[at] = value_of(low);
}
