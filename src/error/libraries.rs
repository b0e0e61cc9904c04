//! Errors of the libraries as the program's: what is said of keys, options and remedies is said here.

use super::{Error, SeismogramError, StoredError};

impl From<scatterfall_scattering::Error> for Error {
    fn from(error: scatterfall_scattering::Error) -> Self {
        use scatterfall_scattering::Error as Scattering;
        match error {
            Scattering::Parameter { parameter, value, expected } => Self::config(key(parameter), value, expected),
            Scattering::NotOnGpu { parameter, value, supported } => {
                Self::config(key(parameter), value, format!("{supported} on the GPU; or use --backend cpu"))
            }
            Scattering::Shader { name, reason } => Self::Shader { name, reason },
            Scattering::NoAdapter => Self::Device(format!(
                "{error}: install a Vulkan, Metal or DirectX 12 driver (`scatterfall devices` lists what is there), or use \
                 --backend cpu"
            )),
            Scattering::Device(_) => Self::Device(format!("{error}; update the driver or use --backend cpu")),
            error if error.is_device() => Self::Device(format!("{error}; use --backend cpu")),
            other => Self::Scattering(other),
        }
    }
}

/// The key of the configuration that sets a parameter of the network or of its input.
fn key(parameter: &str) -> String {
    let section = match parameter {
        "window" => "features",
        "bins" | "length_km" => "segments",
        "banks" | "taper_alpha" | "pooling" | "oversampling" | "sampling_rate" => "network",
        _ => return parameter.to_owned(),
    };
    format!("{section}.{parameter}")
}

impl From<scatterfall_rowstats::Error> for Error {
    fn from(error: scatterfall_rowstats::Error) -> Self {
        use scatterfall_rowstats::Error as Rowstats;
        match error {
            Rowstats::Parameter { parameter, value, expected } => Self::config(parameter, value, expected),
            Rowstats::DistanceMemory { rows, bytes } => {
                let mib = bytes.div_ceil(1 << 20);
                let expected = format!("false, or compute.memory_mib = {mib} or more for the distances of {rows} rows");
                Self::config("cluster.agglomerative.exact", true, expected)
            }
            // What a source of rows reports is this program's own, and comes back as it was.
            Rowstats::Source(error) => {
                error.downcast::<Self>().map_or_else(|e| Self::Rows(Rowstats::Source(e)), |own| *own)
            }
            Rowstats::OrderColumns { .. } => StoredError::DaysDiffer { source: error }.into(),
            other => Self::Rows(other),
        }
    }
}

impl From<Error> for scatterfall_rowstats::Error {
    fn from(error: Error) -> Self {
        Self::Source(Box::new(error))
    }
}

impl From<scatterfall_npz::Error> for Error {
    fn from(error: scatterfall_npz::Error) -> Self {
        use scatterfall_npz::Error as Npz;
        match error {
            Npz::Io { action, path, source } => Self::io(action, path, source),
            Npz::Format { path, reason } => Self::store(path, reason),
            Npz::NotNpz { path, reason } => {
                Self::store(path, format!("not an .npz file ({reason}); remove it and run again"))
            }
            other => Self::Array(other),
        }
    }
}

impl From<scatterfall_synth::Error> for Error {
    fn from(error: scatterfall_synth::Error) -> Self {
        use scatterfall_synth::Error as Synth;
        match error {
            Synth::Option { option, value, expected } => Self::config(option, value, expected),
            Synth::Io { action, path, source } => Self::io(action, path, source),
            other => Self::Synthetic(other),
        }
    }
}

impl From<scatterfall_miniseed::Error> for Error {
    fn from(error: scatterfall_miniseed::Error) -> Self {
        use scatterfall_miniseed::Error as E;
        match error {
            E::Io { path, source } => Self::Io { action: "read", path, source },
            E::File { path, reason } => Self::Store { path, reason },
            other => SeismogramError::MiniSeed(other).into(),
        }
    }
}
