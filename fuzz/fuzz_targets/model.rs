#![no_main]

#[path = "../../tests/integration/untrusted/bodies.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|data: &[u8]| bodies::model(data));
