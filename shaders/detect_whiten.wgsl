// Every pixel against its column's background, in standard deviations, clipped, less what its column is too high by.
//
// A saturated pixel counts no more than the median of its surroundings. Grid: one invocation a pixel.

// Time step and part of every row.
@group(0) @binding(2) var<storage, read> rows_in: array<vec2<u32>>;
@group(0) @binding(3) var<storage, read_write> whitened: array<f32>;

fn index_of(row: u32, x: u32) -> u32 {
    let at = row * params.columns + x;
    return (input[params.image_at + at / 4u] >> (8u * (at % 4u))) & 255u;
}

fn jump(part: u32, x: u32) -> f32 {
    return bitcast<f32>(input[background_at() + (2u + part) * params.columns + x]);
}

fn unit(row: u32, part: u32, x: u32) -> f32 {
    let background = bitcast<f32>(input[background_at() + x]);
    let inverse = bitcast<f32>(input[background_at() + params.columns + x]);
    // The clip between product and difference keeps compilers from joining them, so that every device rounds alike.
    return clamp((f32(index_of(row, x)) - background) * inverse, CLIP_LOW, CLIP_HIGH) - jump(part, x);
}

// Median over the pixels around x, bit by bit.
fn median_around(row: u32, part: u32, x: u32) -> f32 {
    let first = x - min(x, params.hold_reach);
    let end = min(x + params.hold_reach + 1u, params.columns);
    let n = end - first;
    var low = 0u;
    for (var bit = 0u; bit < 32u; bit++) {
        let candidate = low | (0x80000000u >> bit);
        var below = 0u;
        for (var k = first; k < end; k++) {
            below += select(0u, 1u, key(unit(row, part, k)) < candidate);
        }
        low = select(low, candidate, below <= (n - 1u) / 2u);
    }
    var up_to = 0u;
    var next = NONE;
    for (var k = first; k < end; k++) {
        let here = key(unit(row, part, k));
        up_to += select(0u, 1u, here <= low);
        next = min(next, select(NONE, here, here > low));
    }
    let upper = select(next, low, up_to > n / 2u);
    return (value_of(low) + value_of(upper)) * 0.5;
}

@compute @workgroup_size(DETECT_WG)
fn detect_whiten(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let at = thread(group, groups, local);
    if at >= params.rows * params.columns {
        return;
    }
    let row = at / params.columns;
    let x = at % params.columns;
    let part = rows_in[row].y;
    if (row_flags(row) & MISSING) != 0u {
        whitened[at] = -jump(part, x);
        return;
    }
    var z = unit(row, part, x);
    if index_of(row, x) >= params.limit {
        z = min(z, median_around(row, part, x));
    }
    whitened[at] = z;
}
