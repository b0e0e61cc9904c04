//! The scattering network over NumPy arrays.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ndarray::{Array2, ArrayD, ArrayView3, Axis, IxDyn};
use numpy::{Complex64, IntoPyArray, PyArrayDyn, PyReadonlyArray2, PyReadonlyArray3};
use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};
use scatterfall_scattering::backend::cpu::ScatteringKernel;
use scatterfall_scattering::blocks::{CoefficientBlock, SegmentBlock};
use scatterfall_scattering::options::Oversampling;
use scatterfall_scattering::plan::ScatteringPlan;

use crate::errors::{guarded, of_kernels};
use crate::pooling::Reduction;

/// About how long a piece of work takes between two looks at signals.
const PIECE: Duration = Duration::from_millis(100);

/// Scalogram samples that are held at a time.
const SAMPLES_AT_ONCE: usize = 1 << 23;

/// A scattering network of given spectra. It is immutable, and may be used by several threads at once.
#[pyclass(frozen, module = "scatterfall._native")]
pub(crate) struct Network {
    plan: ScatteringPlan,
    pooled: ScatteringKernel,
    whole: ScatteringKernel,
    /// The process's threads where there are none of its own.
    threads: Option<Arc<ThreadPool>>,
}

/// Segments `(segments, channels, bins)` of either precision.
#[derive(FromPyObject)]
enum Segments<'py> {
    Single(PyReadonlyArray3<'py, f32>),
    Double(PyReadonlyArray3<'py, f64>),
}

/// Their views.
#[derive(Clone, Copy)]
enum View<'a> {
    Single(ArrayView3<'a, f32>),
    Double(ArrayView3<'a, f64>),
}

impl View<'_> {
    fn dim(&self) -> (usize, usize, usize) {
        match self {
            Self::Single(view) => view.dim(),
            Self::Double(view) => view.dim(),
        }
    }

    /// The coefficients of the segments `from..to`.
    fn transform(&self, kernel: &ScatteringKernel, plan: &ScatteringPlan, from: usize, to: usize) -> CoefficientBlock {
        let rows = ndarray::Slice::from(from..to);
        match self {
            Self::Single(view) => kernel.transform(view.slice_axis(Axis(0), rows)),
            Self::Double(view) => kernel.transform_block(plan, &SegmentBlock::from(view.slice_axis(Axis(0), rows))),
        }
    }
}

type Orders<'py> = Vec<Bound<'py, PyArrayDyn<f32>>>;

#[pymethods]
impl Network {
    /// `spectra`: a matrix `(filters, bins)` a layer.
    #[new]
    #[pyo3(signature = (spectra, bins, taper=None, oversampling=None, threads=None))]
    fn new(
        py: Python<'_>,
        spectra: Vec<PyReadonlyArray2<'_, Complex64>>,
        bins: usize,
        taper: Option<Vec<f64>>,
        oversampling: Option<usize>,
        threads: Option<usize>,
    ) -> PyResult<Self> {
        let spectra: Vec<Array2<Complex64>> = spectra.iter().map(|s| s.as_array().to_owned()).collect();
        if spectra.is_empty() {
            return Err(PyValueError::new_err("a network needs a layer at least"));
        }
        let mut plan = ScatteringPlan::of_spectra(spectra, bins, taper).map_err(of_kernels)?;
        plan.oversampling = match oversampling {
            None => Oversampling::Full,
            Some(times @ (1 | 2 | 4)) => Oversampling::Times(times),
            Some(other) => {
                return Err(PyValueError::new_err(format!("oversampling = {other}: expected 1, 2, 4 or None")));
            }
        };
        let pool = |n| ThreadPoolBuilder::new().num_threads(n).build().map(Arc::new);
        let threads = threads.map(pool).transpose().map_err(|e| PyRuntimeError::new_err(e.to_string()))?;
        py.detach(|| {
            guarded(|| {
                let (pooled, whole) = (ScatteringKernel::new(&plan), ScatteringKernel::unpooled(&plan));
                Ok(Self { plan, pooled, whole, threads })
            })
        })
    }

    /// Samples of a segment that are pooled.
    #[getter]
    fn pooled_samples(&self) -> usize {
        self.plan.pooled.len()
    }

    /// Coefficients, an array `(segments, channels, F1, ..., Fk)` an order.
    fn transform<'py>(&self, py: Python<'py>, segments: &Bound<'py, PyAny>, pooling: &str) -> PyResult<Orders<'py>> {
        let reduction = Reduction::parse(pooling).map_err(PyValueError::new_err)?;
        let samples = self.plan.pooled.len();
        match &reduction {
            Reduction::Kernel(pooling) => {
                let kernel = self.pooled.pooled_by(*pooling);
                self.in_pieces(py, segments, false, |view, from, to| view.transform(&kernel, &self.plan, from, to))
            }
            other => self.in_pieces(py, segments, false, |view, from, to| {
                let mut block = view.transform(&self.whole, &self.plan, from, to);
                for order in &mut block.orders {
                    let (rows, columns) = (order.nrows(), order.ncols() / samples);
                    let pooled = order.as_slice().map_or_else(Vec::new, |values| other.pool(values, samples));
                    *order = Array2::from_shape_vec((rows, columns), pooled).unwrap_or_default();
                }
                block
            }),
        }
    }

    /// Scalograms, an array `(segments, channels, F1, ..., Fk, samples)` an order.
    fn scalograms<'py>(&self, py: Python<'py>, segments: &Bound<'py, PyAny>) -> PyResult<Orders<'py>> {
        self.in_pieces(py, segments, true, |view, from, to| view.transform(&self.whole, &self.plan, from, to))
    }
}

impl Network {
    /// Calls `work(segments, from, to)` for one piece after the other, without the interpreter's lock, and joins the
    /// results, which keep `time` or not.
    fn in_pieces<'py>(
        &self,
        py: Python<'py>,
        segments: &Bound<'py, PyAny>,
        time: bool,
        work: impl Fn(&View<'_>, usize, usize) -> CoefficientBlock + Sync,
    ) -> PyResult<Orders<'py>> {
        let wrong =
            |_| PyTypeError::new_err("segments have to be an array (segments, channels, bins) of float32 or float64");
        let segments: Segments<'py> = segments.extract().map_err(wrong)?;
        let view = match &segments {
            Segments::Single(array) => View::Single(array.as_array()),
            Segments::Double(array) => View::Double(array.as_array()),
        };
        let values = if time { self.plan.pooled.len() } else { 1 };
        let (rows, channels, bins) = view.dim();
        if bins != self.plan.bins {
            let own = self.plan.bins;
            return Err(PyValueError::new_err(format!("segments of {bins} samples for a network of {own}")));
        }
        let widths: Vec<usize> = self.plan.widths().iter().map(|w| channels * w * values).collect();
        let mut orders: Vec<Vec<f32>> = widths.iter().map(|w| Vec::with_capacity(rows * w)).collect();
        let paths: usize = self.plan.widths().iter().sum();
        let most = (SAMPLES_AT_ONCE / (channels * paths * self.plan.pooled.len()).max(1)).max(1);
        let mut piece = most.min(64);
        let mut from = 0;
        while from < rows {
            let to = (from + piece).min(rows);
            let begun = Instant::now();
            let block = py.detach(|| {
                guarded(|| {
                    let work = || work(&view, from, to);
                    Ok(self.threads.as_ref().map_or_else(work, |threads| threads.install(work)))
                })
            })?;
            for (order, new) in orders.iter_mut().zip(block.orders) {
                order.extend(new.iter());
            }
            py.check_signals()?;
            if begun.elapsed() < PIECE {
                piece = (2 * piece).min(most.max(piece));
            }
            from = to;
        }
        let filters = self.plan.filters();
        let shaped = |(k, order): (usize, Vec<f32>)| {
            let axes = [rows, channels].into_iter().chain(filters[..=k].iter().copied());
            let shape: Vec<usize> = axes.chain(time.then_some(values)).collect();
            let order =
                ArrayD::from_shape_vec(IxDyn(&shape), order).map_err(|e| PyRuntimeError::new_err(e.to_string()))?;
            Ok(order.into_pyarray(py))
        };
        orders.into_iter().enumerate().map(shaped).collect()
    }
}
