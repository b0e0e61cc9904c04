//! `run.json`: what was done, with what, and what is missing; `left_out.csv`: the files that are.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::archive::{Catalogue, Gap, LeftOut, gaps};
use crate::config::Config;
use crate::error::Result;
use crate::store::atomic::write_bytes;
use crate::store::csv::Table;
use crate::store::day::{Record, Stage};
use scatterfall_npz::NpzFile;
use scatterfall_npz::Time;
use scatterfall_scattering::backend::BackendInfo;

/// The table of what was left out, beside `run.json`: header `file,reason`, one line a file.
pub const LEFT_OUT_FILE: &str = "left_out.csv";

/// What a run has to say at its end.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunSummary {
    /// Images that are in the results, computed now or before.
    pub images: usize,
    /// Files that are not, and why.
    pub left_out: Vec<LeftOut>,
    /// Times without images.
    pub gaps: Vec<Gap>,
    /// Seconds each stage took; stages of earlier commands keep theirs.
    pub stages: BTreeMap<String, f64>,
    /// Further figures of this command.
    pub figures: BTreeMap<String, Value>,
}

/// The part of an existing `run.json` that the next command keeps.
#[derive(Deserialize)]
struct Kept {
    stages: BTreeMap<String, f64>,
    #[serde(default)]
    catalogue: Vec<LeftOut>,
    #[serde(default)]
    device: Value,
}

/// Who wrote it.
#[derive(Serialize)]
struct Program {
    name: &'static str,
    version: &'static str,
}

impl RunSummary {
    /// Notes how long a stage took.
    pub fn took(&mut self, stage: &str, time: Duration) {
        self.stages.insert(stage.to_owned(), time.as_secs_f64());
    }

    /// Writes `run.json` for a command without an archive of images.
    ///
    /// # Errors
    /// Those of writing.
    pub fn finish_with(
        &mut self,
        config: &Config,
        left_out: Vec<LeftOut>,
        backend: Option<&BackendInfo>,
    ) -> Result<()> {
        self.left_out = left_out;
        write(&config.output.path.join("run.json"), self, config, &self.left_out, json!(backend))
    }

    /// Gathers what the stored days tell, and writes `run.json`.
    ///
    /// `catalogue` is given where this command read the archive; other commands keep what the last one said.
    ///
    /// # Errors
    /// Those of reading days and writing.
    pub fn finish(
        &mut self,
        config: &Config,
        catalogue: Option<&Catalogue>,
        backend: Option<&BackendInfo>,
    ) -> Result<()> {
        let output = &config.output.path;
        let path = output.join("run.json");
        let kept: Option<Kept> = std::fs::read(&path).ok().and_then(|t| serde_json::from_slice(&t).ok());
        let (mut stages, before, device) = kept.map_or_else(Default::default, |k| (k.stages, k.catalogue, k.device));
        // Stages without a backend keep the one that computed.
        let device = backend.map_or(device, |b| json!(b));
        stages.append(&mut self.stages);
        self.stages = stages;
        let from_catalogue = catalogue.map_or(before, |c| c.left_out.clone());

        let wanted: Option<Vec<String>> = catalogue.map(|c| c.days().into_iter().map(|(d, _)| d).collect());
        let (mut times, mut left_out) = (Vec::new(), from_catalogue.clone());
        let days = Stage::Features.days(output)?;
        if let (true, Some(catalogue)) = (days.is_empty(), catalogue) {
            // Nothing is stored by days: the command worked on the images themselves.
            times.extend(catalogue.images.iter().map(|i| i.time));
        }
        for day in days {
            let file = Stage::Features.file(output, &day);
            let record = Record::read(&file);
            if record.is_some() && wanted.as_ref().is_some_and(|w| !w.contains(&day)) {
                continue;
            }
            left_out.extend(record.into_iter().flat_map(|r| r.left_out));
            times.extend(NpzFile::open(&file)?.read::<Time>("times")?.1.into_iter().map(|t| t.0));
        }
        left_out.sort();
        left_out.dedup();
        self.images = times.len();
        self.gaps = gaps(&times, config.input.duration_s);
        self.left_out = left_out;
        write(&path, self, config, &from_catalogue, device)
    }
}

fn write(path: &Path, summary: &RunSummary, config: &Config, catalogue: &[LeftOut], device: Value) -> Result<()> {
    let text = json!({
        "program": Program { name: env!("CARGO_PKG_NAME"), version: env!("CARGO_PKG_VERSION") },
        "device": device,
        "images": summary.images,
        "left_out": summary.left_out,
        "gaps": summary.gaps,
        "stages": summary.stages,
        "figures": summary.figures,
        "configuration": config.table(),
        "catalogue": catalogue,
    });
    let mut table = Table::new("file,reason");
    for left in &summary.left_out {
        table.line([&left.file, &left.reason]);
    }
    write_bytes(&path.with_file_name(LEFT_OUT_FILE), &table.finish())?;
    write_bytes(path, format!("{text:#}\n").as_bytes())
}
