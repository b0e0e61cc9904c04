// One over the largest power of two not above a sample, from the sample's bits; 1 for silence. Normal numbers only.
fn scale_of(bits: u32) -> f32 {
    const LARGEST_EXPONENT: u32 = 253u; // one over 2^127 would not be a normal number
    let exponent = clamp(bits >> 23u, 1u, LARGEST_EXPONENT);
    return select(bitcast<f32>((254u - exponent) << 23u), 1.0, bits == 0u);
}
