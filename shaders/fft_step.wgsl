// One step of a transform (fft.wgsl) whose radix has a butterfly; composed as fft_put.wgsl.

// Reads one plane of a step's input.
fn take_STEP(team: u32, lane: u32, plane: u32) {
    let m = N / RADIX_STEP;
    for (var i = 0u; i < ROUNDS_STEP; i++) {
        let b = lane + i * LANES;
        if b < m {
            for (var k = 0u; k < RADIX_STEP; k++) {
                v[i * RADIX_STEP + k][plane] = work[place(team, b + k * m, plane)];
            }
        }
    }
}

// Butterflies and twiddle factors of one step; the last step's factors are all one.
fn radix_STEP(lane: u32) {
    for (var i = 0u; i < ROUNDS_STEP; i++) {
        butterfly(RADIX_STEP, i * RADIX_STEP);
        let b = lane + i * LANES;
        if STRIDE_STEP * RADIX_STEP < N && b < N / RADIX_STEP {
            for (var k = 1u; k < RADIX_STEP; k++) {
                v[i * RADIX_STEP + k] = cmul(v[i * RADIX_STEP + k], twiddles[(b - b % STRIDE_STEP) * k]);
            }
        }
    }
}
