//! Complex numbers a lane, and Fourier transforms of a few of them in registers.

use pulp::Simd;

/// A complex number a lane.
pub(crate) struct Complex<V>(pub(crate) V, pub(crate) V);

impl<V: Copy> Clone for Complex<V> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<V: Copy> Copy for Complex<V> {}

#[inline(always)]
pub(crate) fn add<S: Simd>(simd: S, a: Complex<S::f64s>, b: Complex<S::f64s>) -> Complex<S::f64s> {
    Complex(simd.add_f64s(a.0, b.0), simd.add_f64s(a.1, b.1))
}

#[inline(always)]
pub(crate) fn sub<S: Simd>(simd: S, a: Complex<S::f64s>, b: Complex<S::f64s>) -> Complex<S::f64s> {
    Complex(simd.sub_f64s(a.0, b.0), simd.sub_f64s(a.1, b.1))
}

/// `a` times the same complex number in every lane.
#[inline(always)]
pub(crate) fn times<S: Simd>(simd: S, a: Complex<S::f64s>, (re, im): (f64, f64)) -> Complex<S::f64s> {
    let (re, im) = (simd.splat_f64s(re), simd.splat_f64s(im));
    Complex(
        simd.negate_mul_add_e_f64s(a.1, im, simd.mul_f64s(a.0, re)),
        simd.mul_add_e_f64s(a.0, im, simd.mul_f64s(a.1, re)),
    )
}

/// `a - i b`.
#[inline(always)]
pub(crate) fn minus_i<S: Simd>(simd: S, a: Complex<S::f64s>, b: Complex<S::f64s>) -> Complex<S::f64s> {
    Complex(simd.add_f64s(a.0, b.1), simd.sub_f64s(a.1, b.0))
}

/// `a + i b`.
#[inline(always)]
pub(crate) fn plus_i<S: Simd>(simd: S, a: Complex<S::f64s>, b: Complex<S::f64s>) -> Complex<S::f64s> {
    Complex(simd.sub_f64s(a.0, b.1), simd.add_f64s(a.1, b.0))
}

/// `a + c b` for a real number `c`.
#[inline(always)]
pub(crate) fn add_scaled<S: Simd>(simd: S, a: Complex<S::f64s>, c: f64, b: Complex<S::f64s>) -> Complex<S::f64s> {
    let c = simd.splat_f64s(c);
    Complex(simd.mul_add_e_f64s(c, b.0, a.0), simd.mul_add_e_f64s(c, b.1, a.1))
}

/// `c a` for a real number `c`.
#[inline(always)]
fn scaled<S: Simd>(simd: S, c: f64, a: Complex<S::f64s>) -> Complex<S::f64s> {
    let c = simd.splat_f64s(c);
    Complex(simd.mul_f64s(c, a.0), simd.mul_f64s(c, a.1))
}

#[inline(always)]
pub(crate) fn two<S: Simd>(simd: S, [a, b]: [Complex<S::f64s>; 2]) -> [Complex<S::f64s>; 2] {
    [add(simd, a, b), sub(simd, a, b)]
}

#[inline(always)]
pub(crate) fn three<S: Simd>(simd: S, [a, b, c]: [Complex<S::f64s>; 3]) -> [Complex<S::f64s>; 3] {
    const SIN: f64 = 0.866_025_403_784_438_6; // sin(2 pi / 3); the cosine is -1/2
    let (sum, difference) = (add(simd, b, c), sub(simd, b, c));
    let even = add_scaled(simd, a, -0.5, sum);
    let s = simd.splat_f64s(SIN);
    let odd = Complex(simd.mul_f64s(s, difference.0), simd.mul_f64s(s, difference.1));
    [add(simd, a, sum), minus_i(simd, even, odd), plus_i(simd, even, odd)]
}

#[inline(always)]
pub(crate) fn four<S: Simd>(simd: S, [a, b, c, d]: [Complex<S::f64s>; 4]) -> [Complex<S::f64s>; 4] {
    let (s0, d0) = (add(simd, a, c), sub(simd, a, c));
    let (s1, d1) = (add(simd, b, d), sub(simd, b, d));
    [add(simd, s0, s1), minus_i(simd, d0, d1), sub(simd, s0, s1), plus_i(simd, d0, d1)]
}

#[inline(always)]
pub(crate) fn eight<S: Simd>(simd: S, [a, b, c, d, e, f, g, h]: [Complex<S::f64s>; 8]) -> [Complex<S::f64s>; 8] {
    let [s0, s1, s2, s3] = four(simd, [add(simd, a, e), add(simd, b, f), add(simd, c, g), add(simd, d, h)]);
    // The differences, turned by eighths of a circle: those of b and d times the square root of 2.
    let (d0, d1, d2, d3) = (sub(simd, a, e), sub(simd, b, f), sub(simd, c, g), sub(simd, d, h));
    let (even, odd) = (minus_i(simd, d0, d2), plus_i(simd, d0, d2));
    let b = Complex(simd.add_f64s(d1.0, d1.1), simd.sub_f64s(d1.1, d1.0));
    let (re, minus_im) = (simd.sub_f64s(d3.1, d3.0), simd.add_f64s(d3.0, d3.1));
    let sum = Complex(simd.add_f64s(b.0, re), simd.sub_f64s(b.1, minus_im));
    let difference = Complex(simd.sub_f64s(b.0, re), simd.add_f64s(b.1, minus_im));
    // `difference` times -i.
    let turned = Complex(difference.1, simd.neg_f64s(difference.0));
    const HALF: f64 = std::f64::consts::FRAC_1_SQRT_2;
    [
        s0,
        add_scaled(simd, even, HALF, sum),
        s1,
        add_scaled(simd, odd, HALF, turned),
        s2,
        add_scaled(simd, even, -HALF, sum),
        s3,
        add_scaled(simd, odd, -HALF, turned),
    ]
}

#[inline(always)]
pub(crate) fn five<S: Simd>(simd: S, [a, b, c, d, e]: [Complex<S::f64s>; 5]) -> [Complex<S::f64s>; 5] {
    // cos and sin of 2 pi / 5 and 4 pi / 5
    const C1: f64 = 0.309_016_994_374_947_45;
    const C2: f64 = -0.809_016_994_374_947_5;
    const S1: f64 = 0.951_056_516_295_153_5;
    const S2: f64 = 0.587_785_252_292_473_1;
    let (p1, m1) = (add(simd, b, e), sub(simd, b, e));
    let (p2, m2) = (add(simd, c, d), sub(simd, c, d));
    let even1 = add_scaled(simd, add_scaled(simd, a, C1, p1), C2, p2);
    let even2 = add_scaled(simd, add_scaled(simd, a, C2, p1), C1, p2);
    let odd1 = add_scaled(simd, scaled(simd, S1, m1), S2, m2);
    let odd2 = add_scaled(simd, scaled(simd, S2, m1), -S1, m2);
    [
        add(simd, a, add(simd, p1, p2)),
        minus_i(simd, even1, odd1),
        minus_i(simd, even2, odd2),
        plus_i(simd, even2, odd2),
        plus_i(simd, even1, odd1),
    ]
}
