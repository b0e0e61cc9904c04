// Sums over the width of a line along each row of samples, over the root of their number. Grid: one invocation a sample.

@group(0) @binding(1) var<storage, read> narrow: array<f32>;
// One over the root of 0, 1, ... samples.
@group(0) @binding(2) var<storage, read> roots: array<f32>;
@group(0) @binding(3) var<storage, read_write> samples: array<f32>;

@compute @workgroup_size(DETECT_WG)
fn detect_widen(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let at = thread(group, groups, local);
    let n = params.sample_columns;
    if at >= params.sample_rows * n {
        return;
    }
    let x = at % n;
    let line = at - x;
    let before = params.width / 2u;
    // A box that is wider than the line is all of it, wherever it stands.
    let is_wide = params.width >= n;
    let first = select(x - min(x, before), 0u, is_wide);
    let end = select(min(x + params.width - before, n), n, is_wide);
    var sum = 0.0;
    for (var k = first; k < end; k++) {
        sum += narrow[line + k];
    }
    samples[params.samples_at + at] = sum * roots[end - first];
}
