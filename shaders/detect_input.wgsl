// Where things lie in an image's words.

@group(0) @binding(1) var<storage, read> input: array<u32>;

fn background_at() -> u32 {
    return params.image_at + params.plane_words;
}

fn row_flags(row: u32) -> u32 {
    return input[background_at() + (2u + params.parts) * params.columns + row];
}
