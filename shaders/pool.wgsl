// Pooling of a team's squared moduli into one value: NumPy's median, mean or maximum of the moduli.
//
// The median is selected by digits of the floating-point bits, which order non-negative numbers as they are, the highest
// digit first: a histogram of the values that share the digits found so far tells the next. Every digit has counters of its
// own, so one barrier a digit is enough. Square roots are taken of the two middle values only.

const DIGIT_BITS: u32 = 4u;
const DIGIT_VALUES: u32 = 16u;
const DIGITS: u32 = 8u;
// Counters of a team: those of the digits, and the smallest value above the lower middle one.
const COUNTERS: u32 = DIGITS * DIGIT_VALUES + 1u;

const MEDIAN: u32 = 0u;
const MEAN: u32 = 1u;

var<workgroup> counters: array<atomic<u32>, TEAMS * COUNTERS>;
// Bits of the squared moduli in this lane's slots; NONE where a slot is not pooled.
var<private> keys: array<u32, SLOTS>;

// To be called before anything else, with a barrier between here and `pool`.
fn pool_clear(local: u32) {
    for (var i = local; i < TEAMS * COUNTERS; i += WG_SIZE) {
        atomicStore(&counters[i], select(0u, NONE, i % COUNTERS == COUNTERS - 1u));
    }
}

// Pools `count` keys of the team's lanes. Called by all of a workgroup: it has barriers.
fn pool(team: u32, lane: u32, count: u32) -> f32 {
    if POOLING == MEDIAN {
        return pool_median(team, count);
    }
    if POOLING == MEAN {
        var sum = real(0.0);
        for (var slot = 0u; slot < SLOTS; slot++) {
            if keys[slot] != NONE {
                sum += real(sqrt(bitcast<f32>(keys[slot])));
            }
        }
        return f32(team_sum(team, lane, sum) / real(count));
    }
    let largest = team * COUNTERS;
    for (var slot = 0u; slot < SLOTS; slot++) {
        if keys[slot] != NONE {
            atomicMax(&counters[largest], keys[slot]);
        }
    }
    workgroupBarrier();
    return sqrt(bitcast<f32>(atomicLoad(&counters[largest])));
}

fn pool_median(team: u32, count: u32) -> f32 {
    let own = team * COUNTERS;
    var rank = (count - 1u) / 2u;
    var found = 0u;
    var known = 0u; // bits of the digits found
    var equal = 0u;
    for (var digit = 0u; digit < DIGITS; digit++) {
        let shift = DIGIT_BITS * (DIGITS - 1u - digit);
        let first = own + digit * DIGIT_VALUES;
        for (var slot = 0u; slot < SLOTS; slot++) {
            let key = keys[slot];
            if key != NONE && (key & known) == found {
                atomicAdd(&counters[first + ((key >> shift) & (DIGIT_VALUES - 1u))], 1u);
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
    let above = own + COUNTERS - 1u;
    for (var slot = 0u; slot < SLOTS; slot++) {
        if keys[slot] != NONE && keys[slot] > found {
            atomicMin(&counters[above], keys[slot]);
        }
    }
    workgroupBarrier();
    let lower = sqrt(bitcast<f32>(found));
    if count % 2u == 1u || rank + 1u < equal {
        return lower;
    }
    return 0.5 * (lower + sqrt(bitcast<f32>(atomicLoad(&counters[above]))));
}
