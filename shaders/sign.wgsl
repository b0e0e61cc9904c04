// Coefficients are never negative: the sign bit of a signal's first one tells the host that single precision does not serve
// it. What is written over it in double precision keeps the sign.
fn with_sign(value: f32) -> f32 {
    return bitcast<f32>(bitcast<u32>(value) | 0x80000000u);
}
