// Moduli and their pooled value, as scalogram.wgsl after its transform, one workgroup a path.
//
// work: [path of this dispatch, M] results of the transform, replaced by (|y|^2, |y| - |level|); levels: [path of this
// dispatch] what is to be taken out of the next layer's input, and what is to come back.

@group(0) @binding(0) var<uniform> params: GlobalMemoryParams;
@group(0) @binding(1) var<storage, read> spectra: array<vec2<f32>>;
@group(0) @binding(2) var<storage, read> supports: array<vec4<u32>>;
@group(0) @binding(3) var<storage, read> filters: array<vec2<f32>>;
@group(0) @binding(4) var<storage, read> chirps: array<vec2<f32>>;
@group(0) @binding(5) var<storage, read_write> work: array<vec2<f32>>;
@group(0) @binding(6) var<storage, read_write> coefficients: array<f32>;
@group(0) @binding(7) var<storage, read_write> levels: array<vec2<f32>>;

const MEDIAN: u32 = 0u;
const MEAN: u32 = 1u;
const DIGIT_BITS: u32 = 4u;
const DIGIT_VALUES: u32 = 16u;
const DIGITS: u32 = 8u;

var<workgroup> counters: array<atomic<u32>, DIGITS * DIGIT_VALUES>;
var<workgroup> above: atomic<u32>;
var<workgroup> largest: atomic<u32>;

// Bits of pooled value number i.
fn key(t: u32, i: u32) -> u32 {
    let k = params.pooled_from + i;
    return bitcast<u32>(work[t * M + select(k, k - N, k >= N)].x);
}

// As in pool.wgsl, from memory.
fn median(t: u32, local: u32) -> f32 {
    let count = params.pooled_count;
    var rank = (count - 1u) / 2u;
    var found = 0u;
    var known = 0u;
    var equal = 0u;
    for (var digit = 0u; digit < DIGITS; digit++) {
        let shift = DIGIT_BITS * (DIGITS - 1u - digit);
        let first = digit * DIGIT_VALUES;
        for (var i = local; i < count; i += GLOBAL_MEMORY_WG) {
            let bits = key(t, i);
            if (bits & known) == found {
                atomicAdd(&counters[first + ((bits >> shift) & (DIGIT_VALUES - 1u))], 1u);
            }
        }
        workgroupBarrier();
        var below = 0u;
        var chosen = 0u;
        var under = 0u;
        for (var d = 0u; d < DIGIT_VALUES; d++) {
            let here = atomicLoad(&counters[first + d]);
            if rank >= below && rank - below < here {
                chosen = d;
                under = below;
                equal = here;
            }
            below += here;
        }
        rank -= under;
        found |= chosen << shift;
        known |= (DIGIT_VALUES - 1u) << shift;
    }
    for (var i = local; i < count; i += GLOBAL_MEMORY_WG) {
        let bits = key(t, i);
        if bits > found {
            atomicMin(&above, bits);
        }
    }
    workgroupBarrier();
    let lower = sqrt(bitcast<f32>(found));
    if count % 2u == 1u || rank + 1u < equal {
        return lower;
    }
    return 0.5 * (lower + sqrt(bitcast<f32>(atomicLoad(&above))));
}

@compute @workgroup_size(GLOBAL_MEMORY_WG)
fn global_memory_pool(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let t = linear_group(group, groups);
    // The whole workgroup leaves, or none of it.
    if t >= params.transforms {
        return;
    }
    let path = params.first + t;
    let support = supports[path % params.filters];
    var level = vec2<f32>(0.0);
    if support.x == 0u && support.y > 0u {
        level = cmul(spectra[path / params.filters * HALF], filters[support.z]).yx;
    }
    for (var i = local; i < DIGITS * DIGIT_VALUES; i += GLOBAL_MEMORY_WG) {
        atomicStore(&counters[i], 0u);
    }
    if local == 0u {
        atomicStore(&above, NONE);
        atomicStore(&largest, 0u);
    }
    var sum = 0.0;
    for (var k = local; k < N; k += GLOBAL_MEMORY_WG) {
        let z = result(t, k);
        let power = dot(z + level, z + level);
        // |y| - |level| without the difference of two large numbers.
        let both = sqrt(power) + length(level);
        let difference = select(0.0, (2.0 * dot(level, z) + dot(z, z)) / both, both > 0.0);
        work[t * M + k] = vec2<f32>(power, difference);
        sum += difference;
    }
    let mean = workgroup_sum(local, sum) / f32(N);
    if local == 0u {
        levels[t] = vec2<f32>(mean, mean + length(level));
    }
    storageBarrier();
    workgroupBarrier();
    var pooled = 0.0;
    if POOLING == MEDIAN {
        pooled = median(t, local);
    } else if POOLING == MEAN {
        var roots = 0.0;
        for (var i = local; i < params.pooled_count; i += GLOBAL_MEMORY_WG) {
            roots += sqrt(bitcast<f32>(key(t, i)));
        }
        pooled = workgroup_sum(local, roots) / f32(params.pooled_count);
    } else {
        for (var i = local; i < params.pooled_count; i += GLOBAL_MEMORY_WG) {
            atomicMax(&largest, key(t, i));
        }
        workgroupBarrier();
        pooled = sqrt(bitcast<f32>(atomicLoad(&largest)));
    }
    if local == 0u {
        coefficients[params.out + path] = pooled;
    }
}
