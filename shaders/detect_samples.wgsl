// Averages pixels, less their row's median, to samples of unit noise. Grid: one invocation a sample.

@group(0) @binding(1) var<storage, read> whitened: array<f32>;
@group(0) @binding(2) var<storage, read> medians: array<f32>;
@group(0) @binding(3) var<storage, read_write> narrow: array<f32>;

@compute @workgroup_size(DETECT_WG)
fn detect_samples(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let at = thread(group, groups, local);
    if at >= params.sample_rows * params.sample_columns {
        return;
    }
    let i = at / params.sample_columns;
    let j = at % params.sample_columns;
    // The last samples take what is left over.
    let is_below = i + 1u == params.sample_rows;
    let is_right = j + 1u == params.sample_columns;
    let end_row = select((i + 1u) * params.row_step, params.rows, is_below);
    let end_column = select((j + 1u) * params.column_step, params.columns, is_right);
    var sum = 0.0;
    for (var x = j * params.column_step; x < end_column; x++) {
        var column = 0.0;
        for (var row = i * params.row_step; row < end_row; row++) {
            column += whitened[row * params.columns + x] - medians[row];
        }
        sum += column;
    }
    let inside = select(params.scale, params.scale_right, is_right);
    narrow[at] = sum * select(inside, select(params.scale_below, params.scale_corner, is_right), is_below);
}
