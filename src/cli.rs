//! The command line: what can be asked for, in words.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Wavelet scattering, clusters and anomalies of DAS waterfall images.
#[derive(Debug, Parser)]
#[command(version = env!("SCATTERFALL_VERSION"), about, propagate_version = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// Options of every command.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Common {
    /// Configuration file (TOML)
    #[arg(short, long, global = true, value_name = "F")]
    pub(crate) config: Option<PathBuf>,
    /// Set one key; wins over the file
    ///
    /// For example --set segments.length_km=1.5 or --set 'features.names=["std","mean","max"]'. May be repeated.
    #[arg(long, global = true, value_name = "SECTION.KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Threads; 0: all cores
    #[arg(long, global = true, value_name = "N")]
    pub(crate) threads: Option<usize>,
    /// Log more (twice: every batch)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Log errors only
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// No progress bar
    #[arg(long, global = true)]
    pub(crate) no_progress: bool,
    /// Format of the log on standard error
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text)]
    pub(crate) log_format: LogFormat,
    /// Asks to stop, where another program runs this one; otherwise signals do.
    #[arg(skip)]
    pub(crate) stop: Option<Arc<AtomicBool>>,
}

/// Format of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object per line.
    Json,
}

/// Which backend computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum BackendName {
    /// A GPU where there is one, else the CPU
    Auto,
    /// A GPU, or an error
    Gpu,
    /// The CPU
    Cpu,
}

/// Where time runs in a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum AxisName {
    /// From the top to the bottom
    Down,
    /// From the bottom to the top
    Up,
    /// From the left to the right
    Right,
    /// From the right to the left
    Left,
}

/// Number of events in a hard archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ActivityName {
    /// No events: noise, weather and faults alone
    Quiet,
    /// A tenth to a third of all cells of 1 km and 1 minute hold an event
    Normal,
    /// Two and a half times as many events
    Busy,
}

impl From<ActivityName> for scatterfall_synth::Activity {
    fn from(name: ActivityName) -> Self {
        match name {
            ActivityName::Quiet => Self::Quiet,
            ActivityName::Normal => Self::Normal,
            ActivityName::Busy => Self::Busy,
        }
    }
}

/// Which backend is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum BenchBackend {
    /// The CPU, on one thread and on all
    Cpu,
    /// A GPU, software adapters included
    Gpu,
}

/// Pooling over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PoolingName {
    /// The median
    Median,
    /// The mean
    Mean,
    /// The maximum
    Max,
    /// The minimum
    Min,
    /// The standard deviation
    Std,
    /// No pooling: every sample of the scalograms (small inputs)
    None,
}

/// Folders that most commands take.
#[derive(Debug, Default, Args)]
pub(crate) struct Folders {
    /// Folder of the archive, as --input
    #[arg(value_name = "FOLDER", conflicts_with = "input")]
    pub(crate) folder: Option<PathBuf>,
    /// Folder of the archive (input.path)
    #[arg(short, long, value_name = "DIR")]
    pub(crate) input: Option<PathBuf>,
    /// Folder for results (output.path)
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,
}

impl Folders {
    /// The archive's folder, however it was given.
    pub(crate) fn archive(&self) -> Option<&PathBuf> {
        self.folder.as_ref().or(self.input.as_ref())
    }
}

/// Which images are read.
#[derive(Debug, Default, Args)]
pub(crate) struct Span {
    /// Start of the time span, YYYYMMDD_HHMMSS UTC (input.start)
    #[arg(long, value_name = "T")]
    pub(crate) start: Option<String>,
    /// End of the time span, exclusive (input.end)
    #[arg(long, value_name = "T")]
    pub(crate) end: Option<String>,
}

/// How images are turned into features.
#[derive(Debug, Default, Args)]
pub(crate) struct Reading {
    #[command(flatten)]
    pub(crate) span: Span,
    /// Backend that computes (compute.backend)
    #[arg(long, value_enum)]
    pub(crate) backend: Option<BackendName>,
    /// Fail if any image has to be left out
    #[arg(long)]
    pub(crate) strict: bool,
}

/// What a whole run begins with and ends in.
#[derive(Clone, Copy, Debug, Default, Args)]
pub(crate) struct Ending {
    /// Remove earlier results first
    #[arg(long)]
    pub(crate) fresh: bool,
    /// Every sub-folder is an archive of its own (cables)
    ///
    /// Each has its output folder and report below the output folder, where overview.html leads to them.
    #[arg(long)]
    pub(crate) each: bool,
    /// Exit status 4 where events are listed
    #[arg(long)]
    pub(crate) exit_code: bool,
}

/// What `seismogram` reads, and how far it goes.
#[derive(Debug, Args)]
pub(crate) struct SeismogramArgs {
    /// MiniSEED (2, 3) or SAC files, or folders; -: standard input
    #[arg(value_name = "FILE", required_unless_present = "input")]
    pub(crate) files: Vec<PathBuf>,
    /// The files as an option
    #[arg(short, long, num_args = 1.., value_name = "FILE")]
    pub(crate) input: Vec<PathBuf>,
    /// Folder for results (output.path)
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,
    /// Only these channels: HHZ, 'HH?', 'NET.STA.*.HHZ'
    ///
    /// May be repeated, or take several patterns separated by commas. * stands for any text, ? for one character.
    #[arg(long, value_delimiter = ',', value_name = "PATTERN")]
    pub(crate) channel: Vec<String>,
    /// Only these stations: ABC, 'A*', NET.STA, NET.STA.LOC
    #[arg(long, value_delimiter = ',', value_name = "PATTERN")]
    pub(crate) station: Vec<String>,
    #[command(flatten)]
    pub(crate) span: Span,
    /// Continue to components, clusters, pictures, report and model
    ///
    /// Each station then gets its own folder, also if there is only one.
    #[arg(long)]
    pub(crate) all: bool,
    /// Overlay a catalogue of events (QuakeML or CSV)
    ///
    /// Its events are drawn over the detected ones, and named beside those that they may explain.
    #[arg(long, value_name = "F.xml|F.csv")]
    pub(crate) catalog: Option<PathBuf>,
    /// Draw the second order at this first-order frequency
    ///
    /// The filter nearest to it is taken. Default: 1 Hz.
    #[arg(long, value_name = "HZ")]
    pub(crate) f1: Option<f64>,
    /// Also write the samples that were read, for checking
    #[arg(long, value_name = "F.npz")]
    pub(crate) waveforms: Option<PathBuf>,
    /// Backend that computes (compute.backend)
    #[arg(long, value_enum)]
    pub(crate) backend: Option<BackendName>,
}

/// What a command is to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Process an archive: events, clusters, pictures and the report
    Run {
        #[command(flatten)]
        folders: Folders,
        #[command(flatten)]
        reading: Reading,
        #[command(flatten)]
        ending: Ending,
    },
    /// Inspect an archive, write its configuration and a preview
    ///
    /// Finds the plot's rectangle, the colour map, where time runs, the pattern of the names and their spacing. What the
    /// pictures do not tell is asked for, or left as a line to be filled in.
    Init {
        /// Folder of pictures, or one picture
        #[arg(value_name = "FOLDER", required_unless_present = "from")]
        folder: Option<PathBuf>,
        /// The configuration file to write
        #[arg(short, long, value_name = "F.toml", default_value = "my.toml")]
        output: PathBuf,
        /// Take over a configuration of Python scripts instead
        #[arg(long, value_name = "config.py", conflicts_with = "folder")]
        from: Option<PathBuf>,
        /// Kilometres of fibre that a picture spans
        #[arg(long, value_name = "KM")]
        km: Option<f64>,
        /// Decibels of the map's first and last colour
        #[arg(long, num_args = 2, value_names = ["LOW", "HIGH"], allow_negative_numbers = true)]
        db: Option<Vec<f64>>,
        /// Where time runs in the picture
        #[arg(long, value_enum)]
        time_axis: Option<AxisName>,
        /// The preview to draw; default: beside the configuration
        #[arg(long, value_name = "F.png")]
        preview: Option<PathBuf>,
    },
    /// List the archive once, for tasks that each compute some of its days
    Catalogue {
        #[command(flatten)]
        folders: Folders,
        #[command(flatten)]
        span: Span,
    },
    /// One task of many on the same output folder: features and coefficients of its share of the days
    Day {
        #[command(flatten)]
        folders: Folders,
        #[command(flatten)]
        reading: Reading,
        /// Every N-th day from the K-th on
        #[arg(long, value_name = "K/N", default_value = "1/1")]
        shard: scatterfall::shard::Shard,
    },
    /// After all tasks: what is missing, then components, clusters, pictures and the report
    Merge {
        #[command(flatten)]
        folders: Folders,
        #[command(flatten)]
        reading: Reading,
    },
    /// Make a synthetic archive, process it and say where the results are
    Demo {
        /// Folder for archive and results
        #[arg(long, value_name = "DIR", default_value = "scatterfall-demo")]
        output: PathBuf,
    },
    /// Write the cropped pixels as arrays, or a preview of the crop
    Clip {
        #[command(flatten)]
        folders: Folders,
        #[command(flatten)]
        span: Span,
        /// Only draw the first image with the crop on it
        #[arg(long, value_name = "F.png")]
        preview: Option<PathBuf>,
    },
    /// Detect events, with their time, place, extent and speed
    ///
    /// Measures every image against the minutes around it, scores cells of fibre and time, lists events (events.csv) and faults
    /// (health.csv). `run` does this as well unless detect.enabled is false.
    Detect {
        #[command(flatten)]
        folders: Folders,
        #[command(flatten)]
        reading: Reading,
    },
    /// List events and their kinds from stored measurements
    Events {
        #[command(flatten)]
        folders: Folders,
    },
    /// Stage 1: compute the window features of every image
    Features {
        #[command(flatten)]
        folders: Folders,
        #[command(flatten)]
        reading: Reading,
    },
    /// Print the scattering network and write its filters
    Design {
        #[command(flatten)]
        folders: Folders,
        /// The bank of seismograms at this rate, before any data
        ///
        /// Without it the bank is that of the archive's waterfalls.
        #[arg(long, value_name = "HZ")]
        sampling_rate: Option<f64>,
        /// Length of their segments (seismogram.segment_s)
        #[arg(long, value_name = "S", requires = "sampling_rate")]
        segment_s: Option<f64>,
    },
    /// Stage 2: compute scattering coefficients of stored features
    Transform {
        #[command(flatten)]
        folders: Folders,
        /// Backend that computes (compute.backend)
        #[arg(long, value_enum)]
        backend: Option<BackendName>,
    },
    /// Stage 3: compute principal and independent components
    Reduce {
        #[command(flatten)]
        folders: Folders,
    },
    /// Stage 4: compute clusters, scores and anomalies
    Cluster {
        #[command(flatten)]
        folders: Folders,
    },
    /// Apply a fitted model to new images: labels and scores
    ///
    /// The model brings its own configuration; --config and --set may add to it (folders, threads, file names), but not
    /// contradict what it was fitted with.
    Apply {
        /// The folder `model` of a run's output folder
        #[arg(long, value_name = "DIR")]
        model: PathBuf,
        /// Folder of the new images, or file or folder of seismograms
        #[arg(long, value_name = "DIR")]
        input: PathBuf,
        /// Folder for results, not the one that holds the model
        #[arg(long, value_name = "DIR")]
        output: PathBuf,
        #[command(flatten)]
        reading: Reading,
        #[command(flatten)]
        ending: Ending,
    },
    /// Follow a folder as it grows: events as they happen
    ///
    /// A first word within seconds of a picture, the final one ten minutes of the archive later: events.jsonl has every new event
    /// once, also over restarts; events.csv, report.html, status.json and metrics.prom are kept up to date. SIGTERM and Ctrl-C end
    /// it in order; after any other end it goes on where it was.
    Watch {
        #[command(flatten)]
        folders: Folders,
        /// The folder `model` of a run's output folder; default: that of the output folder
        #[arg(long, value_name = "DIR")]
        model: Option<PathBuf>,
        /// Run this for every new event, its JSON on standard input
        ///
        /// By the shell, one event after the other. A command that fails is tried again, up to 8 times with growing waits; the
        /// watching goes on meanwhile.
        #[arg(long, value_name = "CMD")]
        on_event: Option<String>,
        /// List the folder every so many seconds (network disks)
        ///
        /// Without this the system tells of new files.
        #[arg(long, value_name = "SECONDS", value_parser = seconds)]
        poll: Option<Duration>,
        /// No picture for so long: the last events are final
        ///
        /// Default: eleven pictures' time.
        #[arg(long, value_name = "SECONDS", value_parser = seconds)]
        idle: Option<Duration>,
        /// End when all that is there is read (for cron)
        #[arg(long)]
        once: bool,
    },
    /// Transform seismograms (MiniSEED, SAC): coefficients and scattergram
    Seismogram(SeismogramArgs),
    /// Transform an array of segments into coefficients
    Scatter {
        /// Segments (n, bins) or (n, channels, bins)
        #[arg(long, value_name = "F.npy")]
        input: PathBuf,
        /// File for order_1, order_2, ...
        #[arg(long, value_name = "F.npz")]
        output: PathBuf,
        /// Pooling (network.pooling), or none for scalograms
        #[arg(long, value_enum)]
        pooling: Option<PoolingName>,
        /// Backend that computes (compute.backend)
        #[arg(long, value_enum)]
        backend: Option<BackendName>,
    },
    /// Make a synthetic archive with known events
    Synth {
        /// Folder of the archive
        #[arg(long, value_name = "DIR")]
        output: PathBuf,
        /// Minutes, one image each
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
        images: u64,
        /// Random seed
        #[arg(long, value_name = "S", default_value_t = 1)]
        seed: u64,
        /// Bare plot areas of 96 x 344 pixels (with --hard: 268 x 860)
        #[arg(long)]
        small: bool,
        /// Weak and strong events of ten kinds, weather and faults
        ///
        /// The archive that detection is measured on: truth.json lists every event with its strength over the local noise and
        /// a mask of where it is, and what is no event apart.
        #[arg(long)]
        hard: bool,
        /// Number of events in a hard archive
        #[arg(long, value_enum, default_value = "normal", requires = "hard")]
        activity: ActivityName,
        /// Length of the fibre in km
        #[arg(long, value_name = "KM", default_value_t = 20.0)]
        km: f64,
        /// Rows of bare plot areas
        #[arg(long, value_name = "N", requires = "columns")]
        rows: Option<usize>,
        /// Columns of bare plot areas
        #[arg(long, value_name = "N", requires = "rows")]
        columns: Option<usize>,
    },
    /// Measure GPU and CPU throughput, stage by stage
    ///
    /// Makes full-size screenshots of its own, or takes the first images of --input. Results of both backends are compared,
    /// and a disagreement is an error.
    Bench {
        /// Folder of images to measure with
        #[arg(long, value_name = "DIR")]
        input: Option<PathBuf>,
        /// Backends to measure
        ///
        /// Default: the CPU, and the GPU that `auto` would take.
        #[arg(long, value_enum, value_delimiter = ',', value_name = "cpu,gpu")]
        backend: Vec<BenchBackend>,
        /// Images to measure with
        #[arg(long, value_name = "N", default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        images: u32,
        /// Repetitions of each measurement
        #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
        repetitions: u32,
        /// Also write the measurements to this file (JSON)
        #[arg(long, value_name = "F")]
        json: Option<PathBuf>,
    },
    /// List graphics adapters and their limits, and say which one `auto` takes and why
    Devices,
    /// Write the script that lets a shell complete commands and options
    ///
    /// For bash: scatterfall completions bash > ~/.local/share/bash-completion/completions/scatterfall
    Completions {
        /// The shell
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Write the manual page, or with --output a page per command
    Man {
        /// Folder for the pages, for example ~/.local/share/man/man1
        #[arg(short, long, value_name = "DIR")]
        output: Option<PathBuf>,
    },
    /// Stage 5: draw pictures of stored results
    Visualize {
        #[command(flatten)]
        folders: Folders,
    },
    /// Stage 6: write report.html, one page with all results
    Report {
        #[command(flatten)]
        folders: Folders,
    },
}

/// A length of time in seconds.
fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().map_err(|e| e.to_string())?;
    let in_range = (0.01..=1e7).contains(&seconds);
    in_range.then(|| Duration::from_secs_f64(seconds)).ok_or_else(|| "expected seconds, from 0.01 on".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_argument_has_help() {
        for command in Cli::command().get_subcommands() {
            for argument in command.get_arguments() {
                assert!(argument.get_help().is_some(), "{} {} has no help", command.get_name(), argument.get_id());
            }
        }
    }
}
