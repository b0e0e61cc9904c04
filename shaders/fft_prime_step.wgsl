// One step of a transform (fft.wgsl) of an odd prime radix without a butterfly; composed as fft_put.wgsl.
//
// It works from workgroup memory, a pair of results (h, radix - h) an item: cosine and sine sums serve both. Item l holds b = l % m and h = l / m; its results are in slots 2 i and 2 i + 1.
fn prime_take_STEP(team: u32, lane: u32, plane: u32) {
    let m = N / RADIX_STEP;
    let half = (RADIX_STEP + 1u) / 2u;
    for (var i = 0u; i < ROUNDS_STEP; i++) {
        let item = lane + i * LANES;
        if item < m * half {
            let b = item % m;
            let h = item / m;
            var even = work[place(team, b, plane)];
            var odd = real(0.0);
            var angle = 0u; // h j modulo the radix
            for (var j = 1u; j < half; j++) {
                angle += h;
                angle = select(angle, angle - RADIX_STEP, angle >= RADIX_STEP);
                let x = work[place(team, b + j * m, plane)];
                let y = work[place(team, b + (RADIX_STEP - j) * m, plane)];
                let root = twiddles[angle * m];
                even += root.x * (x + y);
                odd += root.y * (x - y);
            }
            prime_sums[i][2u * plane] = even;
            prime_sums[i][2u * plane + 1u] = odd;
        }
    }
}

fn prime_turn_STEP(lane: u32) {
    let m = N / RADIX_STEP;
    let half = (RADIX_STEP + 1u) / 2u;
    for (var i = 0u; i < ROUNDS_STEP; i++) {
        let item = lane + i * LANES;
        if item < m * half {
            let b = item % m;
            let h = item / m;
            let sums = prime_sums[i];
            let twice = (b - b % STRIDE_STEP) * select(RADIX_STEP - h, 0u, h == 0u);
            v[2u * i] = cmul(complex(sums.x - sums.w, sums.z + sums.y), twiddles[(b - b % STRIDE_STEP) * h]);
            v[2u * i + 1u] = cmul(complex(sums.x + sums.w, sums.z - sums.y), twiddles[twice]);
        }
    }
}

fn prime_put_STEP(team: u32, lane: u32, plane: u32) {
    let m = N / RADIX_STEP;
    let half = (RADIX_STEP + 1u) / 2u;
    for (var i = 0u; i < ROUNDS_STEP; i++) {
        let item = lane + i * LANES;
        if item < m * half {
            let b = item % m;
            let h = item / m;
            let start = (b - b % STRIDE_STEP) * RADIX_STEP + b % STRIDE_STEP;
            work[place(team, start + h * STRIDE_STEP, plane)] = v[2u * i][plane];
            if h > 0u {
                work[place(team, start + (RADIX_STEP - h) * STRIDE_STEP, plane)] = v[2u * i + 1u][plane];
            }
        }
    }
}
