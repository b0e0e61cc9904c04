// Writes element k of transform t: the value times the chirp, and zeros behind the end.
fn load(t: u32, k: u32, value: vec2<f32>) {
    var x = vec2<f32>(0.0);
    if k < N {
        x = value;
        if BLUESTEIN == 1u {
            x = cmul(x, chirps[k]);
        }
    }
    work[t * M + k] = x;
}
