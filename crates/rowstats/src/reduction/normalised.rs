//! Rows without what is usual at their place, so that components tell behaviours apart and not places.

use std::collections::BTreeMap;

use ndarray::{Array1, Array2, ArrayView2};

use super::scaling::log_row;
use super::{Block, RowSource, Visit};
use crate::baselines::{MIN_ROWS, key};
use crate::{Error, Result};

/// The usual coefficients of each place: the mean of log10(max(c, floor)) over the place's rows, which is the logarithm
/// of their geometric mean.
#[derive(Clone, Debug, PartialEq)]
pub struct PlaceNormals {
    /// Coefficients below this were raised to it.
    pub floor: f64,
    /// Places with at least [`MIN_ROWS`] rows in the fit, in km, ascending.
    pub places_km: Vec<f64>,
    /// `[place, column]`: mean logarithm.
    pub mean: Array2<f64>,
    /// `[column]`: mean logarithm over all rows, which rows at other places are compared with.
    pub overall: Array1<f64>,
}

/// Rows and the sum of their logarithms.
#[derive(Clone)]
struct Sum {
    rows: usize,
    values: Vec<f64>,
}

impl Sum {
    fn new(columns: usize) -> Self {
        Self { rows: 0, values: vec![0.0; columns] }
    }

    fn add(&mut self, row: &[f64]) {
        self.rows += 1;
        self.values.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
    }

    fn mean(&self) -> Vec<f64> {
        self.values.iter().map(|v| v / self.rows.max(1) as f64).collect()
    }
}

impl PlaceNormals {
    /// Reads `source` once; `locations_km` has the place of every row. Rows that the source keeps out of fits and rows
    /// that are not finite take no part.
    ///
    /// # Errors
    /// Those of the source; [`Error::Length`] for another number of places than of rows, [`Error::NoRowTakesPart`].
    pub fn fit(source: &dyn RowSource, locations_km: &[f64], floor: f64) -> Result<Self> {
        let columns: usize = source.order_columns().iter().sum();
        let mut sums: BTreeMap<i64, (f64, Sum)> = BTreeMap::new();
        let mut all = Sum::new(columns);
        let mut row = vec![0.0; columns];
        let (mut next, mut excluded, mut not_finite) = (0, 0, 0);
        source.for_each_block(&mut |orders, mask| {
            let block = Block::new(orders, source.order_columns())?;
            let slices = block.slices();
            let locations = places_of(locations_km, &mut next, block.rows)?;
            for (i, (&place, &used)) in locations.iter().zip(mask).enumerate() {
                let finite = log_row(&slices, source.order_columns(), i, floor, &mut row);
                not_finite += usize::from(!finite);
                excluded += usize::from(!used);
                if used && finite {
                    sums.entry(key(place)).or_insert_with(|| (place, Sum::new(columns))).1.add(&row);
                    all.add(&row);
                }
            }
            Ok(())
        })?;
        if all.rows == 0 {
            return Err(Error::NoRowTakesPart { excluded, not_finite });
        }
        let known: Vec<&(f64, Sum)> = sums.values().filter(|(_, sum)| sum.rows >= MIN_ROWS).collect();
        let mean = known.iter().flat_map(|(_, sum)| sum.mean()).collect();
        Ok(Self {
            floor,
            places_km: known.iter().map(|(place, _)| *place).collect(),
            mean: Array2::from_shape_vec((known.len(), columns), mean)?,
            overall: all.mean().into(),
        })
    }

    /// The row of [`Self::mean`] of each place by its key.
    fn index(&self) -> BTreeMap<i64, usize> {
        self.places_km.iter().enumerate().map(|(i, &place)| (key(place), i)).collect()
    }
}

/// The places of the next `rows` rows.
fn places_of<'l>(locations_km: &'l [f64], next: &mut usize, rows: usize) -> Result<&'l [f64]> {
    let end = *next + rows;
    let expected = Error::Length { what: "places", found: locations_km.len(), expected: end };
    let places = locations_km.get(*next..end).ok_or(expected)?;
    *next = end;
    Ok(places)
}

/// The rows of a source, each coefficient divided by its place's geometric mean and multiplied by that of all rows, so
/// that its size stays usual. A place without a normal keeps its coefficients.
pub struct Normalised<'a> {
    source: &'a dyn RowSource,
    normals: &'a PlaceNormals,
    locations_km: &'a [f64],
}

impl<'a> Normalised<'a> {
    /// `locations_km` has the place of every row of `source`.
    pub fn new(source: &'a dyn RowSource, normals: &'a PlaceNormals, locations_km: &'a [f64]) -> Self {
        Self { source, normals, locations_km }
    }
}

impl RowSource for Normalised<'_> {
    fn order_columns(&self) -> &[usize] {
        self.source.order_columns()
    }

    fn for_each_block(&self, visit: &mut Visit<'_>) -> Result<()> {
        let index = self.normals.index();
        // What a place's coefficients are multiplied by.
        let factors = self.normals.mean.outer_iter();
        let factors: Vec<Vec<f32>> =
            factors.map(|mean| self.normals.overall.iter().zip(mean).map(|(o, m)| factor(o - m)).collect()).collect();
        let floor = smallest(self.normals.floor);
        let mut next = 0;
        self.source.for_each_block(&mut |orders, mask| {
            let rows = orders.first().map_or(0, |o| o.nrows());
            let places = places_of(self.locations_km, &mut next, rows)?;
            let mut first = 0;
            let mut normalised = Vec::with_capacity(orders.len());
            for order in orders {
                let mut values = order.to_owned();
                for (mut row, &place) in values.rows_mut().into_iter().zip(places) {
                    let Some(&i) = index.get(&key(place)) else { continue };
                    let own = factors[i].get(first..).unwrap_or(&[]);
                    // A comparison, not a maximum: a NaN must stay one.
                    row.iter_mut().zip(own).for_each(|(c, f)| *c = f * if *c < floor { floor } else { *c });
                }
                first += order.ncols();
                normalised.push(values);
            }
            let views: Vec<ArrayView2<'_, f32>> = normalised.iter().map(ndarray::Array2::view).collect();
            visit(&views, mask)
        })
    }
}

#[expect(clippy::cast_possible_truncation, reason = "coefficients are single precision")]
fn factor(log10: f64) -> f32 {
    10f64.powf(log10) as f32
}

#[expect(clippy::cast_possible_truncation, reason = "coefficients are single precision")]
fn smallest(floor: f64) -> f32 {
    (floor as f32).max(f32::MIN_POSITIVE)
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, Axis};

    use super::*;
    use crate::math::{generator, uniform};
    use crate::reduction::Moments;

    /// Rows in memory, handed out seven at a time.
    struct Memory {
        values: Array2<f32>,
        columns: Vec<usize>,
        used: Vec<bool>,
    }

    impl RowSource for Memory {
        fn order_columns(&self) -> &[usize] {
            &self.columns
        }

        fn for_each_block(&self, visit: &mut Visit<'_>) -> Result<()> {
            for (block, used) in self.values.axis_chunks_iter(Axis(0), 7).zip(self.used.chunks(7)) {
                let (a, b) = block.split_at(Axis(1), self.columns[0]);
                visit(&[a, b], used)?;
            }
            Ok(())
        }
    }

    /// Two loud places and one that only three rows are of; a row that is NaN and one that is kept out.
    fn rows() -> (Memory, Vec<f64>) {
        let mut random = generator(5, 0);
        let places: Vec<f64> = (0..83).map(|i| if i >= 80 { 9.0 } else { f64::from(i % 2) }).collect();
        let loud = |place: f64| if place > 0.5 { 1e3 } else { 1.0 };
        let mut values =
            Array2::from_shape_fn((83, 5), |(i, _)| (loud(places[i]) * (1.0 + uniform(&mut random))) as f32);
        values[[4, 2]] = f32::NAN;
        values[[6, 1]] = 1e30;
        let mut used = vec![true; 83];
        used[6] = false;
        (Memory { values, columns: vec![2, 3], used }, places)
    }

    fn collected(source: &dyn RowSource) -> Result<Array2<f32>> {
        let (mut all, mut rows) = (Vec::new(), 0);
        source.for_each_block(&mut |orders, _| {
            for i in 0..orders[0].nrows() {
                orders.iter().for_each(|o| all.extend(o.row(i)));
                rows += 1;
            }
            Ok(())
        })?;
        Ok(Array2::from_shape_vec((rows, source.order_columns().iter().sum()), all)?)
    }

    #[test]
    fn a_place_loses_what_is_usual_there() -> Result<()> {
        let (source, places) = rows();
        let normals = PlaceNormals::fit(&source, &places, 1e-10)?;
        assert_eq!(normals.places_km, [0.0, 1.0], "three rows make no normal");
        let out = collected(&Normalised::new(&source, &normals, &places))?;
        let mean_of = |values: &Array2<f32>, place: f64| {
            let own: Vec<f64> = (0..80)
                .filter(|&i| places[i] == place && source.used[i] && i != 4)
                .map(|i| f64::from(values[[i, 3]]).log10())
                .collect();
            own.iter().sum::<f64>() / own.len() as f64
        };
        // The products are rounded to single precision, the logarithms differ by 6e-8 / ln 10 at most.
        assert!((mean_of(&out, 0.0) - mean_of(&out, 1.0)).abs() < 1e-6, "both places are alike");
        assert!((mean_of(&out, 0.0) - normals.overall[3]).abs() < 1e-6, "and as the whole is");
        assert!((mean_of(&source.values, 0.0) - mean_of(&source.values, 1.0)).abs() > 2.0, "they were not before");
        assert!(out[[4, 2]].is_nan(), "what is not finite stays so");
        assert_eq!(out.row(81), source.values.row(81), "a place without a normal is kept");
        // The components of the original tell places apart, those of the normalised do not.
        let spread = |source: &dyn RowSource| Moments::accumulate(source, 1e-10).map(|m| m.deviations()[3]);
        let (before, after) = (spread(&source)?, spread(&Normalised::new(&source, &normals, &places))?);
        assert!(before > 1.0 && after < 0.7, "{before} {after}");
        Ok(())
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        let (mut source, places) = rows();
        assert!(PlaceNormals::fit(&source, &places[1..], 1e-10).is_err(), "a place too few");
        source.used.fill(false);
        assert!(matches!(PlaceNormals::fit(&source, &places, 1e-10), Err(Error::NoRowTakesPart { .. })), "no row");
    }
}
