//! Writes pages with invented values into a folder, to look at.

use scatterfall_page::*;

#[path = "../fixtures/pages.rs"]
mod fixture;

fn main() -> std::io::Result<()> {
    let folder = std::env::args().nth(1).unwrap_or_else(|| ".".to_owned());
    for (name, page) in fixture::all() {
        std::fs::write(format!("{folder}/{name}.html"), render(&page))?;
    }
    Ok(())
}
