// Median and 75th percentile of every window's indices, by counting them; linear between neighbours, as NumPy.
//
// Grid: one workgroup an image and window. features: [image, window, feature], from 0 on.

const QUANTILES_WG: u32 = 256u;

struct QuantileParams {
    images: u32,
    rows: u32,
    columns: u32,
    // Words a column of indices.
    stride: u32,
    windows: u32,
    window: u32,
    step: u32,
    // Features a window, and the places of these two among them (NONE where one is not asked for).
    features: u32,
    median: u32,
    p75: u32,
}

@group(0) @binding(0) var<uniform> params: QuantileParams;
@group(0) @binding(1) var<storage, read> index: array<u32>;
@group(0) @binding(2) var<storage, read_write> output: array<f32>;

var<workgroup> counts: array<atomic<u32>, 256>;

fn value_of_rank(rank: u32) -> u32 {
    var seen = 0u;
    for (var value = 0u; value < 256u; value++) {
        seen += atomicLoad(&counts[value]);
        if seen > rank {
            return value;
        }
    }
    return 255u;
}

// The quantile at `quarters` quarters of the way from the first to the last of n values.
fn quantile(quarters: u32, n: u32) -> f32 {
    // Without overflow for any number of pixels that 32 bits count.
    let whole = (n - 1u) / 4u * quarters + (n - 1u) % 4u * quarters / 4u;
    let rest = (n - 1u) % 4u * quarters % 4u;
    let a = f32(value_of_rank(whole));
    let b = f32(value_of_rank(min(whole + 1u, n - 1u)));
    return a + (b - a) * f32(rest) / 4.0;
}

@compute @workgroup_size(QUANTILES_WG)
fn quantiles(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let number = linear_group(group, groups);
    // The whole workgroup leaves, or none of it.
    if number >= params.images * params.windows {
        return;
    }
    atomicStore(&counts[local], 0u);
    workgroupBarrier();
    let first = number / params.windows * params.columns + number % params.windows * params.step;
    for (var w = local; w < params.window * params.stride; w += QUANTILES_WG) {
        let row = w % params.stride * 4u;
        let word = index[first * params.stride + w];
        for (var k = 0u; k < 4u && row + k < params.rows; k++) {
            atomicAdd(&counts[(word >> (8u * k)) & 255u], 1u);
        }
    }
    workgroupBarrier();
    let n = params.rows * params.window;
    if local == 0u && params.median != NONE {
        output[number * params.features + params.median] = quantile(2u, n);
    }
    if local == 1u && params.p75 != NONE {
        output[number * params.features + params.p75] = quantile(3u, n);
    }
}
