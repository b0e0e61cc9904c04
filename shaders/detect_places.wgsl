// Mean of every row in every place of the block record.
//
// Summed up in eight lanes, in the order of the host. Grid: one invocation a row and place.

@group(0) @binding(1) var<storage, read> whitened: array<f32>;
@group(0) @binding(2) var<storage, read> column_edges: array<u32>;
@group(0) @binding(3) var<storage, read_write> means: array<f32>;

@compute @workgroup_size(DETECT_WG)
fn detect_places(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let at = thread(group, groups, local);
    if at >= params.rows * params.places {
        return;
    }
    let place = at % params.places;
    let from_column = column_edges[place];
    let n = column_edges[place + 1u] - from_column;
    let first = at / params.places * params.columns + from_column;
    var left = vec4<f32>(0.0);
    var right = vec4<f32>(0.0);
    for (var k = 0u; k + 8u <= n; k += 8u) {
        let i = first + k;
        left += vec4<f32>(whitened[i], whitened[i + 1u], whitened[i + 2u], whitened[i + 3u]);
        right += vec4<f32>(whitened[i + 4u], whitened[i + 5u], whitened[i + 6u], whitened[i + 7u]);
    }
    var rest = 0.0;
    for (var k = n / 8u * 8u; k < n; k++) {
        rest += whitened[first + k];
    }
    let both = left + right;
    means[at] = (rest + (both.x + both.y) + (both.z + both.w)) / f32(n);
}
