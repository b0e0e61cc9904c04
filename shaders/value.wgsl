// Colour to index: the nearest colour of the map (Euclidean in 8-bit RGB, the lowest index on a tie), or the rounded mean of
// red, green and blue; and the distance to that colour, summed up.
//
// Nearly every pixel of a screenshot has exactly a colour of the map: a hash table without collisions, which the host
// makes, answers those; only the others are searched for. All of it in whole numbers, as on the CPU.
//
// Grid: one workgroup a tile of TILE_COLUMNS x TILE_ROWS pixels, one invocation a column and four rows. The tile is turned
// in workgroup memory, so that both reading rows and writing columns are contiguous.
// pixels: [image, row, column, 3] bytes, each image padded to whole words; colors: the table, then the map's 256 colours;
// index: see columns.wgsl; distances: [image, tile].

const TILE_COLUMNS: u32 = 32u;
const TILE_ROWS: u32 = 32u;
const TILE_WORDS: u32 = TILE_ROWS / 4u;
const VALUE_WG: u32 = TILE_COLUMNS * TILE_WORDS;

// Slots of the hash table, a power of two; the top bits of a product choose one.
const HASH_BITS: u32 = 13u;
const HASH_SLOTS: u32 = 1u << HASH_BITS;

struct ValueParams {
    images: u32,
    rows: u32,
    columns: u32,
    // Words a column of indices.
    stride: u32,
    // Words an image of pixels.
    image_words: u32,
    // Factor of the hash.
    factor: u32,
    // 1: the index is the rounded mean.
    gray: u32,
    padding: u32,
}

@group(0) @binding(0) var<uniform> params: ValueParams;
@group(0) @binding(1) var<storage, read> pixels: array<u32>;
// Colours have their blue in bits 16 to 23, green and red below; the table's entries their index above.
@group(0) @binding(2) var<storage, read> colors: array<u32>;
@group(0) @binding(3) var<storage, read_write> index: array<u32>;
@group(0) @binding(4) var<storage, read_write> distances: array<f32>;

var<workgroup> tile: array<u32, VALUE_WG>;
var<workgroup> sums: array<f32, VALUE_WG>;

// Three bytes at any offset.
fn color_at(byte: u32) -> u32 {
    let word = byte / 4u;
    let shift = 8u * (byte % 4u);
    // Two shifts, because one by 32 is not allowed.
    let rest = select(0u, (pixels[word + 1u] << 1u) << (31u - shift), shift > 8u);
    return ((pixels[word] >> shift) | rest) & 0xffffffu;
}

fn distance2(a: u32, b: u32) -> u32 {
    var sum = 0u;
    for (var shift = 0u; shift < 24u; shift += 8u) {
        let d = i32((a >> shift) & 255u) - i32((b >> shift) & 255u);
        sum += u32(d * d);
    }
    return sum;
}

// Index and squared distance.
fn nearest(color: u32) -> vec2<u32> {
    if params.gray == 1u {
        let sum = (color & 255u) + ((color >> 8u) & 255u) + (color >> 16u);
        // Thirds never lie half-way: adding one half of three rounds as any rule would.
        let value = (2u * sum + 3u) / 6u;
        return vec2<u32>(value, distance2(color, value * 0x10101u));
    }
    let entry = colors[(color * params.factor) >> (32u - HASH_BITS)];
    if (entry & 0xffffffu) == color {
        return vec2<u32>(entry >> 24u, 0u);
    }
    var best = vec2<u32>(0u, NONE);
    for (var i = 0u; i < 256u; i++) {
        let d = distance2(color, colors[HASH_SLOTS + i]);
        if d < best.y {
            best = vec2<u32>(i, d);
        }
    }
    return best;
}

@compute @workgroup_size(VALUE_WG)
fn value(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let across = (params.columns + TILE_COLUMNS - 1u) / TILE_COLUMNS;
    let down = (params.rows + TILE_ROWS - 1u) / TILE_ROWS;
    let number = linear_group(group, groups);
    let image = number / (across * down);
    // The whole workgroup leaves, or none of it.
    if image >= params.images {
        return;
    }
    let first_column = number % across * TILE_COLUMNS;
    let first_row = number / across % down * TILE_ROWS;

    let column = first_column + local % TILE_COLUMNS;
    var word = 0u;
    var distance = 0.0;
    for (var k = 0u; k < 4u; k++) {
        let row = first_row + local / TILE_COLUMNS * 4u + k;
        if row < params.rows && column < params.columns {
            let found = nearest(color_at(image * params.image_words * 4u + (row * params.columns + column) * 3u));
            word |= found.x << (8u * k);
            distance += sqrt(f32(found.y));
        }
    }
    tile[local % TILE_COLUMNS * TILE_WORDS + local / TILE_COLUMNS] = word;
    sums[local] = distance;
    workgroupBarrier();

    let to_column = first_column + local / TILE_WORDS;
    let to_word = first_row / 4u + local % TILE_WORDS;
    if to_column < params.columns && to_word < params.stride {
        index[(image * params.columns + to_column) * params.stride + to_word] = tile[local];
    }
    for (var step = VALUE_WG / 2u; step > 0u; step /= 2u) {
        if local < step {
            sums[local] += sums[local + step];
        }
        workgroupBarrier();
    }
    if local == 0u {
        distances[number] = sums[0];
    }
}
