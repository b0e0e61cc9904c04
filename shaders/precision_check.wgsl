// Which signals single precision serves, after a layer.
//
// Rounding in a transform is like white noise, relative to the root mean square of what is transformed. In units of the
// rounding unit, the noise of a path's scalogram samples is estimated by
//   noise = (noise of its input + rms of its input) * |filter| + rms of the path,     all without bin 0,
// where |filter| is the gain of white noise. Measured differences stay within five times that (docs/gpu.md). Where it may
// exceed what is allowed of the largest coefficient of signal and order (`limit` holds the factors), the signal goes on a
// list, once, and gets a sign (sign.wgsl).
//
// Grid: one workgroup a signal: teams of CHECK_LANES invocations take a path each, and stride over its bins.
// spectra, supports, filters: see scalogram.wgsl; input_noise: [input]; coefficients: see scalogram.wgsl, of this layer from
// `out` on, of the first from `first_out` on; noise: [path]; list: how many signals, then their numbers.

const HALF: u32 = N / 2u + 1u;
const CHECK_WG: u32 = 64u;
const CHECK_TEAMS: u32 = CHECK_WG / CHECK_LANES;

struct PrecisionCheckParams {
    signals: u32,
    // Filters of this layer, and paths a signal of this layer and of the first.
    filters: u32,
    width: u32,
    first_width: u32,
    // Places of path 0 of this layer and of the first in `coefficients`.
    out: u32,
    first_out: u32,
    // 1 for the first layer, whose input has no noise.
    first_layer: u32,
    // Noise that is allowed, over the largest coefficient.
    limit: f32,
}

@group(0) @binding(0) var<uniform> params: PrecisionCheckParams;
@group(0) @binding(1) var<storage, read> spectra: array<complex>;
@group(0) @binding(2) var<storage, read> supports: array<vec4<u32>>;
@group(0) @binding(3) var<storage, read> filters: array<complex>;
@group(0) @binding(4) var<storage, read_write> input_noise: array<f32>;
@group(0) @binding(5) var<storage, read_write> coefficients: array<f32>;
@group(0) @binding(6) var<storage, read_write> noise: array<f32>;
@group(0) @binding(7) var<storage, read_write> list: array<atomic<u32>>;

var<workgroup> sums: array<vec2<f32>, CHECK_WG>;
var<workgroup> most_noise: atomic<u32>;
var<workgroup> largest: atomic<u32>;

// Sum over a team's lanes, for its first one.
fn sum_of_team(local: u32, value: vec2<f32>) -> vec2<f32> {
    workgroupBarrier();
    sums[local] = value;
    workgroupBarrier();
    for (var step = CHECK_LANES / 2u; step > 0u; step /= 2u) {
        if local % CHECK_LANES < step {
            sums[local] += sums[local + step];
        }
        workgroupBarrier();
    }
    return sums[local];
}

@compute @workgroup_size(CHECK_WG)
fn precision_check(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let signal = linear_group(group, groups);
    // The whole workgroup leaves, or none of it.
    if signal >= params.signals {
        return;
    }
    let team = local / CHECK_LANES;
    let lane = local % CHECK_LANES;
    if local == 0u {
        atomicStore(&most_noise, 0u);
        atomicStore(&largest, 0u);
    }
    let inputs = params.width / params.filters;
    for (var first = 0u; first < inputs; first += CHECK_TEAMS) {
        let here = first + team < inputs;
        let input = signal * inputs + select(0u, first + team, here);
        var power = 0.0;
        for (var i = 1u + lane; i < HALF; i += CHECK_LANES) {
            let x = spectra[input * HALF + i];
            power += dot(x, x);
        }
        power = sum_of_team(local, vec2<f32>(power, 0.0)).x;
        if here && lane == 0u {
            let before = select(input_noise[input], 0.0, params.first_layer == 1u);
            input_noise[input] = before + sqrt(2.0 * power) / f32(N);
        }
    }
    storageBarrier();
    for (var first = 0u; first < params.width; first += CHECK_TEAMS) {
        let here = first + team < params.width;
        let path = signal * params.width + select(0u, first + team, here);
        let input = path / params.filters;
        let support = supports[path % params.filters];
        var power = vec2<f32>(0.0);
        for (var j = lane; j < support.y; j += CHECK_LANES) {
            let i = support.x + j;
            let f = filters[support.z + j];
            let x = spectra[input * HALF + select(i, N - i, i >= HALF)];
            power += vec2<f32>(dot(f, f), select(dot(x, x) * dot(f, f), 0.0, i == 0u));
        }
        power = sum_of_team(local, power);
        if here && lane == 0u {
            let own = input_noise[input] * sqrt(power.x * f32(N)) + sqrt(power.y);
            noise[path] = own;
            atomicMax(&most_noise, bitcast<u32>(own));
            atomicMax(&largest, bitcast<u32>(abs(coefficients[params.out + path])));
        }
    }
    workgroupBarrier();
    if local == 0u {
        let allowed = params.limit * bitcast<f32>(atomicLoad(&largest));
        let sign = params.first_out + signal * params.first_width;
        // NaN also fails the check.
        let served = bitcast<f32>(atomicLoad(&most_noise)) <= allowed;
        if !served && bitcast<u32>(coefficients[sign]) >> 31u == 0u {
            coefficients[sign] = with_sign(coefficients[sign]);
            atomicStore(&list[1u + atomicAdd(&list[0], 1u)], signal);
        }
    }
}
