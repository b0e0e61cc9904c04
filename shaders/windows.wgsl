// Features of every window from the statistics of its columns.
//
// Grid: one invocation an image and window. output: [image, window, feature], from 0 on; each feature goes to the place that
// the parameters name, and is left alone where that is NONE.

const WINDOWS_WG: u32 = 64u;

struct WindowParams {
    images: u32,
    rows: u32,
    columns: u32,
    windows: u32,
    window: u32,
    step: u32,
    features: u32,
    std_at: u32,
    mean_at: u32,
    max_at: u32,
    gabor_at: u32,
    slope_at: u32,
    frequency_at: u32,
    // Slope-aspect of half an index along time and none along distance.
    steepness: f32,
    // Hz a bin.
    resolution: f32,
    padding: u32,
}

@group(0) @binding(0) var<uniform> params: WindowParams;
@group(0) @binding(1) var<storage, read> statistics: array<u32>;
@group(0) @binding(2) var<storage, read_write> output: array<f32>;

fn statistic(number: u32, column: u32) -> u32 {
    return statistics[number * params.images * params.columns + column];
}

@compute @workgroup_size(WINDOWS_WG)
fn windows(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let number = linear_group(group, groups) * WINDOWS_WG + local;
    if number >= params.images * params.windows {
        return;
    }
    let first = number / params.windows * params.columns + number % params.windows * params.step;
    let out = number * params.features;
    let pixels = params.rows * params.window;
    var sum = vec2<u32>(0u);
    var squares = vec2<u32>(0u);
    var largest = 0u;
    var gabor = 0.0;
    // A whole number in two halves: the sum of several would not fit one word.
    var steep_high = 0;
    var steep_low = 0;
    var slope = 0.0;
    var bins = 0u;
    for (var column = first; column < first + params.window; column++) {
        if params.std_at != NONE || params.mean_at != NONE || params.max_at != NONE {
            sum = add64(sum, vec2<u32>(statistic(PLANE_SUM, column), statistic(PLANE_SUM + 1u, column)));
            squares = add64(squares, vec2<u32>(statistic(PLANE_SQUARES, column), statistic(PLANE_SQUARES + 1u, column)));
            largest = max(largest, statistic(PLANE_MAX, column));
        }
        if params.gabor_at != NONE {
            gabor += bitcast<f32>(statistic(PLANE_GABOR, column));
        }
        if params.slope_at != NONE {
            let steep = bitcast<i32>(statistic(PLANE_STEEP, column));
            steep_high += steep >> 16u;
            steep_low += steep & 0xffff;
            slope += bitcast<f32>(statistic(PLANE_SLOPE, column));
        }
        if params.frequency_at != NONE {
            bins += statistic(PLANE_BIN, column);
        }
    }
    if params.mean_at != NONE {
        output[out + params.mean_at] = float64(sum) / f32(pixels);
    }
    if params.std_at != NONE {
        // Around a whole number c near the mean, with d = sum(v) - n c: sum((v - c)^2) = sum(v^2) - c (sum(v) + d), exactly,
        // and the variance is (sum((v - c)^2) - d^2 / n) / (n - 1), which cancels nothing.
        let c = u32(float64(sum) / f32(pixels) + 0.5);
        let d = bitcast<i32>(sum.x - pixels * c);
        let spread = float64(sub64(squares, mul64(add64(sum, signed64(d)), c)));
        let variance = (spread - f32(d) * (f32(d) / f32(pixels))) / f32(pixels - 1u);
        output[out + params.std_at] = sqrt(max(variance, 0.0));
    }
    if params.max_at != NONE {
        output[out + params.max_at] = f32(largest);
    }
    if params.gabor_at != NONE {
        output[out + params.gabor_at] = gabor / f32(pixels);
    }
    if params.slope_at != NONE {
        let steep = f32(steep_high) * 65536.0 + f32(steep_low);
        output[out + params.slope_at] = (steep * params.steepness + slope) / f32(pixels);
    }
    if params.frequency_at != NONE {
        output[out + params.frequency_at] = f32(bins) * params.resolution / f32(params.window);
    }
}
