//! Tells the program its version, the commit that it was built from and its features, for `scatterfall --version`.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let commit = commit().map(|c| format!("commit {c}, ")).unwrap_or_default();
    let features = if std::env::var_os("CARGO_FEATURE_GPU").is_some() { "gpu" } else { "none" };
    let version = env!("CARGO_PKG_VERSION");
    println!("cargo:rustc-env=SCATTERFALL_VERSION={version} ({commit}features: {features})");
}

/// The commit of the repository that this package lies in, and nothing where it lies in none or in another's.
fn commit() -> Option<String> {
    let top = git(&["rev-parse", "--show-toplevel"])?;
    if Path::new(&top).canonicalize().ok()? != Path::new(env!("CARGO_MANIFEST_DIR")).canonicalize().ok()? {
        return None;
    }
    let branch = git(&["rev-parse", "--symbolic-full-name", "HEAD"])?;
    // A commit changes the branch, or packs it with others; the log of HEAD grows with either.
    for name in ["HEAD", "logs/HEAD", &branch] {
        let file = git(&["rev-parse", "--git-path", name])?;
        // Cargo runs a script again whenever a file is missing.
        if Path::new(&file).is_file() {
            println!("cargo:rerun-if-changed={file}");
        }
    }
    git(&["rev-parse", "--short=10", "HEAD"])
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
