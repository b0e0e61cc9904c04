//! Each command: its configuration, its stage of the library, and what it says in the end.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Result;
use scatterfall::backend::{self, Backend};
use scatterfall::config::Config;
use scatterfall::progress::{Context, threads};
use scatterfall::stages::{clip, cluster, reduce, visualize};
use scatterfall::store::lock::OutputLock;
use scatterfall::summary::RunSummary;
use scatterfall::{Error, pipeline};

use crate::cli::{BackendName, Cli, Command, Common, Folders, Span};
use crate::terminal::{Progress, say};

/// Options that stand for configuration keys.
#[derive(Default)]
struct Settings {
    folders: Folders,
    span: Span,
    backend: Option<BackendName>,
    strict: bool,
}

/// Runs the command; returns how many files were left out.
pub(crate) fn run(cli: Cli) -> Result<usize> {
    let Cli { command, common } = cli;
    match command {
        Command::Run { folders, span, backend, fresh, strict } => {
            let session = Session::new(&common, Settings { folders, span, backend, strict })?;
            if fresh {
                pipeline::remove_results(&session.config.output.path)?;
            }
            let mut backend = session.backend()?;
            let summary = pipeline::run(&session.context(), backend.as_mut())?;
            session.report(&summary);
            Ok(summary.left_out.len())
        }
        Command::Demo { output } => demo(&common, &output),
        Command::Clip { folders, span, preview } => {
            let session = Session::new(&common, Settings { folders, span, ..Settings::default() })?;
            let mut summary = RunSummary::default();
            let catalogue = pipeline::read_catalogue(&session.context(), &mut summary)?;
            if let Some(path) = preview {
                clip::preview(&session.context(), &catalogue, &path)?;
                say(format_args!("preview: {}", path.display()));
                return Ok(0);
            }
            let mut left_out = clip::compute(&session.context(), &catalogue)?;
            left_out.extend(catalogue.left_out);
            say(format_args!("{} images clipped", catalogue.images.len()));
            Ok(left_out.len())
        }
        Command::Features { folders, span, backend, strict } => {
            let session = Session::new(&common, Settings { folders, span, backend, strict })?;
            let summary = pipeline::features(&session.context(), session.backend()?.as_mut())?;
            session.report(&summary);
            Ok(summary.left_out.len())
        }
        Command::Design { folders } => {
            let session = Session::new(&common, Settings { folders, ..Settings::default() })?;
            let network = pipeline::write_design(&session.context())?;
            say(scatterfall::stages::design::describe(&network));
            Ok(0)
        }
        Command::Transform { folders, backend } => {
            let session = Session::new(&common, Settings { folders, backend, ..Settings::default() })?;
            pipeline::transform(&session.context(), session.backend()?.as_mut())?;
            Ok(0)
        }
        Command::Reduce { folders } => alone(&common, folders, "reduce", |ctx| reduce::compute(ctx, None).map(|_| ())),
        Command::Cluster { folders } => alone(&common, folders, "cluster", |ctx| cluster::compute(ctx).map(|_| ())),
        Command::Visualize { folders } => {
            alone(&common, folders, "visualize", |ctx| visualize::compute(ctx).map(|_| ()))
        }
    }
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
    Ok(0)
}

fn demo(common: &Common, output: &Path) -> Result<usize> {
    let _ = (common, output);
    Ok(0)
}

/// What a command holds while it runs.
struct Session {
    config: Config,
    pool: Arc<rayon::ThreadPool>,
    progress: Progress,
    stop: Arc<AtomicBool>,
    strict: bool,
    _lock: OutputLock,
}

impl Session {
    fn new(common: &Common, settings: Settings) -> Result<Self> {
        let config = configuration(common, &settings)?;
        // The archive is looked at before anything is written: a wrong path must not leave a folder behind.
        if settings.folders.input.is_some() && !config.input.path.exists() {
            let path = config.input.path.display();
            return Err(Error::Input(format!("{path}: no such folder; set input.path or --input")).into());
        }
        let lock = OutputLock::take(&config.output.path)?;
        let stop = Arc::new(AtomicBool::new(false));
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
            // A second signal ends the program at once.
            signal_hook::flag::register_conditional_shutdown(signal, 1, Arc::clone(&stop))?;
            signal_hook::flag::register(signal, Arc::clone(&stop))?;
        }
        let pool = threads(&config.compute)?;
        Ok(Self { pool, progress: Progress::new(common), stop, strict: settings.strict, config, _lock: lock })
    }

    fn context(&self) -> Context<'_> {
        Context {
            config: &self.config,
            pool: Arc::clone(&self.pool),
            observer: &self.progress,
            stop: &self.stop,
            strict: self.strict,
        }
    }

    fn backend(&self) -> Result<Box<dyn Backend>> {
        Ok(backend::open(self.config.compute.backend, Arc::clone(&self.pool))?)
    }

    fn report(&self, summary: &RunSummary) {
        let output = &self.config.output.path;
        say(format_args!("{} images, {} left out, {} gaps", summary.images, summary.left_out.len(), summary.gaps.len()));
        for left in summary.left_out.iter().take(10) {
            say(format_args!("  left out: {}: {}", left.file, left.reason));
        }
        if summary.left_out.len() > 10 {
            say(format_args!("  ... and {} more, listed in run.json", summary.left_out.len() - 10));
        }
        for (what, file) in [
            ("anomalies", "anomalies.csv"),
            ("clusters", "clustering_results/clusters.csv"),
            ("pictures", "visualizations"),
            ("report", "report.html"),
            ("details", "run.json"),
        ] {
            let path = output.join(file);
            if path.exists() {
                say(format_args!("{what:10} {}", path.display()));
            }
        }
    }
}

fn configuration(common: &Common, settings: &Settings) -> Result<Config> {
    let mut overrides = common.set.clone();
    let mut set = |key: &str, value: Option<String>| overrides.extend(value.map(|v| format!("{key}={}", toml::Value::String(v))));
    let text = |path: &Option<PathBuf>| path.as_ref().map(|p| p.to_string_lossy().into_owned());
    set("input.path", text(&settings.folders.input));
    set("output.path", text(&settings.folders.output));
    set("input.start", settings.span.start.clone());
    set("input.end", settings.span.end.clone());
    set("compute.backend", settings.backend.map(|b| format!("{b:?}").to_lowercase()));
    overrides.extend(common.threads.map(|n| format!("compute.threads={n}")));
    let mut config = Config::load(common.config.as_deref(), &overrides)?;
    // A path need not be text; the configuration's own copy is for people to read.
    if let Some(path) = &settings.folders.input {
        config.input.path.clone_from(path);
    }
    if let Some(path) = &settings.folders.output {
        config.output.path.clone_from(path);
    }
    Ok(config)
}
