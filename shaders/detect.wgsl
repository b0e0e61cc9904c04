// What the detector's kernels share.
//
// An image comes as words: its indices (0 .. 255) row by row, four a word, the first in the lowest byte, padded to whole words;
// background and one over the standard deviation of every column; what every column is too high by in every part of the rows;
// flags of every row. Whitened pixels, and all else, lie row by row.

struct DetectParams {
    rows: u32,
    columns: u32,
    // Places and time steps of the block record.
    places: u32,
    steps: u32,
    // First word of the image.
    image_at: u32,
    plane_words: u32,
    // Parts of the rows in which columns are compared.
    parts: u32,
    // Index from which on a pixel counts as saturated, and the columns on either side that it is held to.
    limit: u32,
    hold_reach: u32,
    // 1 where the level of the surroundings is taken off.
    improved: u32,
    // Number of rows that missing ones are filled from.
    fill_rows: u32,
    // Places that the level is a running median over, and rows that a row is compared with (odd).
    level_width: u32,
    row_reach: u32,
    // Lines whose medians are wanted.
    line_length: u32,
    lines: u32,
    // First word of the results.
    out: u32,
    // Samples of the slants.
    sample_rows: u32,
    sample_columns: u32,
    row_step: u32,
    column_step: u32,
    // Width of a line, in samples.
    width: u32,
    // First word of the samples among the results.
    samples_at: u32,
    // Size from which on a row jumps.
    row_jump: f32,
    // One over the root of a sample's pixels: inside, in the last column, in the last row, in both.
    scale: f32,
    scale_right: f32,
    scale_below: f32,
    scale_corner: f32,
    padding: u32,
}

const CLIP_LOW: f32 = -4.0;
const CLIP_HIGH: f32 = 8.0;

const MISSING: u32 = 1u;
const FILLS: u32 = 2u;

@group(0) @binding(0) var<uniform> params: DetectParams;

fn thread(group: vec3<u32>, groups: vec3<u32>, local: u32) -> u32 {
    return linear_group(group, groups) * DETECT_WG + local;
}

// Whole numbers in the order of the numbers.
fn key(value: f32) -> u32 {
    let bits = bitcast<u32>(value);
    return select(bits | 0x80000000u, ~bits, bits >= 0x80000000u);
}

fn value_of(key: u32) -> f32 {
    return bitcast<f32>(select(~key, key & 0x7fffffffu, key >= 0x80000000u));
}
