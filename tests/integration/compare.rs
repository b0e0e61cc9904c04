//! The one way in which arrays are held against golden values.

use ndarray::{ArrayD, ArrayViewD, Axis, Dimension};

/// How far a value may be from the golden one: a share of the largest value of its group.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tolerance {
    /// Share of the largest absolute value of the group.
    pub(crate) share: f64,
    /// Leading axes whose indices name a group: 0 for one group, 2 for one a row and channel.
    pub(crate) axes: usize,
    /// What any value may be off, however small its group.
    pub(crate) least: f64,
}

impl Tolerance {
    /// A share of the largest value of groups named by `axes` leading axes.
    pub(crate) const fn of_largest(share: f64, axes: usize) -> Self {
        Self { share, axes, least: 0.0 }
    }
}

/// The largest violation: index, the value there, the golden one, and what was allowed.
fn worst(got: &ArrayD<f64>, want: &ArrayD<f64>, allowed: &ArrayD<f64>) -> Option<String> {
    if got.shape() != want.shape() {
        return Some(format!("shape {:?} instead of {:?}", got.shape(), want.shape()));
    }
    let mut found: Option<(f64, String)> = None;
    let mut failures = 0;
    for (((index, &a), &b), &allowed) in got.indexed_iter().zip(want).zip(allowed) {
        // Written so that NaN on either side fails.
        if (a - b).abs() <= allowed {
            continue;
        }
        failures += 1;
        let excess = if a.is_finite() && b.is_finite() { (a - b).abs() / allowed } else { f64::INFINITY };
        if found.as_ref().is_none_or(|(most, _)| excess > *most) {
            let at = index.slice().to_vec();
            found = Some((excess, format!("at {at:?}: {a} instead of {b}, allowed {allowed:e}")));
        }
    }
    found.map(|(_, what)| format!("{failures} of {} values are off; the worst {what}", want.len()))
}

/// What each value may be off.
fn allowed(want: &ArrayD<f64>, tolerance: Tolerance) -> ArrayD<f64> {
    fn fill(want: ArrayViewD<'_, f64>, mut out: ndarray::ArrayViewMutD<'_, f64>, tolerance: Tolerance) {
        if tolerance.axes == 0 {
            let largest = want.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
            out.fill((tolerance.share * largest).max(tolerance.least));
            return;
        }
        let inner = Tolerance { axes: tolerance.axes - 1, ..tolerance };
        for (want, out) in want.axis_iter(Axis(0)).zip(out.axis_iter_mut(Axis(0))) {
            fill(want, out, inner);
        }
    }
    let mut out = ArrayD::zeros(want.raw_dim());
    fill(want.view(), out.view_mut(), tolerance);
    out
}

/// Whether two arrays agree; if not, where they differ most.
pub(crate) fn compare(got: &ArrayD<f64>, want: &ArrayD<f64>, tolerance: Tolerance) -> Result<(), String> {
    worst(got, want, &allowed(want, tolerance)).map_or(Ok(()), Err)
}

/// Two arrays must agree, and must no longer agree once any one of a few values is moved by twice what it may be off.
#[track_caller]
pub(crate) fn assert_close(name: &str, got: &ArrayD<f64>, want: &ArrayD<f64>, tolerance: Tolerance) {
    let allowed = allowed(want, tolerance);
    if let Some(what) = worst(got, want, &allowed) {
        panic!("{name}: {what}");
    }
    assert!(!want.is_empty(), "{name}: nothing was compared");
    // The negative control.
    let n = want.len();
    for k in [0, n / 3, n - 1] {
        let mut moved = want.clone();
        let (value, limit) = moved.iter_mut().zip(&allowed).nth(k).expect("a value");
        *value += 2.0 * limit + f64::MIN_POSITIVE + value.abs() * 1e-12;
        assert!(worst(&moved, want, &allowed).is_some(), "{name}: value {k} was moved, and nobody noticed");
    }
}

mod tests {
    use ndarray::array;

    use super::*;

    const TENTH: Tolerance = Tolerance::of_largest(0.1, 0);

    #[test]
    fn shapes_values_and_nan_are_told() {
        let want = array![[1.0, 2.0], [10.0, 20.0]].into_dyn();
        let off = |i: usize, v: f64| {
            let mut got = want.clone();
            got.as_slice_mut().expect("standard layout")[i] = v;
            got
        };
        compare(&off(0, 2.9), &want, TENTH).expect("1.9 of 20 is less than a tenth");
        let told = compare(&off(3, 23.0), &want, TENTH).expect_err("3 of 20");
        assert!(told.contains("[1, 1]") && told.contains("23") && told.contains("20"), "{told} names place and values");
        for bad in [f64::NAN, f64::INFINITY] {
            let told = compare(&off(2, bad), &want, TENTH).expect_err("not a number");
            assert!(told.contains("[1, 0]"), "{told} names the place");
            assert!(compare(&off(2, bad), &off(2, bad), TENTH).is_err(), "{bad} is not even close to itself");
        }
        let flat = array![1.0, 2.0, 10.0, 20.0].into_dyn();
        assert!(compare(&flat, &want, TENTH).is_err_and(|e| e.contains("shape")), "another shape");
    }

    #[test]
    fn groups_have_tolerances_of_their_own() {
        let want = array![[1.0, 2.0], [10.0, 20.0]].into_dyn();
        let got = array![[1.0, 2.3], [10.0, 20.0]].into_dyn();
        compare(&got, &want, TENTH).expect("0.3 of 20");
        assert!(compare(&got, &want, Tolerance { axes: 1, ..TENTH }).is_err(), "0.3 of 2");
        compare(&got, &want, Tolerance { axes: 1, least: 0.3001, ..TENTH }).expect("0.3 is allowed anywhere");
    }

    #[test]
    #[should_panic(expected = "nothing was compared")]
    fn nothing_is_no_agreement() {
        let none = ArrayD::zeros(vec![0, 3]);
        assert_close("empty", &none, &none, TENTH);
    }
}
