// Median of every line of numbers, byte by byte of their keys. Grid: one workgroup a line.

@group(0) @binding(1) var<storage, read> numbers: array<f32>;
@group(0) @binding(2) var<storage, read_write> medians: array<f32>;

var<workgroup> bins: array<atomic<u32>, 256>;
var<workgroup> found: u32;
var<workgroup> left: u32;
var<workgroup> next: atomic<u32>;

@compute @workgroup_size(DETECT_WG)
fn detect_median(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let line = linear_group(group, groups);
    let n = select(0u, params.line_length, line < params.lines);
    let first = line * params.line_length;
    if local == 0u {
        found = 0u;
        left = (params.line_length - 1u) / 2u;
        atomicStore(&next, NONE);
    }
    for (var digit = 0u; digit < 4u; digit++) {
        for (var b = local; b < 256u; b += DETECT_WG) {
            atomicStore(&bins[b], 0u);
        }
        workgroupBarrier();
        let shift = 24u - 8u * digit;
        let above = found;
        for (var x = local; x < n; x += DETECT_WG) {
            let k = key(numbers[first + x]);
            // Numbers whose higher bytes are those found; a shift by 32 would be undefined.
            if digit == 0u || (k ^ above) >> (shift + 7u) < 2u {
                atomicAdd(&bins[(k >> shift) & 255u], 1u);
            }
        }
        workgroupBarrier();
        if local == 0u && n > 0u {
            var byte = 0u;
            var rank = left;
            while byte < 255u && atomicLoad(&bins[byte]) <= rank {
                rank -= atomicLoad(&bins[byte]);
                byte++;
            }
            left = rank;
            found = above | (byte << shift);
        }
        workgroupBarrier();
    }
    let low = found;
    for (var x = local; x < n; x += DETECT_WG) {
        let k = key(numbers[first + x]);
        if k > low {
            atomicMin(&next, k);
        }
    }
    workgroupBarrier();
    if local == 0u && n > 0u {
        let up_to = (n - 1u) / 2u - left + atomicLoad(&bins[low & 255u]);
        let upper = select(atomicLoad(&next), low, up_to > n / 2u);
        medians[line] = 0.5 * (value_of(low) + value_of(upper));
    }
}
