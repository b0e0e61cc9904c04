//! Gaussian mixtures by expectation maximisation.

use ndarray::{Array1, Array2, ArrayView2, Axis};
use serde::{Deserialize, Serialize};

use super::covariance::{Covariance, Covariances};
use super::density::{Density, EmSums, maximised};
use super::kmeans::{KMeans, KMeansOptions};
use super::{renumber, spread};
use crate::soa_matrix::SoaMatrix;
use crate::{Error, Result};

/// Rows on which starts are compared; all rows then refine the best ones. Enough for components of one per cent.
const START_ROWS: usize = 16_384;

/// Starts that all rows refine.
const REFINED: usize = 2;

/// What to compute and when to stop.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GmmOptions {
    /// Components asked for.
    pub components: usize,
    /// Structure of the covariances.
    pub covariance: Covariance,
    /// Added to every variance, as scikit-learn's `reg_covar`.
    pub regularisation: f64,
    /// Converged when an iteration raises the mean log-likelihood by less than this.
    pub tolerance: f64,
    /// Iterations that each start, and then the best ones, may take.
    pub max_iterations: usize,
    /// Independent starts.
    pub starts: usize,
    /// Names the random numbers.
    pub seed: u64,
}

impl GmmOptions {
    /// Twelve starts, and scikit-learn's regularisation and tolerance: from there to the optimum the likelihood is so flat
    /// that rows change sides for next to nothing, and two implementations no longer agree on their labels.
    pub fn new(components: usize, covariance: Covariance, seed: u64) -> Self {
        Self { components, covariance, regularisation: 1e-6, tolerance: 1e-3, max_iterations: 500, starts: 12, seed }
    }
}

/// A fitted mixture, components by falling number of rows.
///
/// Every start takes its components from a k-means of one start. Starts run on at most 16,384 rows, evenly spread; the
/// best two go on with all of them. One with a component of no more rows than columns (a spike on a few rows, of any
/// likelihood one likes) is taken only where all are like that. Log-likelihoods go through log-sum-exp and second
/// moments are taken about the last means, so outliers do no harm.
#[derive(Clone, Debug, PartialEq)]
pub struct Gmm {
    /// Share of each component.
    pub weights: Array1<f64>,
    /// components x columns; fewer components than asked for when there are fewer distinct rows.
    pub means: Array2<f64>,
    /// In the structure asked for.
    pub covariances: Covariances,
    /// Most likely component of every row.
    pub labels: Vec<i32>,
    /// Log-likelihood of every row.
    pub scores: Vec<f64>,
    /// Mean of those.
    pub log_likelihood: f64,
    /// Akaike's information criterion, -2 log L + 2 parameters.
    pub aic: f64,
    /// Bayes' information criterion, -2 log L + ln(rows) parameters.
    pub bic: f64,
    /// Iterations of the start that is kept, over all rows.
    pub iterations: usize,
    /// Whether the last one raised the likelihood by less than the tolerance.
    pub converged: bool,
}

/// Labels and likelihoods of rows under a mixture.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// Most likely component.
    pub labels: Vec<i32>,
    /// Log-likelihood.
    pub scores: Vec<f64>,
}

/// How the number of components is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Criterion {
    /// The least [`Gmm::aic`].
    Aic,
    /// The least [`Gmm::bic`].
    Bic,
}

/// One line of the table behind a choice.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Selection {
    /// Components asked for.
    pub components: usize,
    /// Mean log-likelihood a row.
    pub log_likelihood: f64,
    /// Akaike's information criterion.
    pub aic: f64,
    /// Bayes' information criterion.
    pub bic: f64,
}

impl Gmm {
    /// A mixture from its parameters, to evaluate rows with: nothing is known of a fit, so labels and scores are empty
    /// and its likelihood and criteria are NaN.
    ///
    /// # Shape
    /// As in the fields; variances and weights must be above 0.
    pub fn from_parameters(weights: Array1<f64>, means: Array2<f64>, covariances: Covariances) -> Self {
        let (labels, scores) = (Vec::new(), Vec::new());
        let (log_likelihood, aic, bic) = (f64::NAN, f64::NAN, f64::NAN);
        Self { weights, means, covariances, labels, scores, log_likelihood, aic, bic, iterations: 0, converged: false }
    }

    /// Fits on finite rows (rows x columns).
    ///
    /// # Errors
    /// [`Error::Empty`], [`Error::NotFinite`], [`Error::Parameter`] for no component asked for.
    pub fn fit(rows: ArrayView2<'_, f64>, options: &GmmOptions) -> Result<Self> {
        if options.components == 0 {
            return Err(Error::parameter("components", 0, "at least one component"));
        }
        let all = SoaMatrix::finite(rows)?;
        let mut candidates = if all.rows() > START_ROWS {
            let sample = SoaMatrix::new(rows, spread(all.rows(), START_ROWS, options.seed).into_iter());
            started(&sample, options)
        } else {
            started(&all, options)
        };
        candidates.truncate(REFINED);
        if all.rows() > START_ROWS {
            candidates.iter_mut().for_each(|c| c.restart());
        }
        candidates.iter_mut().for_each(|c| c.iterate(&all, options));
        rank(&mut candidates, all.columns());
        let best = candidates.into_iter().next().ok_or_else(|| Error::NoStart)?;
        best.finished(rows, &all, options)
    }

    /// Fits every number of components from `range.0` to `range.1` and keeps the one that `criterion` prefers (the
    /// fewest of equals). Returns it and the whole table.
    ///
    /// # Errors
    /// Those of [`Gmm::fit`]; [`Error::Parameter`] for an empty range.
    pub fn select(
        rows: ArrayView2<'_, f64>,
        options: &GmmOptions,
        criterion: Criterion,
        range: (usize, usize),
    ) -> Result<(Self, Vec<Selection>)> {
        let value = |gmm: &Self| match criterion {
            Criterion::Aic => gmm.aic,
            Criterion::Bic => gmm.bic,
        };
        let (mut best, mut table) = (None::<Self>, Vec::new());
        for components in range.0..=range.1 {
            let gmm = Self::fit(rows, &GmmOptions { components, ..*options })?;
            table.push(Selection { components, log_likelihood: gmm.log_likelihood, aic: gmm.aic, bic: gmm.bic });
            if best.as_ref().is_none_or(|b| value(&gmm) < value(b)) {
                best = Some(gmm);
            }
        }
        let best =
            best.ok_or_else(|| Error::parameter("range", format!("{range:?}"), "[least, most] with least <= most"))?;
        Ok((best, table))
    }

    /// Most likely component and log-likelihood of each row.
    ///
    /// # Errors
    /// [`Error::NotFinite`], [`Error::Columns`].
    pub fn evaluate(&self, rows: ArrayView2<'_, f64>) -> Result<Evaluation> {
        if rows.ncols() != self.means.ncols() {
            return Err(Error::Columns { found: rows.ncols(), expected: self.means.ncols() });
        }
        if rows.nrows() == 0 {
            return Ok(Evaluation { labels: Vec::new(), scores: Vec::new() });
        }
        let density = Density::new(&self.weights, &self.means, &self.covariances);
        let (labels, scores) = density.evaluate(&SoaMatrix::finite(rows)?);
        Ok(Evaluation { labels, scores })
    }

    /// Free parameters of the mixture.
    pub fn parameters(&self) -> usize {
        let (k, d) = self.means.dim();
        let covariance = match self.covariances {
            Covariances::Full(_) => k * d * (d + 1) / 2,
            Covariances::Diag(_) => k * d,
            Covariances::Tied(_) => d * (d + 1) / 2,
            Covariances::Spherical(_) => k,
        };
        k - 1 + k * d + covariance
    }
}

/// Parameters on their way to a local maximum of the likelihood.
pub(super) struct Candidate {
    pub(super) weights: Array1<f64>,
    pub(super) means: Array2<f64>,
    pub(super) covariances: Covariances,
    /// Mean log-likelihood before the last step.
    log_likelihood: f64,
    /// By how much the last step raised it.
    gain: f64,
    iterations: usize,
    rows: usize,
}

impl Candidate {
    /// Components from the rows nearest to each centre.
    fn new(rows: &SoaMatrix, centers: Array2<f64>, options: &GmmOptions) -> Self {
        let sums = EmSums::nearest(rows, &centers, options.covariance);
        let (weights, means, covariances) = maximised(&sums, &centers, options.covariance, options.regularisation);
        let rows = rows.rows();
        let (log_likelihood, gain, iterations) = (f64::NEG_INFINITY, f64::INFINITY, 0);
        Self { weights, means, covariances, log_likelihood, gain, iterations, rows }
    }

    /// Forgets the likelihood, which is not comparable over other rows.
    fn restart(&mut self) {
        (self.log_likelihood, self.gain, self.iterations) = (f64::NEG_INFINITY, f64::INFINITY, 0);
    }

    /// Expectation and maximisation in turn until the likelihood grows by less than the tolerance.
    fn iterate(&mut self, rows: &SoaMatrix, options: &GmmOptions) {
        self.rows = rows.rows();
        for _ in 0..options.max_iterations {
            if self.gain.abs() < options.tolerance {
                break;
            }
            let density = Density::new(&self.weights, &self.means, &self.covariances);
            let (sums, log_likelihood) = EmSums::expected(rows, &density, options.covariance);
            (self.weights, self.means, self.covariances) =
                maximised(&sums, &self.means, options.covariance, options.regularisation);
            self.gain = log_likelihood - self.log_likelihood;
            self.log_likelihood = log_likelihood;
            self.iterations += 1;
        }
    }

    /// A component of no more rows than columns: its covariance is singular but for the regularisation.
    fn has_spike(&self, columns: usize) -> bool {
        self.weights.iter().any(|w| w * self.rows as f64 <= columns as f64)
    }

    /// Numbers the components and evaluates all rows.
    fn finished(self, rows: ArrayView2<'_, f64>, all: &SoaMatrix, options: &GmmOptions) -> Result<Gmm> {
        let density = Density::new(&self.weights, &self.means, &self.covariances);
        let (mut labels, _) = density.evaluate(all);
        let order = renumber(&mut labels, self.weights.len());
        let mut gmm = Gmm {
            weights: self.weights.select(Axis(0), &order),
            means: self.means.select(Axis(0), &order),
            covariances: match self.covariances {
                Covariances::Full(c) => Covariances::Full(c.select(Axis(0), &order)),
                Covariances::Diag(c) => Covariances::Diag(c.select(Axis(0), &order)),
                Covariances::Tied(c) => Covariances::Tied(c),
                Covariances::Spherical(c) => Covariances::Spherical(c.select(Axis(0), &order)),
            },
            labels: Vec::new(),
            scores: Vec::new(),
            log_likelihood: 0.0,
            aic: 0.0,
            bic: 0.0,
            iterations: self.iterations,
            converged: self.gain.abs() < options.tolerance,
        };
        let Evaluation { labels, scores } = gmm.evaluate(rows)?;
        let total = crate::math::sum(&scores);
        let parameters = gmm.parameters() as f64;
        gmm.log_likelihood = total / scores.len() as f64;
        gmm.aic = 2.0 * parameters - 2.0 * total;
        gmm.bic = (scores.len() as f64).ln() * parameters - 2.0 * total;
        (gmm.labels, gmm.scores) = (labels, scores);
        Ok(gmm)
    }
}

/// All starts on the rows given, best first.
fn started(rows: &SoaMatrix, options: &GmmOptions) -> Vec<Candidate> {
    let mut candidates: Vec<Candidate> = (0..options.starts.max(1) as u64)
        .filter_map(|start| {
            let seed = options.seed.wrapping_add(start);
            let kmeans = KMeansOptions { starts: 1, ..KMeansOptions::new(options.components, seed) };
            let mut candidate = Candidate::new(rows, KMeans::fit_chunked(rows, &kmeans).ok()?.centers, options);
            candidate.iterate(rows, options);
            Some(candidate)
        })
        .collect();
    rank(&mut candidates, rows.columns());
    candidates
}

/// Best first: without spikes, then by likelihood. The sort is stable, so the first start wins among equals.
fn rank(candidates: &mut [Candidate], columns: usize) {
    candidates.sort_by(|a, b| {
        let spikes = a.has_spike(columns).cmp(&b.has_spike(columns));
        spikes.then(b.log_likelihood.total_cmp(&a.log_likelihood))
    });
}

#[cfg(test)]
mod tests {
    use super::super::tests::{adjusted_rand, blobs, on_threads};
    use super::*;

    const KINDS: [Covariance; 4] = [Covariance::Full, Covariance::Diag, Covariance::Tied, Covariance::Spherical];

    fn fit(rows: &Array2<f64>, components: usize, covariance: Covariance) -> Gmm {
        Gmm::fit(rows.view(), &GmmOptions::new(components, covariance, 4)).expect("finite rows")
    }

    /// Covariance of component `c` as a matrix.
    fn matrix(gmm: &Gmm, c: usize) -> Array2<f64> {
        let d = gmm.means.ncols();
        match &gmm.covariances {
            Covariances::Full(all) => all.index_axis(Axis(0), c).to_owned(),
            Covariances::Diag(all) => Array2::from_diag(&all.row(c)),
            Covariances::Tied(one) => one.clone(),
            Covariances::Spherical(all) => Array2::eye(d) * all[c],
        }
    }

    /// Log-likelihood of a row of two columns straight from the definition, without any care for range.
    fn direct(gmm: &Gmm, row: [f64; 2]) -> f64 {
        let density = |c: usize| {
            let s = matrix(gmm, c);
            let determinant = s[[0, 0]] * s[[1, 1]] - s[[0, 1]] * s[[1, 0]];
            let (x, y) = (row[0] - gmm.means[[c, 0]], row[1] - gmm.means[[c, 1]]);
            let square = (x * x * s[[1, 1]] - 2.0 * x * y * s[[0, 1]] + y * y * s[[0, 0]]) / determinant;
            gmm.weights[c] * (-square / 2.0).exp() / (2.0 * std::f64::consts::PI * determinant.sqrt())
        };
        (0..gmm.weights.len()).map(density).sum::<f64>().ln()
    }

    #[test]
    fn likelihood_follows_the_definition() {
        let (rows, _) = blobs(800, 2, 1);
        for covariance in KINDS {
            let gmm = fit(&rows, 3, covariance);
            let off = |shift: f64| {
                let difference = |(row, score): (ndarray::ArrayView1<'_, f64>, &f64)| {
                    (direct(&gmm, [row[0] + shift, row[1]]) - score).abs()
                };
                rows.rows().into_iter().zip(&gmm.scores).map(difference).fold(0.0, f64::max)
            };
            // Both in f64; determinants of condition 100 or so cost two digits.
            assert!(off(0.0) < 1e-10, "{covariance:?}: scores are off by {:e}", off(0.0));
            assert!(off(1e-6) > 1e-10, "{covariance:?}: rows shifted by 1e-6 pass");
            let mean = gmm.scores.iter().sum::<f64>() / 800.0;
            assert!((gmm.log_likelihood - mean).abs() < 1e-12, "{covariance:?}: mean of the scores");
        }
    }

    #[test]
    fn maximum_is_a_fixed_point_of_the_definition() {
        let (rows, _) = blobs(3000, 3, 2);
        let options = GmmOptions { tolerance: 1e-5, ..GmmOptions::new(5, Covariance::Full, 4) };
        let gmm = Gmm::fit(rows.view(), &options).expect("finite rows");
        assert!(gmm.converged, "{} iterations", gmm.iterations);
        let only = |c: usize| {
            Density::new(
                &Array1::ones(1),
                &gmm.means.select(Axis(0), &[c]),
                &match &gmm.covariances {
                    Covariances::Full(all) => Covariances::Full(all.select(Axis(0), &[c])),
                    other => other.clone(),
                },
            )
        };
        let all = SoaMatrix::finite(rows.view()).expect("finite rows");
        for c in 0..5 {
            let (_, own) = only(c).evaluate(&all);
            let share: Array1<f64> = own.iter().zip(&gmm.scores).map(|(o, s)| gmm.weights[c] * (o - s).exp()).collect();
            let weight = share.sum() / 3000.0;
            let mean = share.dot(&rows) / share.sum();
            let off = (&mean - &gmm.means.row(c)).mapv(f64::abs).fold(0.0, |a: f64, b| a.max(*b));
            // A likelihood flat to 1e-5 leaves the parameters a few thousandths to go.
            assert!((weight - gmm.weights[c]).abs() < 3e-3 && off < 3e-2, "component {c}: {weight}, {off}");
        }
    }

    #[test]
    fn blobs_are_found_with_any_covariance() {
        let (rows, truth) = blobs(3000, 5, 3);
        for covariance in KINDS {
            let gmm = fit(&rows, 5, covariance);
            let index = adjusted_rand(&gmm.labels, &truth);
            assert!(index > 0.95, "{covariance:?}: adjusted Rand index {index}");
            assert!((gmm.weights.sum() - 1.0).abs() < 1e-12, "{covariance:?}: weights {}", gmm.weights);
            let sizes = super::super::sizes(&gmm.labels, 5);
            assert!(sizes.windows(2).all(|s| s[0] >= s[1]), "{covariance:?}: sizes {sizes:?}");
            let again = gmm.evaluate(rows.view()).expect("the same rows");
            assert!(again.labels == gmm.labels && again.scores == gmm.scores, "{covariance:?}: evaluating again");
        }
        let richer =
            fit(&rows, 5, Covariance::Full).log_likelihood - fit(&rows, 5, Covariance::Spherical).log_likelihood;
        assert!(richer > 0.1, "a full covariance gains {richer} a row over a spherical one");
    }

    #[test]
    fn criteria_choose_the_true_number() {
        let (rows, _) = blobs(4000, 3, 5);
        let options = GmmOptions::new(1, Covariance::Full, 4);
        let (best, table) = Gmm::select(rows.view(), &options, Criterion::Bic, (1, 7)).expect("a range");
        assert_eq!((best.weights.len(), table.len()), (5, 7), "{table:?}");
        assert!(
            table.windows(2).all(|t| t[1].log_likelihood > t[0].log_likelihood - 1e-3),
            "likelihood grows: {table:?}"
        );
        let p = best.parameters() as f64;
        assert_eq!(p, 4.0 + 15.0 + 30.0, "parameters of five full components in three columns");
        let want = 2.0 * p - 2.0 * 4000.0 * best.log_likelihood;
        assert!((best.aic / want - 1.0).abs() < 1e-12, "aic {} against {want}", best.aic);
        assert!(Gmm::select(rows.view(), &options, Criterion::Aic, (3, 2)).is_err(), "an empty range");
    }

    #[test]
    fn threads_do_not_change_a_bit() {
        let (rows, _) = blobs(20_000, 3, 6);
        let options = GmmOptions { starts: 3, ..GmmOptions::new(5, Covariance::Full, 4) };
        let run = |threads| on_threads(threads, || Gmm::fit(rows.view(), &options).expect("finite rows"));
        assert_eq!(run(1), run(3), "three threads");
    }

    #[test]
    fn degenerate_rows_have_an_outcome() {
        for covariance in KINDS {
            let equal = fit(&Array2::from_elem((30, 2), 7.5), 4, covariance);
            assert_eq!(equal.means, Array2::from_elem((1, 2), 7.5), "{covariance:?}: equal rows are one component");
            // Unit mass of variance 1e-6: the density at its centre is 1 / (2 pi 1e-6).
            let want = -(2.0 * std::f64::consts::PI * 1e-6).ln();
            assert!((equal.log_likelihood - want).abs() < 1e-9, "{covariance:?}: {}", equal.log_likelihood);
            let single = fit(&Array2::zeros((1, 3)), 2, covariance);
            assert_eq!((single.labels, single.weights.len()), (vec![0], 1), "{covariance:?}: one row");
            let two = fit(&ndarray::array![[0.0, 1.0], [5.0, 5.0]], 6, covariance);
            assert_eq!(two.labels, [0, 1], "{covariance:?}: two rows");
            let mut constant = blobs(500, 3, 7).0;
            constant.column_mut(1).fill(2.0);
            let constant = fit(&constant, 4, covariance);
            assert!(constant.scores.iter().all(|s| s.is_finite()), "{covariance:?}: a constant column");
        }
    }

    #[test]
    fn outliers_keep_everything_finite() {
        for covariance in KINDS {
            let (mut rows, _) = blobs(1000, 3, 8);
            rows.row_mut(500).fill(1e6);
            // Columns that depend on each other at that scale: singular to rounding.
            rows.row_mut(501).fill(-1e6);
            let gmm = fit(&rows, 3, covariance);
            assert!(gmm.scores.iter().all(|s| s.is_finite()), "{covariance:?}: scores");
            assert!(gmm.aic.is_finite() && gmm.means.iter().all(|m| m.is_finite()), "{covariance:?}: {}", gmm.means);
            let far = gmm.evaluate(ndarray::array![[1e150, 0.0, -1e200]].view()).expect("finite");
            assert!(far.scores[0].is_finite() && far.scores[0] < -1e100, "{covariance:?}: {}", far.scores[0]);
        }
    }

    #[test]
    fn unusable_rows_are_refused() {
        let options = GmmOptions::new(2, Covariance::Full, 0);
        let mut rows = Array2::zeros((3, 2));
        assert!(Gmm::fit(rows.view(), &GmmOptions { components: 0, ..options }).is_err(), "no component");
        rows[[1, 1]] = f64::INFINITY;
        assert!(Gmm::fit(rows.view(), &options).is_err(), "an infinity");
    }
}
