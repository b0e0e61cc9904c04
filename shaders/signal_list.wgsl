// The signals that precision_check.wgsl listed, in double precision. Workgroups beyond the list's end leave at once, so the host need
// not know its length.
//
// list: how many signals, then their numbers.

@group(0) @binding(8) var<storage, read> list: array<u32>;

const LISTED: u32 = 1u;

fn listed_signals() -> u32 {
    return list[0];
}

// Which signal number n is.
fn listed(n: u32) -> u32 {
    return list[1u + n];
}
