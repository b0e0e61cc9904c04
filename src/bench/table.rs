//! The report in words.

use std::fmt::{self, Display};

use super::{Place, Report, Row};

impl Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { version, images, image_size: (w, h), plot_size: (pw, ph), .. } = self;
        let (channels, bins) = self.segment;
        writeln!(
            f,
            "scatterfall {version}: {images} images of {w} x {h} pixels ({:.2} MB, plot area {pw} x {ph}), each {} segments of \
             {channels} x {bins} samples",
            self.file_bytes as f64 / 1e6,
            self.segments
        )?;
        for device in &self.devices {
            let what = match (device.kind, device.software) {
                ("cpu", _) => format!("CPU, {} threads", self.threads),
                (_, true) => {
                    "GPU, but a SOFTWARE adapter: it computes on the CPU and says nothing about graphics cards".into()
                }
                _ => "GPU".into(),
            };
            writeln!(f, "{what}: {} ({})", device.name, device.detail)?;
        }
        if let Some(reason) = &self.no_gpu {
            writeln!(f, "no GPU: {reason}")?;
        }
        writeln!(f, "medians of {} repetitions after warming up, least and most beside them", self.repetitions)?;
        writeln!(f)?;
        writeln!(
            f,
            "{:19} {:19} {:>9} {:>19} {:>9} {:>8} {:>10} {:>8} {:>7} {:>6}",
            "stage", "on", "ms/image", "least..most", "images/s", "MB/s", "segments/s", "GFLOP/s", "GB/s", "x CPU"
        )?;
        let mut last = "";
        for row in &self.rows {
            let stage = if row.stage == last { "" } else { &row.stage };
            last = &row.stage;
            self.row(f, stage, row)?;
        }
        if !self.agreement.is_empty() {
            writeln!(f)?;
            let worst: Vec<String> = self
                .agreement
                .iter()
                .map(|a| format!("{} {:.1e} (allowed {:.0e})", a.what, a.difference, a.allowed))
                .collect();
            writeln!(f, "CPU and GPU agree: {}", worst.join(", "))?;
        }
        if !self.month.is_empty() {
            writeln!(f, "\na month of one-minute images (43,200), if each takes as long as here:")?;
            for (place, month) in &self.month {
                let [coefficients, clusters] = [month.to_coefficients_s, month.to_clusters_s].map(duration);
                writeln!(
                    f,
                    "{:19} {coefficients} up to the coefficients, and at most {clusters} for reduction and clustering",
                    self.place(*place)
                )?;
            }
        }
        Ok(())
    }
}

impl Report {
    fn place(&self, place: Place) -> String {
        match place {
            Place::CpuOneThread => "CPU, 1 thread".into(),
            Place::CpuAllThreads => format!("CPU, {} threads", self.threads),
            Place::GpuKernels => "GPU kernels".into(),
            Place::GpuWithTransfers => "GPU with transfers".into(),
        }
    }

    fn row(&self, f: &mut fmt::Formatter<'_>, stage: &str, row: &Row) -> fmt::Result {
        let ms = row.ms_per_image;
        let number = |value: Option<f64>| value.map_or_else(|| "-".into(), significant);
        writeln!(
            f,
            "{stage:19} {:19} {:>9} {:>19} {:>9} {:>8} {:>10} {:>8} {:>7} {:>6}",
            self.place(row.place),
            significant(ms.median),
            format!("{}..{}", significant(ms.min), significant(ms.max)),
            significant(row.images_per_s),
            number(row.mb_per_s),
            number(row.segments_per_s),
            number(row.gflop_per_s),
            number(row.gb_per_s),
            number(row.times_cpu),
        )
    }
}

/// Three digits that count, without an exponent.
fn significant(value: f64) -> String {
    match value.abs() {
        v if !v.is_finite() => "-".into(),
        v if v >= 99.95 => format!("{value:.0}"),
        v if v >= 9.995 => format!("{value:.1}"),
        v if v >= 0.9995 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}

fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 120.0 => format!("{s:.0} s"),
        s if s < 7200.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits() {
        for (value, text) in
            [(1234.5, "1234"), (99.96, "100"), (12.34, "12.3"), (1.234, "1.23"), (0.01234, "0.0123"), (f64::NAN, "-")]
        {
            assert_eq!(significant(value), text, "{value}");
        }
        assert_eq!([duration(59.6), duration(3600.0), duration(7200.0)], ["60 s", "60 min", "2.0 h"], "units");
    }
}
