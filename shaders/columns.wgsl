// What the kernels that read whole columns share.
//
// Indices (0 .. 255) lie [image, column, row], rows four a word, the first in the lowest byte, each column padded with zeros
// to whole words. Statistics go to the planes of planes.wgsl.

struct ImageParams {
    images: u32,
    rows: u32,
    columns: u32,
    // Words a column of indices.
    stride: u32,
}

@group(0) @binding(0) var<uniform> params: ImageParams;

fn plane(number: u32, column: u32) -> u32 {
    return number * params.images * params.columns + column;
}

fn byte_of(word: u32, row: u32) -> u32 {
    return (word >> (8u * (row % 4u))) & 255u;
}
