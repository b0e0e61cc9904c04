//! Images of the archive, looked at again for pictures: where they still are, as indices of the colour map.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use super::results::read_json;
use crate::config::Config;
use crate::decode;
use crate::error::Result;
use scatterfall_colormap::Colormap;
use scatterfall_figures::waterfall::{Scene, Waterfall};
use scatterfall_scattering::backend::cpu::indices;
use scatterfall_timestamps::Micros;

/// One image's plot area.
#[derive(Debug)]
pub(super) struct Picture {
    time: Micros,
    rows: usize,
    columns: usize,
    indices: Vec<u8>,
}

impl Picture {
    pub(super) fn view(&self) -> Waterfall<'_> {
        Waterfall { time: self.time, rows: self.rows, columns: self.columns, indices: &self.indices }
    }
}

/// The images of the rows.
pub(super) struct Waterfalls<'a> {
    config: &'a Config,
    colormap: Colormap,
    folders: Vec<PathBuf>,
    images: &'a BTreeMap<Micros, String>,
    /// At least one image can be read.
    pub(super) available: bool,
    /// Images that were decoded, so that pictures share them; none where there is no room for more.
    decoded: Mutex<HashMap<Micros, Option<Arc<Picture>>>>,
}

/// Bytes of decoded images that are kept.
const MAX_KEPT: usize = 128 << 20;

/// Images that are looked for before the archive counts as gone.
const PROBES: usize = 16;

impl<'a> Waterfalls<'a> {
    /// The images named by `images`, below the configured archive's folder or that of the run itself.
    ///
    /// # Errors
    /// [`crate::Error::Config`] for a colour map that is not there.
    pub(super) fn new(config: &'a Config, images: &'a BTreeMap<Micros, String>) -> Result<Self> {
        let run = read_json(&config.output.path.join("run.json"));
        let mut folders = vec![config.input.path.clone()];
        folders.extend(run["configuration"]["input"]["path"].as_str().map(PathBuf::from));
        let colormap = config.value.load_colormap()?;
        let decoded = Mutex::default();
        let mut this = Self { config, colormap, folders, images, available: false, decoded };
        let named = || images.iter().filter(|(_, name)| !name.is_empty());
        let every = named().count().div_ceil(PROBES).max(1);
        this.available = named().step_by(every).any(|(&time, _)| this.path(time).is_some());
        Ok(this)
    }

    fn path(&self, time: Micros) -> Option<PathBuf> {
        let name = self.images.get(&time).filter(|n| !n.is_empty())?;
        self.folders.iter().map(|folder| folder.join(name)).find(|p| p.is_file())
    }

    /// The image of a time, decoded once for all pictures that show it, as far as there is room; `None` where it is gone or cannot be read any more.
    pub(super) fn shared(&self, time: Micros) -> Option<Arc<Picture>> {
        let kept = |decoded: &Mutex<HashMap<_, Option<Arc<Picture>>>>| {
            let decoded = decoded.lock().unwrap_or_else(PoisonError::into_inner);
            decoded.get(&time).cloned()
        };
        if let Some(found) = kept(&self.decoded) {
            return found;
        }
        let picture = self.load(time).map(Arc::new);
        let mut decoded = self.decoded.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes: usize = decoded.values().flatten().map(|p| p.indices.len()).sum();
        if bytes < MAX_KEPT {
            decoded.insert(time, picture.clone());
        }
        picture
    }

    /// The image of a time; `None` where it is gone or cannot be read any more.
    pub(super) fn load(&self, time: Micros) -> Option<Picture> {
        let path = self.path(time)?;
        match decode::waterfall(&path, self.config) {
            Ok(pixels) => Some(Picture {
                time,
                rows: pixels.rows,
                columns: pixels.columns,
                indices: indices(&pixels, &self.colormap),
            }),
            Err(e) => {
                tracing::info!("no picture of {}: {e}", path.display());
                None
            }
        }
    }

    /// What all pictures of these images have in common.
    pub(super) fn scene(&self, segment_km: f64) -> Scene<'_> {
        let input = &self.config.input;
        Scene {
            colormap: &self.colormap,
            db: (self.config.value.db_min, self.config.value.db_max),
            distance_km: (input.distance_offset_km, input.distance_offset_km + input.total_distance_km),
            duration_s: input.duration_s,
            segment_km,
        }
    }

    /// The file name of an image, for people.
    pub(super) fn name(&self, time: Micros) -> &str {
        self.images.get(&time).map_or("", String::as_str)
    }
}
