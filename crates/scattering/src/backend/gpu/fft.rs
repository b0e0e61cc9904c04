//! How a team of invocations transforms one length in workgroup memory: radices, lanes, and the calls of fft.wgsl.

use std::f64::consts::TAU;
use std::fmt::Write;

use scatterfall_lane_fft::Factors;

use super::device::Caps;
use super::kernels::Precision;

const FFT_PUT: &str = include_str!("../../../../../shaders/fft_put.wgsl");
const FFT_STEP: &str = include_str!("../../../../../shaders/fft_step.wgsl");
const FFT_PRIME_STEP: &str = include_str!("../../../../../shaders/fft_prime_step.wgsl");

/// A prime p costs p^2 products a column; above some hundred, Bluestein's way is cheaper.
const LARGEST_PRIME: usize = 131;

/// Complex numbers that an invocation keeps in registers, where the length allows it.
const SLOTS_WANTED: usize = 16;

/// Invocations a workgroup that short transforms are gathered to.
const WORKGROUP_WANTED: usize = 128;

/// A plan for one length and one device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct WorkgroupFft {
    pub(super) n: usize,
    /// Invocations per transform.
    pub(super) lanes: usize,
    /// Transforms a workgroup.
    pub(super) teams: usize,
    /// Complex numbers an invocation.
    slots: usize,
    /// 2: real and imaginary parts change hands together; 1: one after the other, in half the memory.
    planes: usize,
    radices: Vec<usize>,
}

impl WorkgroupFft {
    /// A plan for `n` numbers beside `extra` words of workgroup memory a transform, or `None` where the length has a large
    /// prime factor or does not fit.
    pub(super) fn new(n: usize, caps: &Caps, precision: Precision, extra: usize) -> Option<Self> {
        let radices = radices(n)?;
        let words = caps.workgroup_bytes / 4;
        let padded = precision.words() * (n + n / 32);
        let planes = if 2 * padded + extra <= words { 2 } else { 1 };
        let each = planes * padded + extra;
        if each > words {
            return None;
        }
        let most = caps.invocations.min(n);
        let (lanes, slots) =
            (1..=most).map(|lanes| (lanes, slots(n, &radices, lanes))).min_by_key(|&(lanes, slots)| {
                // Registers first; then the work of all lanes together, idle ones included; then speed.
                (slots.max(SLOTS_WANTED), lanes * rounds_cost(n, &radices, lanes), most - lanes)
            })?;
        let teams = (WORKGROUP_WANTED / lanes).min(words / each).max(1);
        Some(Self { n, lanes, teams, slots, planes, radices })
    }

    /// The constants that fft.wgsl expects.
    #[expect(clippy::cast_possible_truncation, reason = "lengths of workgroup memory")]
    pub(super) fn constants(&self) -> Vec<(&'static str, u32)> {
        let first = self.radices.first().copied().filter(|&r| !is_prime_step(r)).unwrap_or(1);
        let last = self.radices.last().copied().unwrap_or(1);
        let prime_items =
            self.radices.iter().filter(|r| is_prime_step(**r)).map(|&r| items(self.n, r).div_ceil(self.lanes));
        let numbers = [
            ("N", self.n),
            ("LANES", self.lanes),
            ("TEAMS", self.teams),
            ("WG_SIZE", self.lanes * self.teams),
            ("SLOTS", self.slots),
            ("PLANES", self.planes),
            ("PRIME_ITEMS", prime_items.max().unwrap_or(1)),
            ("FIRST_RADIX", first),
            ("LAST_RADIX", last),
            ("LAST_IS_PRIME", usize::from(is_prime_step(last))),
        ];
        numbers.into_iter().map(|(name, value)| (name, value as u32)).collect()
    }

    /// The steps of the length, and the function `transform` that calls them.
    pub(super) fn program(&self) -> String {
        let mut steps = String::new();
        let mut add = |step: &str, radix: usize, stride: usize, rounds: usize, parts: &[&str]| {
            for (constant, value) in [("RADIX", radix), ("STRIDE", stride), ("ROUNDS", rounds)] {
                // Writing to a string cannot fail.
                _ = writeln!(steps, "const {constant}_{step}: u32 = {value}u;");
            }
            parts.iter().for_each(|part| steps.push_str(&part.replace("STEP", step)));
        };
        let mut calls = String::new();
        let mut line = |l: String| _ = writeln!(calls, "    {l}");
        // What writes the previous step's results; at first, the input in its natural order.
        let mut put = "put_START".to_owned();
        let mut stride = 1;
        for (k, &r) in self.radices.iter().enumerate() {
            let prime = is_prime_step(r);
            let (before, step) = (if prime { "prime_" } else { "" }, format!("{k}"));
            let rounds = items(self.n, r).div_ceil(self.lanes);
            add(&step, r, stride, rounds, if prime { &[FFT_PRIME_STEP] } else { &[FFT_PUT, FFT_STEP] });
            if k == 0 && prime {
                add("START", 1, 1, self.n.div_ceil(self.lanes), &[FFT_PUT]);
            }
            if k > 0 || prime {
                let both = |call: &str, planes: std::ops::Range<usize>| {
                    planes.map(|p| format!("{call}(team, lane, {p}u);")).collect::<Vec<_>>()
                };
                let at_once = self.planes;
                for planes in (0..2).step_by(at_once).map(|p| p..p + at_once) {
                    both(&put, planes.clone()).into_iter().for_each(&mut line);
                    line("workgroupBarrier();".into());
                    both(&format!("{before}take_{step}"), planes).into_iter().for_each(&mut line);
                    line("workgroupBarrier();".into());
                }
            }
            line(format!("{}_{step}(lane);", if prime { "prime_turn" } else { "radix" }));
            put = format!("{before}put_{step}");
            stride *= r;
        }
        format!(
            "// Radices of {}: {:?}.\n{steps}fn transform(team: u32, lane: u32) {{\n{calls}}}\n",
            self.n, self.radices
        )
    }
}

/// Twiddle factors `exp(-2 pi i k / n)`, computed in double precision.
#[expect(clippy::cast_possible_truncation, reason = "single precision tables")]
pub(super) fn twiddles(n: usize) -> Vec<[f32; 2]> {
    twiddles_double(n).into_iter().map(|z| z.map(|v| v as f32)).collect()
}

/// The same in double precision.
#[expect(clippy::cast_precision_loss, reason = "lengths are far below 2^53")]
pub(super) fn twiddles_double(n: usize) -> Vec<[f64; 2]> {
    let turn = |k: usize| (TAU * k as f64 / n as f64).sin_cos();
    (0..n).map(turn).map(|(sin, cos)| [cos, -sin]).collect()
}

/// The radices of `n`: primes without code of their own first (they work from memory anyway), then 5, 3 and powers of two;
/// `None` where a prime is too large.
pub(super) fn radices(n: usize) -> Option<Vec<usize>> {
    let Factors { powers_of_two, odd_primes } = Factors::new(n, LARGEST_PRIME)?;
    Some(odd_primes.into_iter().rev().chain(powers_of_two).collect())
}

/// True for radices that fft.wgsl has no butterfly for.
fn is_prime_step(radix: usize) -> bool {
    radix > 5 && radix != 8
}

/// Butterflies (of a prime step: pairs of results) of one step.
fn items(n: usize, radix: usize) -> usize {
    if is_prime_step(radix) { n / radix * radix.div_ceil(2) } else { n / radix }
}

/// Complex numbers a lane holds at most.
fn slots(n: usize, radices: &[usize], lanes: usize) -> usize {
    let natural = if radices.first().is_none_or(|r| is_prime_step(*r)) { n.div_ceil(lanes) } else { 1 };
    let each = |&r: &usize| items(n, r).div_ceil(lanes) * if is_prime_step(r) { 2 } else { r };
    radices.iter().map(each).fold(natural, usize::max)
}

/// Rounds of each step, weighed by what one costs.
fn rounds_cost(n: usize, radices: &[usize], lanes: usize) -> usize {
    let cost = |&r: &usize| {
        let each = if is_prime_step(r) { 4 * r } else { 3 * r + r * r / 2 };
        items(n, r).div_ceil(lanes) * each
    };
    radices.iter().map(cost).sum::<usize>() + n.div_ceil(lanes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn radices_multiply_to_the_length() {
        for n in 1..5000 {
            if let Some(radices) = radices(n) {
                assert_eq!(radices.iter().product::<usize>(), n, "{radices:?}");
            }
        }
        assert_eq!(radices(128), Some(vec![8, 4, 4]), "no step of two");
        assert_eq!(radices(129), Some(vec![43, 3]), "the prime first");
        assert_eq!(radices(1), Some(vec![]), "nothing to do");
        assert_eq!(radices(10_007), None, "a large prime");
    }

    #[test]
    fn plans_fit_the_device() {
        for caps in [Caps::DEFAULT, Caps { workgroup_bytes: 32 << 10, invocations: 1024, ..Caps::DEFAULT }] {
            for n in 1..4200 {
                let Some(plan) = WorkgroupFft::new(n, &caps, Precision::Single, 129) else { continue };
                let words = plan.teams * (plan.planes * (n + n / 32) + 129);
                assert!(4 * words <= caps.workgroup_bytes, "{plan:?} takes {words} words");
                assert!(plan.lanes * plan.teams <= caps.invocations, "{plan:?}");
                assert!(plan.slots * plan.lanes >= n, "{plan:?} holds all values");
            }
            assert!(WorkgroupFft::new(3600, &caps, Precision::Single, 129).is_some(), "in halves, where it must be");
        }
        assert_eq!(WorkgroupFft::new(8192, &Caps::DEFAULT, Precision::Single, 0), None, "too long");
    }
}
