//! The fuzz targets' bodies on their seeds, and on every case that fuzzing found.

mod bodies;

use std::path::Path;

/// Runs a body on every file of its folder, and on every beginning of the shorter ones.
fn on_cases(folders: &[&str], body: fn(&[u8])) {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut cases = 0;
    for folder in folders.iter().map(|f| tests.join(f)).filter(|f| f.is_dir()) {
        for entry in std::fs::read_dir(&folder).expect("a readable folder") {
            let path = entry.expect("readable").path();
            let Ok(bytes) = std::fs::read(&path) else { continue };
            body(&bytes);
            for n in (0..bytes.len()).step_by(1 + bytes.len() / 16) {
                body(&bytes[..n]);
            }
            cases += 1;
        }
    }
    assert!(cases > 2, "there are cases in {folders:?}");
}

#[test]
fn names() {
    on_cases(&["untrusted/names"], bodies::names);
}

#[test]
fn configurations() {
    on_cases(&["untrusted/config"], bodies::config);
}

#[test]
fn images() {
    on_cases(&["untrusted/png"], bodies::png);
}

#[test]
fn arrays() {
    on_cases(&["untrusted/npy"], bodies::npy);
}

#[test]
fn archives_of_arrays() {
    on_cases(&["untrusted/npz"], bodies::npz);
}

#[test]
fn seismograms() {
    on_cases(&["untrusted/miniseed", "../crates/miniseed/tests/goldens"], bodies::miniseed);
}

#[test]
fn models() {
    let seed = include_bytes!("../../untrusted/model/gmm");
    assert!(bodies::load_model(seed).is_ok(), "{:?}", bodies::load_model(seed).err());
    on_cases(&["untrusted/model"], bodies::model);
}
