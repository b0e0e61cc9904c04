// Per pixel the larger modulus of two complex Gabor responses (45 and 135 degrees), summed over time for every column.
//
// Both kernels separate into an even and an odd one along each axis (plan::GaborKernel). A workgroup takes a strip of STRIP
// columns and marches down time, BLOCK rows a turn: the rows are convolved along distance into a ring, which always holds
// the two blocks that the next BLOCK results along time need. Every invocation computes four neighbours at once, so that a
// value read serves four sums; no temporary goes to device memory.
//
// Grid: one workgroup an image and strip. taps: (even, odd) for -RADIUS .. RADIUS, three zeros at either end.

const RADIUS: u32 = 24u;
const STRIP: u32 = 16u;
const BLOCK: u32 = 2u * RADIUS;
const RING: u32 = 2u * BLOCK;
// Four results an invocation, both along distance and along time.
const GABOR_WG: u32 = BLOCK * STRIP / 4u;
const ACROSS: u32 = STRIP / 4u;
// A tile's row: the strip with its borders, four columns a word.
const TILE_WORDS: u32 = (STRIP + 2u * RADIUS) / 4u;
// Positions that four neighbours reach together: 2 RADIUS + 4, as a plain number, so that loops are written out.
const ROUNDS_REACH: u32 = 52u;
const TAPS: u32 = ROUNDS_REACH + 3u;

@group(0) @binding(1) var<storage, read> index: array<u32>;
@group(0) @binding(2) var<uniform> taps: array<vec4<f32>, TAPS>;
@group(0) @binding(3) var<storage, read_write> columns: array<u32>;

var<workgroup> tile: array<u32, BLOCK * TILE_WORDS>;
// Even and odd convolution along distance.
var<workgroup> ring: array<vec2<f32>, RING * STRIP>;
var<workgroup> sums: array<f32, GABOR_WG>;

// Position i mirrored into 0 .. n - 1, edges doubled (SciPy's `reflect`), as often as it takes.
fn reflect_at(i: i32, n: u32) -> u32 {
    if i >= 0 && u32(i) < n {
        return u32(i);
    }
    let period = 2 * i32(n);
    let p = u32((i % period + period) % period);
    return select(p, 2u * n - 1u - p, p >= n);
}

// Block number `block` of rows (the first begins RADIUS above the image), convolved along distance into the ring.
fn along_distance(image: u32, first_column: u32, block: u32, local: u32) {
    for (var w = local; w < BLOCK * TILE_WORDS; w += GABOR_WG) {
        let row = reflect_at(i32(block * BLOCK + w / TILE_WORDS) - i32(RADIUS), params.rows);
        var word = 0u;
        for (var k = 0u; k < 4u; k++) {
            let column = reflect_at(i32(first_column + w % TILE_WORDS * 4u + k) - i32(RADIUS), params.columns);
            word |= byte_of(index[(image * params.columns + column) * params.stride + row / 4u], row) << (8u * k);
        }
        tile[w] = word;
    }
    workgroupBarrier();
    let row = local / ACROSS;
    let four = local % ACROSS;
    var even = vec4<f32>(0.0);
    var odd = vec4<f32>(0.0);
    var even_taps = vec4<f32>(0.0);
    var odd_taps = vec4<f32>(0.0);
    for (var p = 0u; p < ROUNDS_REACH; p++) {
        let value = f32(byte_of(tile[row * TILE_WORDS + four + p / 4u], p));
        let tap = taps[p + 3u];
        even_taps = vec4<f32>(tap.x, even_taps.xyz);
        odd_taps = vec4<f32>(tap.y, odd_taps.xyz);
        even += even_taps * value;
        odd += odd_taps * value;
    }
    let to = ((block * BLOCK + row) % RING) * STRIP + 4u * four;
    for (var k = 0u; k < 4u; k++) {
        ring[to + k] = vec2<f32>(even[k], odd[k]);
    }
    workgroupBarrier();
}

@compute @workgroup_size(GABOR_WG)
fn gabor(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let strips = (params.columns + STRIP - 1u) / STRIP;
    let number = linear_group(group, groups);
    let image = number / strips;
    // The whole workgroup leaves, or none of it.
    if image >= params.images {
        return;
    }
    let first_column = number % strips * STRIP;
    let column = local % STRIP;
    let four = local / STRIP;
    var sum = 0.0;
    along_distance(image, first_column, 0u, local);
    for (var block = 0u; block * BLOCK < params.rows; block++) {
        along_distance(image, first_column, block + 1u, local);
        // First letter: along distance; second: along time.
        var ee = vec4<f32>(0.0);
        var eo = vec4<f32>(0.0);
        var oe = vec4<f32>(0.0);
        var oo = vec4<f32>(0.0);
        var even_taps = vec4<f32>(0.0);
        var odd_taps = vec4<f32>(0.0);
        let start = block % 2u * BLOCK + 4u * four;
        for (var p = 0u; p < ROUNDS_REACH; p++) {
            let row = start + p;
            let value = ring[select(row, row - RING, row >= RING) * STRIP + column];
            let tap = taps[p + 3u];
            even_taps = vec4<f32>(tap.x, even_taps.xyz);
            odd_taps = vec4<f32>(tap.y, odd_taps.xyz);
            ee += even_taps * value.x;
            eo += odd_taps * value.x;
            oe += even_taps * value.y;
            oo += odd_taps * value.y;
        }
        // (e + i o)(e + i o) at 45 degrees, (e - i o)(e + i o) at 135.
        let rising = (ee - oo) * (ee - oo) + (eo + oe) * (eo + oe);
        let falling = (ee + oo) * (ee + oo) + (eo - oe) * (eo - oe);
        let response = sqrt(max(rising, falling));
        for (var k = 0u; k < 4u; k++) {
            if block * BLOCK + 4u * four + k < params.rows {
                sum += response[k];
            }
        }
    }
    sums[local] = sum;
    workgroupBarrier();
    if local < STRIP && first_column + local < params.columns {
        var total = 0.0;
        for (var k = local; k < GABOR_WG; k += STRIP) {
            total += sums[k];
        }
        columns[plane(PLANE_GABOR, image * params.columns + first_column + local)] = bitcast<u32>(total);
    }
}
