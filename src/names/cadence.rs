//! How far apart the pictures of an archive are.

use scatterfall_timestamps::Micros;

/// Steps within so many microseconds of each other are the same: names have whole seconds, clocks jitter.
const SAME_US: i64 = 1_000_000;
/// Share of all steps that must be the usual one.
const USUAL: f64 = 0.5;

/// The usual step from one picture to the next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cadence {
    /// Seconds.
    pub step_s: f64,
    /// Share of the steps that are the usual one.
    pub share: f64,
    /// Steps looked at.
    pub steps: usize,
}

impl Cadence {
    /// Whether the step can stand for the length of a picture.
    pub fn is_clear(&self) -> bool {
        self.share >= USUAL
    }
}

/// The usual step between `times` (any order; equal times count once); `None` for fewer than two times.
pub fn cadence(times: &[Micros]) -> Option<Cadence> {
    let mut times = times.to_vec();
    times.sort_unstable();
    times.dedup();
    let mut steps: Vec<Micros> = times.windows(2).map(|w| w[1] - w[0]).collect();
    steps.sort_unstable();
    // Steps of less than ten seconds are told apart more finely.
    let close = |step: Micros| if step < 10 * SAME_US { step / 20 } else { SAME_US };
    let mut best = (0, 0);
    for (i, step) in steps.iter().enumerate() {
        let n = steps[i..].partition_point(|s| *s - step <= close(*step));
        if n > best.0 {
            best = (n, i);
        }
    }
    let (n, first) = best;
    let alike = steps.get(first..first + n).filter(|s| !s.is_empty())?;
    let step = alike[alike.len() / 2];
    Some(Cadence { step_s: step as f64 / 1e6, share: n as f64 / steps.len() as f64, steps: steps.len() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(steps_s: &[f64]) -> Vec<Micros> {
        let mut at = 1_747_267_200_000_000;
        let mut out = vec![at];
        for step in steps_s {
            at += (step * 1e6) as i64;
            out.push(at);
        }
        out
    }

    #[test]
    fn six_cadences_are_found() {
        for step in [0.5, 10.0, 20.0, 60.0, 300.0, 3600.0] {
            let found = cadence(&times(&[step; 30])).expect("steps");
            assert_eq!((found.step_s, found.share, found.steps), (step, 1.0, 30), "every {step} s");
            // A gap of a day and one lost picture.
            let mut steps = vec![step; 30];
            (steps[7], steps[20]) = (86_400.0, 2.0 * step);
            let found = cadence(&times(&steps)).expect("steps");
            assert!(found.step_s == step && found.is_clear(), "every {step} s, with gaps: {found:?}");
        }
    }

    #[test]
    fn drift_is_no_other_cadence_and_chance_is_none() {
        let drifting: Vec<f64> = (0..30).map(|i| if i % 3 == 0 { 61.0 } else { 60.0 }).collect();
        assert!(
            cadence(&times(&drifting)).is_some_and(|c| c.is_clear() && (c.step_s - 60.0).abs() <= 1.0),
            "a clock that drifts"
        );
        let chance: Vec<f64> = (0..30u32).map(|i| f64::from(20 + (i * i * 37) % 400)).collect();
        assert!(cadence(&times(&chance)).is_some_and(|c| !c.is_clear()), "no cadence");
        assert_eq!(cadence(&times(&[])), None, "one picture");
    }
}
