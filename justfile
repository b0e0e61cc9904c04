# The habits of this project. `just` alone lists them. Every line also works when typed by hand.

default:
    @just --list

# Formatting, lints of every crate, documentation
check:
    cargo fmt --check
    cargo clippy --workspace --all-targets -- -D warnings
    cargo check --workspace --no-default-features
    RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps

# Every test that needs neither a graphics device nor a browser
test:
    cargo test --workspace

# The tests of the GPU backend; Mesa's software Vulkan driver is enough
test-gpu:
    cargo test --test gpu -- --include-ignored

# The report in headless Chromium; needs chromium and chromedriver
test-browser:
    cargo test --test browser -- --ignored

# Everything that must hold before a change is taken
ci:
    bash .ci/run

# Stages side by side, and whole runs against decoding alone
bench:
    cargo run --release -- bench
    cargo bench

# The book, in target/book
book:
    @command -v mdbook >/dev/null || { echo 'mdbook is not installed: cargo install mdbook'; exit 1; }
    mdbook build docs

# Licences and advisories of the dependencies
deny:
    @command -v cargo-deny >/dev/null || { echo 'cargo-deny is not installed: cargo install cargo-deny'; exit 1; }
    cargo deny check

# Spelling
typos:
    @command -v typos >/dev/null || { echo 'typos is not installed: cargo install typos-cli'; exit 1; }
    typos
