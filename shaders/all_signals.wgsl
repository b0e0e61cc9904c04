// All signals of a dispatch, in single precision.

const LISTED: u32 = 0u;

fn listed_signals() -> u32 {
    return params.signals;
}

// Which signal number n is.
fn listed(n: u32) -> u32 {
    return n;
}
