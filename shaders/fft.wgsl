// Discrete Fourier transform of N complex numbers by a team of LANES invocations, exactly of that length.
//
// Values stay in registers (`v`); between two steps they change hands through workgroup memory. A step of radix r, after
// steps whose radices multiply to s, is (Stockham's autosort form; Van Loan, Computational Frameworks for the FFT, 1.7)
//   in   x[b + k m],            m = N / r,  b = 0 .. m - 1,  k = 0 .. r - 1
//   out  y[q + s (r p + k)] = w_N^(p k s) sum_j x[b + j m] w_r^(j k),   p = b / s,  q = b % s,  w_n = exp(-2 pi i / n)
// Lane l holds b = l, l + LANES, ...; value k of its i-th b is in slot i r + k. The host composes the steps of a length from
// fft_step.wgsl and fft_prime_step.wgsl, and `transform`, which calls them (N, LANES, TEAMS, SLOTS, PLANES, ... are its
// constants too).
//
// With PLANES = 1, real and imaginary parts change hands one after the other through the same memory: half the bytes for
// twice the barriers. Every barrier stands in uniform control flow: `transform` has no branches.

// One word of padding every 32 keeps accesses a power of two apart in different banks.
const PADDED: u32 = N + N / 32u;

var<workgroup> work: array<real, PLANES * TEAMS * PADDED>;
// Sums of a prime step, an item each: real part's cosine and sine sums, the imaginary part's.
var<private> prime_sums: array<vec4<real>, PRIME_ITEMS>;

fn place(team: u32, i: u32, plane: u32) -> u32 {
    return (plane % PLANES * TEAMS + team) * PADDED + i + (i >> 5u);
}

// Where the transform takes the value in a slot from; N for a slot without one.
fn input_index(lane: u32, slot: u32) -> u32 {
    let m = N / FIRST_RADIX;
    let b = lane + slot / FIRST_RADIX * LANES;
    return select(N, b + slot % FIRST_RADIX * m, b < m);
}

// Which of the results a slot holds after the transform; N for a slot without one.
fn output_index(lane: u32, slot: u32) -> u32 {
    let m = N / LAST_RADIX;
    if LAST_IS_PRIME == 1u {
        let half = (LAST_RADIX + 1u) / 2u;
        let item = lane + slot / 2u * LANES;
        let h = item / m;
        let k = select(h, LAST_RADIX - h, slot % 2u == 1u);
        return select(N, item % m + k * m, item < m * half && k < LAST_RADIX);
    }
    let b = lane + slot / LAST_RADIX * LANES;
    return select(N, b + slot % LAST_RADIX * m, b < m);
}

// Results of one transform become the real input of the next: slots by `output_index` to slots by `input_index`.
fn pass_on_real(team: u32, lane: u32) {
    workgroupBarrier();
    for (var slot = 0u; slot < SLOTS; slot++) {
        let i = output_index(lane, slot);
        if i < N {
            work[place(team, i, 0u)] = v[slot].x;
        }
    }
    workgroupBarrier();
    for (var slot = 0u; slot < SLOTS; slot++) {
        let i = input_index(lane, slot);
        v[slot] = complex(0.0);
        if i < N {
            v[slot].x = work[place(team, i, 0u)];
        }
    }
    workgroupBarrier();
}

// Lanes that add up in the second round of a sum; their number bounds what every lane reads in the third.
const ADDERS: u32 = 16u;

// Sum over the lanes of a team, the same for all and in the same order whatever the neighbours do. Uses `work`.
fn team_sum(team: u32, lane: u32, value: real) -> real {
    let start = team * PADDED;
    workgroupBarrier();
    work[start + lane] = value;
    workgroupBarrier();
    var part = real(0.0);
    if lane < ADDERS {
        for (var i = lane; i < LANES; i += ADDERS) {
            part += work[start + i];
        }
    }
    workgroupBarrier();
    if lane < ADDERS {
        work[start + lane] = part;
    }
    workgroupBarrier();
    var total = real(0.0);
    for (var i = 0u; i < min(ADDERS, LANES); i++) {
        total += work[start + i];
    }
    workgroupBarrier();
    return total;
}
