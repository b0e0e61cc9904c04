// Sum, sum of squares and maximum of every column's indices, in whole numbers.
//
// Grid: one workgroup COLUMN_TEAMS columns, COLUMN_LANES invocations per column, striding over its words.

const COLUMN_LANES: u32 = 16u;
const COLUMN_TEAMS: u32 = 16u;
const MOMENTS_WG: u32 = COLUMN_LANES * COLUMN_TEAMS;

@group(0) @binding(1) var<storage, read> index: array<u32>;
@group(0) @binding(2) var<storage, read_write> columns: array<u32>;

var<workgroup> sums: array<vec2<u32>, MOMENTS_WG>;
var<workgroup> squares: array<vec2<u32>, MOMENTS_WG>;
var<workgroup> largest: array<u32, MOMENTS_WG>;

@compute @workgroup_size(MOMENTS_WG)
fn moments(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let column = linear_group(group, groups) * COLUMN_TEAMS + local / COLUMN_LANES;
    let here = column < params.images * params.columns;
    var sum = vec2<u32>(0u);
    var square = vec2<u32>(0u);
    var most = 0u;
    if here {
        for (var w = local % COLUMN_LANES; w < params.stride; w += COLUMN_LANES) {
            let word = index[column * params.stride + w];
            // The padding is zero and adds nothing.
            let bytes = vec4<u32>(word & 255u, (word >> 8u) & 255u, (word >> 16u) & 255u, word >> 24u);
            sum = add64(sum, vec2<u32>(bytes.x + bytes.y + bytes.z + bytes.w, 0u));
            square = add64(square, vec2<u32>(dot(bytes, bytes), 0u));
            most = max(most, max(max(bytes.x, bytes.y), max(bytes.z, bytes.w)));
        }
    }
    sums[local] = sum;
    squares[local] = square;
    largest[local] = most;
    workgroupBarrier();
    if here && local % COLUMN_LANES == 0u {
        for (var i = 1u; i < COLUMN_LANES; i++) {
            sum = add64(sum, sums[local + i]);
            square = add64(square, squares[local + i]);
            most = max(most, largest[local + i]);
        }
        columns[plane(PLANE_SUM, column)] = sum.x;
        columns[plane(PLANE_SUM + 1u, column)] = sum.y;
        columns[plane(PLANE_SQUARES, column)] = square.x;
        columns[plane(PLANE_SQUARES + 1u, column)] = square.y;
        columns[plane(PLANE_MAX, column)] = most;
    }
}
