// The largest line sum of each cell, speed and part of the rows, the first row and column on a tie.
//
// Grid: one workgroup a cell, speed and part. Results: value, row and column.

@group(0) @binding(1) var<storage, read> sums: array<f32>;
@group(0) @binding(2) var<storage, read> cell_edges: array<u32>;
@group(0) @binding(3) var<storage, read_write> peaks: array<u32>;

var<workgroup> best_value: array<f32, DETECT_WG>;
var<workgroup> best_place: array<u32, DETECT_WG>;

@compute @workgroup_size(DETECT_WG)
fn detect_peaks(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let number = linear_group(group, groups);
    let is_peak = number < params.cells * params.speeds * params.slant_parts;
    let part = number % params.slant_parts;
    let speed = number / params.slant_parts % params.speeds;
    let cell = min(number / (params.slant_parts * params.speeds), params.cells - 1u);
    let first_row = (part * params.sample_rows + params.slant_parts - 1u) / params.slant_parts;
    let end_row = ((part + 1u) * params.sample_rows + params.slant_parts - 1u) / params.slant_parts;
    let first_column = cell_edges[cell];
    let columns = cell_edges[cell + 1u] - first_column;
    let first = (speed * params.sample_rows + first_row) * params.sample_columns + first_column;
    var most = NO_LINE;
    var place = 0u;
    for (var i = local; i < (end_row - first_row) * columns; i += DETECT_WG) {
        let sum = sums[first + i / columns * params.sample_columns + i % columns];
        if sum > most {
            most = sum;
            place = i;
        }
    }
    best_value[local] = most;
    best_place[local] = place;
    workgroupBarrier();
    if local == 0u && is_peak {
        for (var k = 1u; k < DETECT_WG; k++) {
            let is_first = best_value[k] == most && best_place[k] < place;
            if best_value[k] > most || is_first {
                most = best_value[k];
                place = best_place[k];
            }
        }
        let at = params.out + 3u * number;
        peaks[at] = bitcast<u32>(most);
        peaks[at + 1u] = first_row + place / max(columns, 1u);
        peaks[at + 2u] = first_column + place % max(columns, 1u);
    }
}
