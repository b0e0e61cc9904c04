// One filter of one layer: y = |IDFT(X F)|, pooled over time; where a layer follows, also the spectrum of y.
//
// Grid: one team of LANES invocations a path (a signal of the layer's input and a filter), TEAMS a workgroup. From the
// spectrum to the pooled value nothing leaves the workgroup; the next layer's input goes to device memory.
// spectra: [input, HALF], the layer's inputs; supports: [filter] (first bin, number of bins, place in `filters`);
// filters: their spectra over N where they are not zero; coefficients: [path] from `out` on; next: [path, HALF].

const HALF: u32 = N / 2u + 1u;

struct ScalogramParams {
    // Signals of this dispatch.
    signals: u32,
    // Paths a signal of this layer.
    width: u32,
    // Filters of this layer.
    filters: u32,
    // Pooled stretch of the scalogram as it comes out (not shifted, possibly around the end).
    pooled_from: u32,
    pooled_count: u32,
    // Place of path 0 in `coefficients`.
    out: u32,
    // 1 for the first layer, which tells the host how a signal was computed.
    first_layer: u32,
}

@group(0) @binding(0) var<uniform> params: ScalogramParams;
@group(0) @binding(1) var<storage, read> spectra: array<complex>;
@group(0) @binding(2) var<storage, read> supports: array<vec4<u32>>;
@group(0) @binding(3) var<storage, read> filters: array<complex>;
@group(0) @binding(4) var<storage, read> twiddles: array<complex>;
@group(0) @binding(5) var<storage, read_write> coefficients: array<f32>;
@group(0) @binding(6) var<storage, read_write> next: array<complex>;

@compute @workgroup_size(WG_SIZE)
fn scalogram(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let team = local / LANES;
    let lane = local % LANES;
    let first = linear_group(group, groups) * TEAMS;
    let paths = listed_signals() * params.width;
    // The whole workgroup leaves, or none of it.
    if first >= paths {
        return;
    }
    let here = first + team < paths;
    let path = select(0u, first + team, here);
    let input = path / params.filters * HALF;
    let support = supports[path % params.filters];
    // Inputs have means far above their variation, and rounding in a transform is relative to its largest value: bin 0 stays
    // out of it and is added to every sample afterwards.
    var level = complex(0.0);
    if support.x == 0u && support.y > 0u {
        level = cmul(spectra[input], filters[support.z]).yx;
    }

    pool_clear(local);
    for (var slot = 0u; slot < SLOTS; slot++) {
        let i = input_index(lane, slot);
        v[slot] = complex(0.0);
        // Below the first bin the difference wraps around to a large number.
        if i > 0u && i < N && i - support.x < support.y {
            // The input is real: the upper half of its spectrum is the lower's mirror image.
            var x = spectra[input + select(i, N - i, i >= HALF)];
            x.y = select(x.y, -x.y, i >= HALF);
            // Real and imaginary parts exchanged make the forward transform the inverse; moduli do not mind.
            v[slot] = cmul(x, filters[support.z + i - support.x]).yx;
        }
    }
    transform(team, lane);
    for (var slot = 0u; slot < SLOTS; slot++) {
        let i = output_index(lane, slot);
        let y = v[slot] + level;
        let power = dot(y, y);
        let shifted = select(i - params.pooled_from, i + N - params.pooled_from, i < params.pooled_from);
        keys[slot] = select(NONE, bitcast<u32>(f32(power)), i < N && shifted < params.pooled_count);
        if FORWARD == 1u {
            // |y| - |level| without the difference of two large numbers.
            let sum = sqrt(power) + length(level);
            let above = 2.0 * dot(level, v[slot]) + dot(v[slot], v[slot]);
            v[slot].x = select(real(0.0), above / sum, sum > 0.0);
        }
    }
    // Counters were cleared before; a transform of a single step has no barrier of its own.
    workgroupBarrier();
    let pooled = pool(team, lane, params.pooled_count);
    if here && lane == 0u {
        let place = params.out + listed(path / params.width) * params.width + path % params.width;
        let first_of_signal = params.first_layer == 1u && path % params.width == 0u;
        coefficients[place] = select(pooled, with_sign(pooled), LISTED == 1u && first_of_signal);
    }
    if FORWARD == 1u {
        var sum = real(0.0);
        for (var slot = 0u; slot < SLOTS; slot++) {
            sum += select(real(0.0), v[slot].x, output_index(lane, slot) < N);
        }
        // What is left of the mean is taken out as well; all of it comes back in bin 0.
        let mean = team_sum(team, lane, sum) / real(N);
        for (var slot = 0u; slot < SLOTS; slot++) {
            v[slot].x -= mean;
        }
        let total = (mean + length(level)) * real(N);
        pass_on_real(team, lane);
        transform(team, lane);
        for (var slot = 0u; slot < SLOTS; slot++) {
            let i = output_index(lane, slot);
            if here && i < HALF {
                next[path * HALF + i] = v[slot] + complex(select(real(0.0), total, i == 0u), 0.0);
            }
        }
    }
}
