//! A temporary folder with a tiny archive, and the compiled program run on it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use ndarray::{ArrayD, IxDyn};
use png::{BitDepth, ColorType};
use scatterfall_npz::NpzFile;
use scatterfall_synth::{Layout, SynthArchive, SynthOptions};
use tempfile::TempDir;

/// Rows of the tiny images.
pub(crate) const ROWS: usize = 24;
/// Columns of the tiny images: 41 windows of three columns, two apart.
pub(crate) const COLUMNS: usize = 84;
/// Kilometres an image spans, by default.
pub(crate) const KM: f64 = 20.0;
/// Rows (segments) of a tiny image with [`CONFIG`]: they start at the windows 0, 8, 16 and 24 of 41.
pub(crate) const ROWS_PER_IMAGE: usize = 4;

/// Fits the tiny images, and leaves the pictures out, which take most of the time. On the CPU: a GPU's numbers agree, but
/// not to the last bit.
const CONFIG: &str = "
[compute]
backend = \"cpu\"
[crop]
enabled = false
[features]
names = ['std', 'gabor', 'dominant_frequency']
[segments]
bins = 16
overlap = 0.5
[[network.banks]]
octaves = 2
resolution = 2
[[network.banks]]
octaves = 1
resolution = 2
[reduce]
pca_components = 3
ica_components = 3
[cluster.gmm]
components = 2
[visualize]
methods = []
";

/// What the program said and how it ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) status: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Outcome {
    pub(crate) fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("the program writes UTF-8");
        let this = Self { status: output.status.code(), out: text(output.stdout), err: text(output.stderr) };
        assert!(!this.err.contains("panicked"), "the program panicked: {}", this.err);
        this
    }

    /// The run must have ended with `status`.
    #[track_caller]
    pub(crate) fn ends_with(self, status: i32) -> Self {
        assert_eq!(self.status, Some(status), "exit status\n{}{}", self.out, self.err);
        self
    }

    /// The run must have failed with `status` and one line that holds every one of `parts`.
    #[track_caller]
    pub(crate) fn fails(self, status: i32, parts: &[&str]) {
        let this = self.ends_with(status);
        let told: Vec<&str> = this.err.lines().filter(|l| !l.trim_start().starts_with("WARN")).collect();
        assert!(told.len() == 1 && told[0].starts_with("scatterfall: "), "one line says what is wrong:\n{}", this.err);
        for part in parts {
            assert!(told[0].contains(part), "`{}` does not say `{part}`", told[0]);
        }
    }

    /// A warning that holds every one of `parts`.
    #[track_caller]
    pub(crate) fn warns(&self, parts: &[&str]) {
        let warned = self.err.lines().any(|l| l.contains("WARN") && parts.iter().all(|p| l.contains(p)));
        assert!(warned, "no warning with {parts:?} in\n{}", self.err);
    }
}

/// Runs the program with `arguments`.
pub(crate) fn program(arguments: &[&str]) -> Outcome {
    Outcome::of(command(arguments).output().expect("the program starts"))
}

/// The program with `arguments`, not yet started.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_scatterfall"));
    command.args(arguments);
    command
}

/// A folder that goes with the test.
pub(crate) struct Fixture {
    folder: TempDir,
    minutes: SynthArchive,
}

impl Fixture {
    /// A folder with an empty archive and a configuration for tiny images.
    pub(crate) fn empty() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::create_dir(folder.path().join("images")).expect("a folder for the archive");
        std::fs::write(folder.path().join("config.toml"), CONFIG).expect("a configuration");
        let layout = Layout::Bare { rows: ROWS, columns: COLUMNS };
        let options = SynthOptions { images: 60, seed: 5, layout, ..SynthOptions::default() };
        Self { folder, minutes: SynthArchive::new(&options).expect("valid options") }
    }

    /// An archive of `images` consecutive minutes from midnight on.
    pub(crate) fn minutes(images: usize) -> Self {
        let this = Self::empty();
        this.add_day("20250515", images);
        this
    }

    /// Adds `images` consecutive minutes from a day's first on.
    pub(crate) fn add_day(&self, day: &str, images: usize) {
        for m in 0..images {
            self.add(&format!("{day}_{:02}{:02}00", m / 60, m % 60), m);
        }
    }

    /// Adds the picture of minute `m` under the time `YYYYMMDD_HHMMSS`.
    pub(crate) fn add(&self, time: &str, m: usize) {
        self.write(&format!("Waterfall_{time}.png"), &self.picture(m));
    }

    /// The PNG file of a synthetic minute.
    pub(crate) fn picture(&self, m: usize) -> Vec<u8> {
        self.minutes.png(m % 60).expect("an image")
    }

    /// The pixels of a synthetic minute, 8-bit RGB.
    pub(crate) fn pixels(&self, m: usize) -> Vec<u8> {
        self.minutes.pixels(m % 60).rgb
    }

    /// Writes a file of the archive.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.images().join(name), bytes).expect("a file of the archive");
    }

    pub(crate) fn images(&self) -> PathBuf {
        self.folder.path().join("images")
    }

    pub(crate) fn output(&self) -> PathBuf {
        self.path("output")
    }

    /// A path beside the archive.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Arguments of a command on this archive and an output folder; commands after the features read no archive.
    fn arguments(&self, name: &str, output: &Path, more: &[&str]) -> Vec<String> {
        let text = |p: PathBuf| p.to_str().expect("a path in UTF-8").to_owned();
        let mut arguments = vec![name.into(), "--config".into(), text(self.path("config.toml"))];
        arguments.extend(["--input".into(), text(self.images())]);
        arguments.extend(["--output".into(), text(output.to_path_buf())]);
        arguments.extend(more.iter().map(|a| (*a).to_owned()));
        arguments
    }

    /// A command of the program on this archive, not yet started.
    pub(crate) fn command(&self, name: &str, output: &Path, more: &[&str]) -> Command {
        let arguments = self.arguments(name, output, more);
        command(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Runs a command of the program into a folder of choice.
    pub(crate) fn cmd_into(&self, output: &Path, name: &str, more: &[&str]) -> Outcome {
        let outcome = Outcome::of(self.command(name, output, more).output().expect("the program starts"));
        assert_whole(output);
        outcome
    }

    /// Runs a command of the program into `output`.
    pub(crate) fn cmd(&self, name: &str, more: &[&str]) -> Outcome {
        self.cmd_into(&self.output(), name, more)
    }

    /// Runs `run` into `output`.
    pub(crate) fn run(&self, more: &[&str]) -> Outcome {
        self.cmd("run", more)
    }

    /// `run.json` of the output folder.
    pub(crate) fn summary(&self) -> serde_json::Value {
        json(&self.output().join("run.json"))
    }

    /// What `run.json` lists as left out: file and reason.
    pub(crate) fn left_out(&self) -> Vec<(String, String)> {
        let text = |v: &serde_json::Value| v.as_str().expect("a text").to_owned();
        let listed = self.summary()["left_out"].as_array().expect("a list").clone();
        listed.iter().map(|l| (text(&l["file"]), text(&l["reason"]))).collect()
    }

    /// An array of a file in the output folder.
    pub(crate) fn array(&self, file: &str, name: &str) -> ArrayD<f64> {
        read_array(&self.output().join(file), name)
    }

    /// The lines of a CSV file in the output folder, each as its fields by column name.
    pub(crate) fn table(&self, file: &str) -> Vec<BTreeMap<String, String>> {
        let text = std::fs::read_to_string(self.output().join(file)).expect("a table");
        let mut lines = text.lines().map(|l| l.split(',').map(str::to_owned).collect::<Vec<_>>());
        let names = lines.next().expect("a header");
        lines.map(|fields| names.iter().cloned().zip(fields).collect()).collect()
    }
}

/// A JSON file.
pub(crate) fn json(path: &Path) -> serde_json::Value {
    let text = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_slice(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// An array of an .npz file.
pub(crate) fn read_array(path: &Path, name: &str) -> ArrayD<f64> {
    let (shape, values) = NpzFile::open(path).and_then(|mut f| f.read::<f64>(name)).expect("a readable array");
    ArrayD::from_shape_vec(IxDyn(&shape), values).expect("as many values as the shape says")
}

/// A PNG file of `rows` x `columns` pixels.
pub(crate) fn encode(columns: usize, rows: usize, color: ColorType, depth: BitDepth, data: &[u8]) -> Vec<u8> {
    encode_with_palette(columns, rows, color, depth, data, &[])
}

/// As [`encode`], with a palette where that is not empty.
pub(crate) fn encode_with_palette(
    columns: usize,
    rows: usize,
    color: ColorType,
    depth: BitDepth,
    data: &[u8],
    palette: &[u8],
) -> Vec<u8> {
    let mut bytes = Vec::new();
    let side = |n: usize| u32::try_from(n).expect("a small image");
    let mut encoder = png::Encoder::new(&mut bytes, side(columns), side(rows));
    encoder.set_color(color);
    encoder.set_depth(depth);
    if !palette.is_empty() {
        encoder.set_palette(palette.to_vec());
    }
    encoder.write_header().and_then(|mut w| w.write_image_data(data)).expect("an image");
    bytes
}

/// Every file below a folder with its content, by its path from there.
pub(crate) fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in walkdir::WalkDir::new(folder).into_iter().map(|e| e.expect("a readable folder")) {
        if entry.file_type().is_file() {
            let name = entry.path().strip_prefix(folder).expect("below").to_str().expect("a name in UTF-8").to_owned();
            all.insert(name, std::fs::read(entry.path()).expect("a readable file"));
        }
    }
    all
}

/// The results below an output folder: every file but what tells of the run itself, with the times taken (`run.json`, the report, the lock).
pub(crate) fn results(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut all = files(folder);
    all.retain(|name, _| !["run.json", "report.html", ".lock"].contains(&name.as_str()));
    all
}

/// Both folders must hold the same results, byte for byte.
#[track_caller]
pub(crate) fn assert_same(got: &BTreeMap<String, Vec<u8>>, want: &BTreeMap<String, Vec<u8>>) {
    let names = |m: &BTreeMap<String, Vec<u8>>| m.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(got), names(want), "files");
    let different: Vec<&String> = got.keys().filter(|n| got[*n] != want[*n]).collect();
    assert!(different.is_empty(), "these files differ: {different:?}");
}

/// Nothing below `folder` may be half-written: no temporary files, every archive of arrays and every JSON file readable,
/// every day file of the length that its record says.
#[track_caller]
pub(crate) fn assert_whole(folder: &Path) {
    if !folder.is_dir() {
        return;
    }
    for (name, bytes) in files(folder) {
        let path = folder.join(&name);
        let base = Path::new(&name).file_name().and_then(|n| n.to_str()).unwrap_or_default();
        assert!(base == ".lock" || !base.starts_with('.'), "{name} is a temporary file");
        match path.extension().and_then(|e| e.to_str()) {
            Some("npz") => {
                let mut archive = zip::ZipArchive::new(std::io::Cursor::new(&bytes)).expect("a whole .npz file");
                for i in 0..archive.len() {
                    let mut entry = archive.by_index(i).expect("an entry");
                    std::io::copy(&mut entry, &mut std::io::sink()).expect("an entry that matches its checksum");
                }
            }
            Some("json") => {
                let day = path.with_extension("npz");
                let told = json(&path)["bytes"].as_u64();
                if let (Some(told), Ok(meta)) = (told, day.metadata()) {
                    assert_eq!(meta.len(), told, "{} is as long as its record says", day.display());
                }
            }
            Some("csv" | "dat") => assert!(bytes.ends_with(b"\n"), "{name} ends with its last line"),
            Some("png") => assert!(bytes.ends_with(b"IEND\xaeB`\x82"), "{name} is a whole image"),
            _ => {}
        }
    }
}
