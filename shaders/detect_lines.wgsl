// Sums along lines: samples shifted row by row with each speed, and a running sum down the rows, in the order of the host.
//
// Lines run on into the images before and after. Grid: one invocation a speed and shifted column.

@group(0) @binding(1) var<storage, read> earlier: array<f32>;
@group(0) @binding(2) var<storage, read> here: array<f32>;
@group(0) @binding(3) var<storage, read> later: array<f32>;
// Shift of every row (speeds x (rows + samples)); row `before` is the image's first.
@group(0) @binding(4) var<storage, read> shifts: array<i32>;
// What a sum of 0, 1, ... samples is scaled by; below 0 where these are too few.
@group(0) @binding(5) var<storage, read> scales: array<f32>;
@group(0) @binding(6) var<storage, read_write> sums: array<f32>;

// Sample x of row k, and 1, or zeros where there is none.
fn sample(k: u32, x: i32) -> vec2<f32> {
    if x < 0 || x >= i32(params.sample_columns) {
        return vec2<f32>(0.0);
    }
    let column = u32(x);
    if k < params.before {
        if (params.neighbours & 1u) == 0u {
            return vec2<f32>(0.0);
        }
        return vec2<f32>(earlier[(params.sample_rows - params.before + k) * params.sample_columns + column], 1.0);
    }
    if k < params.before + params.sample_rows {
        return vec2<f32>(here[(k - params.before) * params.sample_columns + column], 1.0);
    }
    if (params.neighbours & 2u) == 0u {
        return vec2<f32>(0.0);
    }
    return vec2<f32>(later[(k - params.before - params.sample_rows) * params.sample_columns + column], 1.0);
}

@compute @workgroup_size(DETECT_WG)
fn detect_lines(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let at = thread(group, groups, local);
    let wide = params.sample_columns + 2u * params.reach;
    if at >= params.speeds * wide {
        return;
    }
    let speed = at / wide;
    let upright = i32(at % wide) - i32(params.reach);
    let shift = speed * (params.sample_rows + params.samples);
    // The sum, and the number of samples in it, which a single holds exactly.
    var sum = vec2<f32>(0.0);
    for (var k = 0u; k < params.samples; k++) {
        sum += sample(k, upright + shifts[shift + k]);
    }
    for (var row = 0u; row < params.sample_rows; row++) {
        let x = upright + shifts[shift + row + params.before];
        if x >= 0 && x < i32(params.sample_columns) {
            let scale = scales[u32(sum.y)];
            let place = (speed * params.sample_rows + row) * params.sample_columns + u32(x);
            sums[place] = select(sum.x * scale, NO_LINE, scale < 0.0);
        }
        sum -= sample(row, upright + shifts[shift + row]);
        if row + 1u < params.sample_rows {
            sum += sample(row + params.samples, upright + shifts[shift + row + params.samples]);
        }
    }
}
