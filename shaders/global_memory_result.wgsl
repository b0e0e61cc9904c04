// Result k of transform t.
fn result(t: u32, k: u32) -> vec2<f32> {
    let x = work[t * M + k];
    if BLUESTEIN == 1u {
        // global_memory_convolve.wgsl made the last transform an inverse one by exchanging real and imaginary parts.
        return cmul(x.yx, chirps[k]);
    }
    return x;
}
