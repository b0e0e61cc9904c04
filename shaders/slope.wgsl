// The slope-aspect feature, summed over time for every column.
//
// Indices are whole numbers, so a pixel's two differences are too, and the feature is a look-up in a table that the host
// makes in double precision. Differences are counted in halves of an index (central differences are halves, one-sided ones
// at the borders whole). Where nothing changes along distance the feature is a whole number of halves times a constant, a
// million times larger than elsewhere: those are summed up as whole numbers, apart.
//
// Grid: one workgroup SLOPE_TEAMS columns, SLOPE_LANES invocations per column, striding over its rows.
// table: [along time, along distance], each -MOST .. MOST halves.

const SLOPE_LANES: u32 = 16u;
const SLOPE_TEAMS: u32 = 16u;
const SLOPE_WG: u32 = SLOPE_LANES * SLOPE_TEAMS;

// Largest difference in halves: two one-sided 255.
const MOST: i32 = 510;
const SPAN: u32 = 1021u;

@group(0) @binding(1) var<storage, read> index: array<u32>;
@group(0) @binding(2) var<storage, read> table: array<f32>;
@group(0) @binding(3) var<storage, read_write> columns: array<u32>;

var<workgroup> steep: array<i32, SLOPE_WG>;
var<workgroup> slopes: array<f32, SLOPE_WG>;

fn index_at(image: u32, column: u32, row: u32) -> i32 {
    return i32(byte_of(index[(image * params.columns + column) * params.stride + row / 4u], row));
}

@compute @workgroup_size(SLOPE_WG)
fn slope(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let item = linear_group(group, groups) * SLOPE_TEAMS + local / SLOPE_LANES;
    let here = item < params.images * params.columns;
    let image = item / params.columns;
    let column = item % params.columns;
    let left = max(column, 1u) - 1u;
    let right = min(column + 1u, params.columns - 1u);
    // One-sided differences span one step instead of two.
    let across = select(1, 2, right - left == 1u);
    var whole = 0;
    var sum = 0.0;
    if here {
        for (var row = local % SLOPE_LANES; row < params.rows; row += SLOPE_LANES) {
            let above = max(row, 1u) - 1u;
            let below = min(row + 1u, params.rows - 1u);
            let down = select(1, 2, below - above == 1u);
            let along_time = (index_at(image, column, below) - index_at(image, column, above)) * down;
            let along_distance = (index_at(image, right, row) - index_at(image, left, row)) * across;
            if along_distance == 0 {
                // Aspect 90 degrees, or 270.
                whole += along_time * select(1, 3, along_time < 0);
            } else {
                sum += table[u32(along_time + MOST) * SPAN + u32(along_distance + MOST)];
            }
        }
    }
    steep[local] = whole;
    slopes[local] = sum;
    workgroupBarrier();
    if here && local % SLOPE_LANES == 0u {
        for (var i = 1u; i < SLOPE_LANES; i++) {
            whole += steep[local + i];
            sum += slopes[local + i];
        }
        columns[plane(PLANE_STEEP, item)] = bitcast<u32>(whole);
        columns[plane(PLANE_SLOPE, item)] = bitcast<u32>(sum);
    }
}
