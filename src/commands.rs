//! Each command: its configuration, its stage of the library, and what it says in the end.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::settle::settle;
use scatterfall::bench;
use scatterfall::config::{Config, TimeAxis};
use scatterfall::error::{ArchiveError, ModelError, StoredError};
use scatterfall::model::Model;
use scatterfall::progress::{Context, Observer, threads};
use scatterfall::stages::{cluster, design, events, reduce, report, scatter, seismogram, visualize};
use scatterfall::store::atomic::write_bytes;
use scatterfall::store::lock::OutputLock;
use scatterfall::summary::{LEFT_OUT_FILE, RunSummary};
use scatterfall::{Error, Result, pipeline, watch};
use scatterfall_figures::bank::Domain;
use scatterfall_miniseed::Selection;
use scatterfall_scattering::backend::{self, Backend};
use scatterfall_synth::{Layout, SynthArchive, SynthOptions};

use crate::cli::{
    AxisName, BackendName, BenchBackend, Cli, Command, Common, Ending, Folders, PoolingName, Reading, SeismogramArgs,
    Span,
};
use crate::documents;
use crate::each_command;
use crate::init_command;
use crate::terminal::{Progress, print_bytes, print_left_out, print_result, print_status};

/// Options that stand for configuration keys.
#[derive(Default)]
struct Settings {
    folders: Folders,
    reading: Reading,
}

/// What a command has to say by its exit status.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Outcome {
    /// Files that were left out.
    pub(crate) left_out: usize,
    /// Events are listed, and the exit status is to say so.
    pub(crate) events: bool,
}

/// Runs the command.
pub(crate) fn run(cli: Cli) -> Result<Outcome> {
    let Cli { command, common } = cli;
    match command {
        Command::Run { folders, reading, ending } => {
            whole(&common, folders, reading, ending, |common, settings, fresh| {
                let common = init_command::recognised(common, &settings.folders)?;
                run_archive(Session::new(&common, settings)?, fresh)
            })
        }
        Command::Apply { model, input, output, reading, ending } => {
            let folders = Folders { folder: None, input: Some(input), output: Some(output) };
            whole(&common, folders, reading, ending, |common, settings, fresh| {
                let (session, model) = Session::of_model(common, settings, &model)?;
                apply_model(session, &model, fresh)
            })
        }
        other => Ok(Outcome { left_out: carry_out(other, common)?, events: false }),
    }
}

/// Runs one of the other commands; returns how many files were left out.
fn carry_out(command: Command, common: Common) -> Result<usize> {
    match command {
        // These two end in more than a number of files.
        Command::Run { .. } | Command::Apply { .. } => Ok(0),
        Command::Init { folder, output, from, km, db, time_axis, preview } => {
            let time_axis = time_axis.map(axis);
            let request = init_command::Request { folder, output: output.clone(), from, km, db, time_axis, preview };
            init_command::init(&request, |example, preview| draw_example(&common, &output, example, preview))
        }
        Command::Catalogue { folders, span } => {
            let session =
                Session::beside(&common, Settings { folders, reading: Reading { span, ..Reading::default() } })?;
            let catalogue = scatterfall::shard::catalogue(&session.context(), true)?;
            print_result(format_args!("{} images of {} days", catalogue.images.len(), catalogue.days().len()));
            Ok(catalogue.left_out.len())
        }
        Command::Day { folders, reading, shard } => {
            let session = Session::beside(&common, Settings { folders, reading })?;
            let days = pipeline::days(&session.context(), session.backend()?.as_mut(), shard)?;
            print_result(format_args!("{} days: {}", days.len(), days.join(" ")));
            Ok(0)
        }
        Command::Merge { folders, reading } => {
            let session = Session::new(&common, Settings { folders, reading })?;
            let summary = pipeline::run(&session.context(), session.backend()?.as_mut())?;
            session.report(&summary);
            Ok(summary.left_out.len())
        }
        Command::Demo { output } => demo(&common, &output),
        Command::Clip { folders, span, preview } => clip(&common, folders, span, preview),
        Command::Detect { folders, reading } => {
            let session = Session::new(&common, Settings { folders, reading })?;
            let summary = pipeline::detect(&session.context(), session.backend()?.as_mut())?;
            session.report(&summary);
            Ok(summary.left_out.len())
        }
        Command::Events { folders } => {
            alone(&common, folders, "events", |ctx| events::compute(ctx, None, None).map(|_| ()))
        }
        Command::Features { folders, reading } => {
            let session = Session::new(&common, Settings { folders, reading })?;
            let summary = pipeline::features(&session.context(), session.backend()?.as_mut())?;
            session.report(&summary);
            session.print_next_step("features");
            Ok(summary.left_out.len())
        }
        Command::Design { folders, sampling_rate, segment_s } => draw_design(common, folders, sampling_rate, segment_s),
        Command::Transform { folders, backend } => {
            let session =
                Session::new(&common, Settings { folders, reading: Reading { backend, ..Reading::default() } })?;
            pipeline::transform(&session.context(), session.backend()?.as_mut())?;
            session.print_next_step("transform");
            Ok(0)
        }
        Command::Reduce { folders } => alone(&common, folders, "reduce", |ctx| reduce::compute(ctx, None).map(|_| ())),
        Command::Cluster { folders } => alone(&common, folders, "cluster", |ctx| cluster::compute(ctx).map(|_| ())),
        Command::Watch { folders, model, on_event, poll, idle, once } => {
            let options = watch::Options { poll, once, idle, on_event };
            follow(&common, folders, model, &options)
        }
        Command::Seismogram(args) => transform_seismograms(&common, args),
        Command::Scatter { input, output, pooling, backend } => {
            scatter_array(common, &input, &output, pooling, backend)
        }
        Command::Synth { output, images, seed, small, hard, activity, km, rows, columns } => {
            let layout = match (rows.zip(columns), small, hard) {
                (Some((rows, columns)), ..) => Layout::Bare { rows, columns },
                (None, true, true) => Layout::HALF,
                (None, true, false) => Layout::SMALL,
                (None, false, _) => Layout::Screenshot,
            };
            let images = usize::try_from(images).unwrap_or(usize::MAX);
            let hard = hard.then_some(activity.into());
            make_archive(
                &common,
                &output,
                &SynthOptions { images, seed, layout, km, hard, ..SynthOptions::default() },
            )?;
            print_status(format_args!("archive    {}", output.display()));
            print_status(format_args!("run it     scatterfall run --config {}", output.join("config.toml").display()));
            Ok(0)
        }
        Command::Bench { input, backend, images, repetitions, json } => {
            let (cpu, gpu) = match &backend[..] {
                [] => (true, bench::Gpu::Auto),
                list if list.contains(&BenchBackend::Gpu) => (list.contains(&BenchBackend::Cpu), bench::Gpu::Yes),
                _ => (true, bench::Gpu::No),
            };
            let options = bench::Options { images: images as usize, repetitions: repetitions as usize, cpu, gpu };
            measure(&common, input, &options, json.as_deref())
        }
        Command::Completions { shell } => {
            print_bytes(&documents::completions(shell));
            Ok(0)
        }
        Command::Man { output: None } => {
            print_bytes(&documents::manual()?);
            Ok(0)
        }
        Command::Man { output: Some(folder) } => {
            let pages = documents::write_manuals(&folder)?;
            print_status(format_args!("{} pages in {}", pages.len(), folder.display()));
            Ok(0)
        }
        Command::Devices => {
            print_status(scatterfall::devices::describe().trim_end());
            Ok(0)
        }
        Command::Visualize { folders } => {
            alone(&common, folders, "visualize", |ctx| visualize::compute(ctx).map(|_| ()))
        }
        Command::Report { folders } => alone(&common, folders, "report", |ctx| report::compute(ctx).map(|_| ())),
    }
}

/// Cropped pixels as arrays, or a preview of the crop.
fn clip(common: &Common, folders: Folders, span: Span, preview: Option<PathBuf>) -> Result<usize> {
    let session = Session::new(common, Settings { folders, reading: Reading { span, ..Reading::default() } })?;
    if let Some(path) = preview {
        init_command::check_preview(&path)?;
        let problem = pipeline::preview(&session.context(), &path)?;
        print_result(format_args!("preview: {}", path.display()));
        return problem.map_or(Ok(0), |p| Err(ArchiveError::Preview(p).into()));
    }
    let summary = pipeline::clip(&session.context())?;
    session.report(&summary);
    Ok(summary.left_out.len())
}

/// The scattering network in words, files and pictures.
fn draw_design(
    mut common: Common,
    folders: Folders,
    sampling_rate: Option<f64>,
    segment_s: Option<f64>,
) -> Result<usize> {
    common.set.extend(segment_s.map(|s| format!("seismogram.segment_s={s}")));
    let session = Session::new(&common, Settings { folders, ..Settings::default() })?;
    let (network, domain) = match sampling_rate {
        Some(rate) => (pipeline::write_seismogram_design(&session.context(), rate)?, Domain::Time),
        None => (pipeline::write_design(&session.context())?, Domain::Distance),
    };
    let pictures = design::draw_all(&session.config.output.path, &network, domain)?;
    print_result(design::describe(&network));
    session.print_next_step("design");
    for picture in pictures {
        print_status(format_args!("picture    {}", picture.display()));
    }
    Ok(0)
}

/// An array of segments as coefficients.
fn scatter_array(
    mut common: Common,
    input: &Path,
    output: &Path,
    pooling: Option<PoolingName>,
    backend: Option<BackendName>,
) -> Result<usize> {
    let pooled = pooling != Some(PoolingName::None);
    if let (true, Some(pooling)) = (pooled, pooling) {
        common.set.push(format!("network.pooling={pooling:?}").to_lowercase());
    }
    let reading = Reading { backend, ..Reading::default() };
    let settings = Settings { reading, ..Settings::default() };
    let session = Session::without_folder(&common, settings)?;
    let mut backend = session.backend()?;
    let n = scatter::compute(&session.context(), backend.as_mut(), input, output, pooled)?;
    print_status(format_args!("{n} segments: {}", output.display()));
    Ok(0)
}

/// Throughput of the backends.
fn measure(common: &Common, input: Option<PathBuf>, options: &bench::Options, json: Option<&Path>) -> Result<usize> {
    let is_own = input.is_some();
    let folders = Folders { folder: None, input, output: None };
    let session = Session::without_folder(common, Settings { folders, ..Settings::default() })?;
    let ctx = session.context();
    let input = if is_own {
        bench::Input::of_archive(&ctx, options.images)?
    } else {
        session.pool.install(|| bench::Input::synthetic(options.images))?
    };
    let report = bench::run(&ctx, &input, options)?;
    if let Some(path) = json {
        let text = serde_json::to_vec_pretty(&report).map_err(|e| Error::store(path, e.to_string()))?;
        write_bytes(path, &text)?;
    }
    print_result(report);
    Ok(0)
}

/// A whole run over one archive; returns its output folder and how many files were left out.
fn run_archive(session: Session, fresh: bool) -> Result<(PathBuf, usize)> {
    if fresh {
        pipeline::remove_results(&session.config.output.path)?;
    }
    let mut backend = session.backend()?;
    let summary = pipeline::run(&session.context(), backend.as_mut())?;
    session.report(&summary);
    Ok((session.config.output.path.clone(), summary.left_out.len()))
}

/// As [`run_archive`], through a fitted model.
fn apply_model(session: Session, model: &Model, fresh: bool) -> Result<(PathBuf, usize)> {
    let output = session.config.output.path.clone();
    if fresh {
        pipeline::remove_results(&output)?;
    }
    if model.header.traces.is_none() {
        let summary = pipeline::apply(&session.context(), session.backend()?.as_mut(), model)?;
        session.report(&summary);
        return Ok((output, summary.left_out.len()));
    }
    let (start_us, end_us) = (session.config.input.start, session.config.input.end);
    let selection = Selection { start_us, end_us, ..Selection::default() };
    let inputs = vec![session.config.input.path.clone()];
    let request = seismogram::Request { inputs, selection, ..seismogram::Request::default() };
    let mut backend = session.backend()?;
    let done = pipeline::apply_to_seismograms(&session.context(), backend.as_mut(), model, &request)?;
    for station in done.summaries {
        let folder = station.output.display();
        print_status(format_args!("{}: {} segments: {folder}", station.name, station.segments));
    }
    print_left_out(&done.left_out, &output.join(LEFT_OUT_FILE));
    Ok((output, done.left_out.len()))
}

/// One archive, or with `--each` every sub-folder as one, by `work`, which returns the output folder and how many files were
/// left out.
fn whole(
    common: &Common,
    folders: Folders,
    reading: Reading,
    ending: Ending,
    work: impl Fn(&Common, Settings, bool) -> Result<(PathBuf, usize)>,
) -> Result<Outcome> {
    if ending.each {
        return each_command::each(common, folders, reading, ending, |common, folders, reading| {
            work(common, Settings { folders, reading }, ending.fresh)
        });
    }
    let (output, left_out) = work(common, Settings { folders, reading }, ending.fresh)?;
    Ok(Outcome { left_out, events: ending.exit_code && lists_events(&output) })
}

/// Whether `events.csv` of an output folder lists any.
pub(crate) fn lists_events(output: &Path) -> bool {
    std::fs::read_to_string(output.join("events.csv")).is_ok_and(|text| text.lines().nth(1).is_some())
}

/// A stage that works on stored files alone.
fn alone(
    common: &Common,
    folders: Folders,
    name: &str,
    work: impl FnOnce(&Context<'_>) -> scatterfall::Result<()>,
) -> Result<usize> {
    let session = Session::new(common, Settings { folders, ..Settings::default() })?;
    let ctx = session.context();
    pipeline::stage(&ctx, name, || work(&ctx))?;
    session.print_next_step(name);
    Ok(0)
}

/// Rows of a place from which on it has a normal of its own.
const FEW_IMAGES: usize = 20;

/// What each stage writes in the output folder, and the command that comes next.
const STAGES: [(&str, &str, &str); 7] = [
    ("features", "features", "scatterfall transform"),
    ("design", "wavelets", "scatterfall transform"),
    ("transform", "scattering_coefficients", "scatterfall reduce"),
    ("reduce", "pca_ica", "scatterfall cluster"),
    ("cluster", "clustering_results", "scatterfall visualize, scatterfall report"),
    ("visualize", "visualizations", "scatterfall report"),
    ("report", "report.html", "open it in a browser"),
];

/// Minutes of the demonstration's archive.
const DEMO_IMAGES: usize = 180;

fn demo(common: &Common, output: &Path) -> Result<usize> {
    let archive = output.join("archive");
    let options = SynthOptions { images: DEMO_IMAGES, layout: Layout::SMALL, ..SynthOptions::default() };
    make_archive(common, &archive, &options)?;
    let mut common = common.clone();
    // What the user set stays on top of the archive's own configuration.
    common.config = common.config.or_else(|| Some(archive.join("config.toml")));
    // So short an archive has few rows: one in fifty is worth a look.
    common.set.insert(0, "anomaly.quantile=0.98".into());
    let folders = Folders { folder: None, input: Some(archive.clone()), output: Some(output.join("output")) };
    let session = Session::new(&common, Settings { folders, ..Settings::default() })?;
    let summary = pipeline::run(&session.context(), session.backend()?.as_mut())?;
    session.report(&summary);
    print_status(format_args!("{:10} {} (what really happened)", "truth", archive.join("truth.json").display()));
    Ok(summary.left_out.len())
}

/// Follows a folder with the detector of a model, that of the output folder where none is named.
fn follow(common: &Common, folders: Folders, model: Option<PathBuf>, options: &watch::Options) -> Result<usize> {
    let settings = Settings { folders, ..Settings::default() };
    let model = match model {
        Some(folder) => folder,
        None => {
            let output = configuration(common, &settings, Config::load)?.output.path;
            let own = output.join("model");
            if !own.join("model.toml").is_file() {
                let folder = settings.folders.archive().map_or_else(|| PathBuf::from("FOLDER"), Clone::clone);
                return Err(ModelError::NoneToWatch { model: own, folder, output }.into());
            }
            own
        }
    };
    let (session, model) = Session::watching(common, settings, &model)?;
    let Some(detector) = events::read_model(model.folder())? else {
        return Err(ModelError::NoDetector { folder: model.folder().to_path_buf() }.into());
    };
    let output = &session.config.output.path;
    print_status(format_args!("watching   {}; results in {}", session.config.input.path.display(), output.display()));
    let print = |line: &str| print_result(line);
    let summary = watch::watch(&session.context(), &detector, options, &print)?;
    print_status(format_args!(
        "{} images, {} left out, {} events told, {} listed: {}",
        summary.images,
        summary.left_out.len(),
        summary.told,
        summary.listed,
        output.join("events.csv").display()
    ));
    // Whoever ends the watching asks for no verdict; a script that has all read at once does.
    Ok(if options.once { summary.left_out.len() } else { 0 })
}

/// Writes a synthetic archive.
fn make_archive(common: &Common, folder: &Path, options: &SynthOptions) -> Result<()> {
    let config = configuration(common, &Settings::default(), Config::load)?;
    let progress = Progress::new(common);
    let archive = SynthArchive::new(options)?;
    progress.begin("synth", options.images as u64, "images");
    let written = threads(&config.compute)?.install(|| archive.write(folder, || progress.advance(1, 0)));
    progress.end();
    Ok(written?)
}

/// Seismograms: from files or standard input to coefficients, or the whole way.
fn transform_seismograms(common: &Common, args: SeismogramArgs) -> Result<usize> {
    let SeismogramArgs { files, input, output, channel, station, span, all, catalog, f1, waveforms, backend } = args;
    if f1.is_some_and(|hz| !(hz.is_finite() && hz > 0.0)) {
        return Err(Error::config("--f1", f1.unwrap_or_default(), "a frequency in Hz, above 0"));
    }
    let folders = Folders { folder: None, input: None, output };
    let reading = Reading { backend, span, ..Reading::default() };
    let session = Session::new(common, Settings { folders, reading })?;
    let inputs: Vec<PathBuf> = input.into_iter().chain(files).collect();
    let (inputs, _spooled) = from_standard_input(inputs)?;
    let (start_us, end_us) = (session.config.input.start, session.config.input.end);
    let selection = Selection { channels: channel, stations: station, start_us, end_us };
    let request =
        seismogram::Request { inputs, selection, all, separate: false, catalogue: catalog, f1_hz: f1, waveforms };
    let ctx = session.context();
    let mut backend = session.backend()?;
    let done = pipeline::seismogram(&ctx, backend.as_mut(), &request)?;
    let left_out = &done.left_out;
    for s in &done.summaries {
        let (name, folder) = (&s.name, s.output.display());
        print_status(format_args!("{name}: {} segments, {} left out at gaps: {folder}", s.segments, s.left_out));
        if let Some(events) = s.events {
            print_status(format_args!("{events} events  {}", s.output.join("events.csv").display()));
        }
        let report = s.output.join("report.html");
        if all && report.is_file() {
            print_status(format_args!("report     {}", report.display()));
        }
    }
    print_left_out(left_out, &session.config.output.path.join(LEFT_OUT_FILE));
    Ok(left_out.len())
}

/// Files as given, and standard input (`-`) as a file: seismograms are read more than once. The file goes when it is dropped.
fn from_standard_input(mut inputs: Vec<PathBuf>) -> Result<(Vec<PathBuf>, Option<tempfile::NamedTempFile>)> {
    let mut spooled = None;
    for input in &mut inputs {
        if input.as_os_str() != "-" {
            continue;
        }
        if spooled.is_some() {
            return Err(Error::config("--input", "- -", "standard input once"));
        }
        let mut file = tempfile::Builder::new()
            .prefix("stdin-")
            .tempfile()
            .map_err(|e| Error::io("create", "a temporary file", e))?;
        std::io::copy(&mut std::io::stdin().lock(), &mut file).map_err(|e| Error::io("read", "standard input", e))?;
        *input = file.path().to_path_buf();
        spooled = Some(file);
    }
    Ok((inputs, spooled))
}

/// What a command holds while it runs.
struct Session {
    config: Config,
    pool: Arc<rayon::ThreadPool>,
    progress: Progress,
    stop: Arc<AtomicBool>,
    strict: bool,
    /// Held as long as the command works in the output folder.
    _lock: Option<OutputLock>,
}

impl Session {
    /// A session that works in the output folder.
    fn new(common: &Common, settings: Settings) -> Result<Self> {
        let config = configuration(common, &settings, Config::load)?;
        Self::with(common, settled(config)?, &settings)
    }

    /// A session that works with a fitted model, whose configuration lies under the user's.
    fn of_model(common: &Common, settings: Settings, folder: &Path) -> Result<(Self, Model)> {
        let model = Model::load(folder)?;
        let config = configuration(common, &settings, |file, overrides| model.config(file, overrides))?;
        let (output, holder) = (config.output.path.canonicalize(), folder.canonicalize());
        if let (Ok(output), Ok(holder)) = (output, holder)
            && holder.starts_with(&output)
        {
            return Err(StoredError::HoldsModel { path: output }.into());
        }
        Ok((Self::with(common, settled(config)?, &settings)?, model))
    }

    /// A session that follows a folder: its results may lie beside the model's own, which they go on with.
    fn watching(common: &Common, settings: Settings, folder: &Path) -> Result<(Self, Model)> {
        let model = Model::load(folder)?;
        let config = configuration(common, &settings, |file, overrides| model.config(file, overrides))?;
        Ok((Self::with(common, settled(config)?, &settings)?, model))
    }

    fn with(common: &Common, config: Config, settings: &Settings) -> Result<Self> {
        // The archive is looked at before anything is written: a wrong path must not leave a folder behind.
        if settings.folders.archive().is_some() && !config.input.path.exists() {
            return Err(ArchiveError::NoFolder { path: config.input.path }.into());
        }
        let lock = OutputLock::take(&config.output.path)?;
        Self::start(common, config, settings.reading.strict, Some(lock))
    }

    /// A session beside others in the same output folder.
    fn beside(common: &Common, settings: Settings) -> Result<Self> {
        let config = configuration(common, &settings, Config::load)?;
        Self::start(common, config, settings.reading.strict, None)
    }

    /// A session that writes to files of its own.
    fn without_folder(common: &Common, settings: Settings) -> Result<Self> {
        Self::start(common, configuration(common, &settings, Config::load)?, settings.reading.strict, None)
    }

    fn start(common: &Common, config: Config, strict: bool, lock: Option<OutputLock>) -> Result<Self> {
        let stop = match &common.stop {
            Some(stop) => Arc::clone(stop),
            None => {
                let stop = Arc::new(AtomicBool::new(false));
                crate::stop::on_signals(&stop, crate::program::FAILED).map_err(|source| Error::Signals { source })?;
                stop
            }
        };
        let pool = threads(&config.compute)?;
        Ok(Self { pool, progress: Progress::new(common), stop, strict, config, _lock: lock })
    }

    fn context(&self) -> Context<'_> {
        Context::on(&self.config, Arc::clone(&self.pool)).observer(&self.progress).stop(&self.stop).strict(self.strict)
    }

    fn backend(&self) -> Result<Box<dyn Backend>> {
        Ok(backend::open(self.config.compute.backend, Arc::clone(&self.pool))?)
    }

    /// Says what a stage wrote and what comes next.
    fn print_next_step(&self, stage: &str) {
        if let Some((_, wrote, next)) = STAGES.iter().find(|(name, ..)| *name == stage) {
            print_status(format_args!("written    {}; next: {next}", self.config.output.path.join(wrote).display()));
        }
    }

    fn report(&self, summary: &RunSummary) {
        let output = &self.config.output.path;
        print_status(format_args!(
            "{} images, {} left out, {} gaps",
            summary.images,
            summary.left_out.len(),
            summary.gaps.len()
        ));
        print_left_out(&summary.left_out, &output.join(LEFT_OUT_FILE));
        if summary.images < FEW_IMAGES && output.join("clustering_results/clusters.csv").exists() {
            print_status(format_args!(
                "small archive: with {} images a place has too few rows for a normal of its own (it takes {FEW_IMAGES}): scores are \
                 those of the model, and clusters and events are hints at most",
                summary.images
            ));
        }
        for (what, file) in [
            ("events", "events.csv"),
            ("health", "health.csv"),
            ("clusters", "clustering_results/clusters.csv"),
            ("rows", "anomalies.csv"),
            ("clipped", "waterfall_npz"),
            ("pictures", "visualizations"),
            ("report", "report.html"),
            ("details", "run.json"),
        ] {
            let path = output.join(file);
            if path.exists() {
                print_status(format_args!("{what:10} {}", path.display()));
            }
        }
    }
}

fn axis(name: AxisName) -> TimeAxis {
    match name {
        AxisName::Down => TimeAxis::Down,
        AxisName::Up => TimeAxis::Up,
        AxisName::Right => TimeAxis::Right,
        AxisName::Left => TimeAxis::Left,
    }
}

/// The preview that `init` makes: of a picture it looked at, with what can be drawn of the configuration it wrote.
fn draw_example(common: &Common, written: &Path, example: &Path, preview: &Path) -> Result<()> {
    let text = std::fs::read_to_string(written).map_err(|e| Error::io("read", written, e))?;
    // Lines that are still to be filled in keep their defaults in the picture.
    let whole: Vec<&str> = text.lines().filter(|l| !l.contains("\"TODO: ")).collect();
    let mut config = Config::from_text(&whole.join("\n"))?;
    config.input.path = example.to_path_buf();
    let session = Session::start(common, settled(config)?, false, None)?;
    pipeline::preview(&session.context(), preview)?;
    print_result(format_args!("preview     {}", preview.display()));
    Ok(())
}

/// The configuration with what the archive tells.
fn settled(mut config: Config) -> Result<Config> {
    for found in settle(&mut config)? {
        tracing::info!("{found}");
    }
    Ok(config)
}

/// The configuration of a command with these folders, as far as no model and no archive adds to it.
pub(crate) fn configuration_of(common: &Common, folders: &Folders) -> Result<Config> {
    let (input, output) = (folders.archive().cloned(), folders.output.clone());
    let folders = Folders { folder: None, input, output };
    configuration(common, &Settings { folders, ..Settings::default() }, Config::load)
}

/// The configuration that `load` makes of the file and of all options that stand for keys.
fn configuration(
    common: &Common,
    settings: &Settings,
    load: impl FnOnce(Option<&Path>, &[String]) -> Result<Config>,
) -> Result<Config> {
    let mut overrides = common.set.clone();
    let mut set =
        |key: &str, value: Option<String>| overrides.extend(value.map(|v| format!("{key}={}", toml::Value::String(v))));
    let text = |path: &Option<PathBuf>| path.as_ref().map(|p| p.to_string_lossy().into_owned());
    set("input.path", text(&settings.folders.archive().cloned()));
    set("output.path", text(&settings.folders.output));
    set("input.start", settings.reading.span.start.clone());
    set("input.end", settings.reading.span.end.clone());
    set("compute.backend", settings.reading.backend.map(|b| format!("{b:?}").to_lowercase()));
    overrides.extend(common.threads.map(|n| format!("compute.threads={n}")));
    let mut config = load(common.config.as_deref(), &overrides)?;
    // A path need not be text; the configuration's own copy is for people to read.
    if let Some(path) = settings.folders.archive() {
        config.input.path.clone_from(path);
    }
    if let Some(path) = &settings.folders.output {
        config.output.path.clone_from(path);
    }
    Ok(config)
}
