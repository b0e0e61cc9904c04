var<workgroup> sums: array<f32, GLOBAL_MEMORY_WG>;

// Sum over a workgroup, the same for all. Has barriers.
fn workgroup_sum(local: u32, value: f32) -> f32 {
    workgroupBarrier();
    sums[local] = value;
    workgroupBarrier();
    for (var step = GLOBAL_MEMORY_WG / 2u; step > 0u; step /= 2u) {
        if local < step {
            sums[local] += sums[local + step];
        }
        workgroupBarrier();
    }
    return sums[0];
}
