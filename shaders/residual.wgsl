// Mean distance of an image's pixels to the nearest colour of the map.
//
// Grid: one workgroup an image. distances: [image, tile], sums of value.wgsl; output: the residual of every image, from
// `out` on.

const RESIDUAL_WG: u32 = 256u;

struct ResidualParams {
    images: u32,
    tiles: u32,
    pixels: u32,
    // Place of the first image's residual in `output`.
    out: u32,
}

@group(0) @binding(0) var<uniform> params: ResidualParams;
@group(0) @binding(1) var<storage, read> distances: array<f32>;
@group(0) @binding(2) var<storage, read_write> output: array<f32>;

var<workgroup> sums: array<f32, RESIDUAL_WG>;

@compute @workgroup_size(RESIDUAL_WG)
fn residual(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let image = linear_group(group, groups);
    if image >= params.images {
        return;
    }
    var sum = 0.0;
    for (var tile = local; tile < params.tiles; tile += RESIDUAL_WG) {
        sum += distances[image * params.tiles + tile];
    }
    sums[local] = sum;
    workgroupBarrier();
    for (var step = RESIDUAL_WG / 2u; step > 0u; step /= 2u) {
        if local < step {
            sums[local] += sums[local + step];
        }
        workgroupBarrier();
    }
    if local == 0u {
        output[params.out + image] = sums[0] / f32(params.pixels);
    }
}
