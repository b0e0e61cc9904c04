//! Cutting feature series into segments: index arithmetic, no data.

use crate::options::{Continuity, SegmentLength, SegmentOptions};
use crate::{Error, Result};

/// How series of windows are cut.
#[derive(Clone, Debug, PartialEq)]
pub struct Segmentation {
    /// Windows per segment.
    pub bins: usize,
    /// Windows from one segment's start to the next.
    pub hop: usize,
    /// Windows per image.
    pub windows: usize,
    /// Windows per kilometre: the sampling rate of the feature series.
    pub windows_per_km: f64,
    /// Kilometres an image.
    pub image_km: f64,
    /// Distance of an image's left edge.
    pub offset_km: f64,
    /// Whether segments may cross images.
    pub continuity: Continuity,
}

/// A segment's place: where it starts, and what it is filed under.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    /// The image that its first window is in (among those of the day).
    pub image: usize,
    /// First window within that image.
    pub window: usize,
    /// Distance in km.
    pub distance_km: f64,
}

impl Segmentation {
    /// The segmentation of images with `windows` windows.
    ///
    /// # Errors
    /// [`Error::Parameter`] where an image on its own is shorter than a segment.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked ranges"
    )]
    pub fn new(segments: &SegmentOptions, windows: usize, image_km: f64, offset_km: f64) -> Result<Self> {
        let windows_per_km = windows as f64 / image_km;
        let bins = match segments.length {
            SegmentLength::Bins(bins) => bins,
            SegmentLength::Km(km) => (km * windows_per_km).round_ties_even().max(1.0) as usize,
        };
        if segments.continuity == Continuity::PerImage && bins > windows {
            let expected =
                format!("at most the {windows} windows ({image_km} km) of an image, or continuity = \"concatenated\"");
            return Err(match segments.length {
                SegmentLength::Bins(b) => Error::parameter("bins", b, expected),
                SegmentLength::Km(km) => Error::parameter("length_km", km, expected),
            });
        }
        let hop = ((bins as f64 * (1.0 - segments.overlap)).ceil() as usize).max(1);
        Ok(Self { bins, hop, windows, windows_per_km, image_km, offset_km, continuity: segments.continuity })
    }

    /// Number of segments in a series of `n` windows.
    pub fn count(&self, n: usize) -> usize {
        if n < self.bins { 0 } else { (n - self.bins) / self.hop + 1 }
    }

    /// The rows of one run; `images_before` is the number of images used before this day (for the running distance).
    #[expect(clippy::cast_precision_loss, reason = "window numbers are far below 2^53")]
    pub fn rows(&self, run: &std::ops::Range<usize>, images_before: usize) -> Vec<Row> {
        let series = run.len() * self.windows;
        (0..self.count(series))
            .map(|k| {
                let start = k * self.hop;
                let origin = match self.continuity {
                    Continuity::PerImage => 0.0,
                    Continuity::Concatenated => (images_before + run.start) as f64 * self.image_km,
                };
                Row {
                    image: run.start + start / self.windows,
                    window: start % self.windows,
                    distance_km: start as f64 / self.windows_per_km + origin + self.offset_km,
                }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segments(length: SegmentLength, overlap: f64, continuity: Continuity) -> SegmentOptions {
        SegmentOptions { length, overlap, continuity }
    }

    #[test]
    fn the_default_gives_eight_segments_an_image() {
        let s = Segmentation::new(&segments(SegmentLength::Km(3.0), 0.2, Continuity::PerImage), 859, 20.0, 0.0)
            .expect("fits");
        assert_eq!((s.bins, s.hop, s.count(859)), (129, 104, 8), "859 windows over 20 km");
        let rows = s.rows(&(2..3), 7);
        assert_eq!((rows.len(), rows[1].image, rows[1].window), (8, 2, 104), "rows of the third image");
        assert_eq!(rows[1].distance_km, 104.0 / (859.0 / 20.0), "km of the start");
    }

    #[test]
    fn half_rounds_to_even_and_never_to_zero() {
        let bins = |km: f64| {
            Segmentation::new(&segments(SegmentLength::Km(km), 0.2, Continuity::PerImage), 10, 10.0, 0.0)
                .expect("fits")
                .bins
        };
        assert_eq!([bins(2.5), bins(3.5), bins(0.1)], [2, 4, 1], "numpy's round");
    }

    #[test]
    fn segments_cross_images_of_a_run() {
        let s = Segmentation::new(&segments(SegmentLength::Bins(4), 0.0, Continuity::Concatenated), 3, 20.0, 0.0)
            .expect("fits");
        let rows = s.rows(&(2..4), 0);
        assert_eq!(rows.len(), 1, "six windows hold one segment of four, the next would need eight");
        assert_eq!((rows[0].image, rows[0].distance_km), (2, 40.0), "distance runs on");
    }

    #[test]
    fn too_long_for_an_image_is_a_configuration_error() {
        let error = Segmentation::new(&segments(SegmentLength::Km(30.0), 0.2, Continuity::PerImage), 859, 20.0, 0.0);
        assert!(matches!(error, Err(Error::Parameter { .. })), "30 km of 20");
        let long = Segmentation::new(&segments(SegmentLength::Km(30.0), 0.2, Continuity::Concatenated), 859, 20.0, 0.0);
        assert!(long.is_ok(), "concatenated images may hold it");
    }
}
