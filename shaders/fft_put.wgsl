// What every step of a transform (fft.wgsl) ends with. The host puts the step's number for STEP, and its radix, stride and
// rounds (butterflies or pairs a lane) as constants before it.

// Writes one plane (0 real, 1 imaginary) of a step's results.
fn put_STEP(team: u32, lane: u32, plane: u32) {
    let m = N / RADIX_STEP;
    for (var i = 0u; i < ROUNDS_STEP; i++) {
        let b = lane + i * LANES;
        if b < m {
            let start = (b - b % STRIDE_STEP) * RADIX_STEP + b % STRIDE_STEP;
            for (var k = 0u; k < RADIX_STEP; k++) {
                work[place(team, start + k * STRIDE_STEP, plane)] = v[i * RADIX_STEP + k][plane];
            }
        }
    }
}
