// What spectrum.wgsl does before its transform: taper (x / scale - mean), one workgroup a signal.
//
// series, taper: see spectrum.wgsl; work: [signal, M]; levels: [signal] what was taken out, and what is to come back.

struct SpectrumParams {
    // Signals of this dispatch, and the number of its first.
    signals: u32,
    first: u32,
    channels: u32,
    // Segments per image.
    segments: u32,
    // Distances in `series` from one to the next.
    image_stride: u32,
    segment_stride: u32,
    channel_stride: u32,
    sample_stride: u32,
}

@group(0) @binding(0) var<uniform> params: SpectrumParams;
@group(0) @binding(1) var<storage, read> series: array<f32>;
@group(0) @binding(2) var<storage, read> taper: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> chirps: array<vec2<f32>>;
@group(0) @binding(4) var<storage, read_write> work: array<vec2<f32>>;
@group(0) @binding(5) var<storage, read_write> levels: array<vec2<f32>>;

var<workgroup> largest: atomic<u32>;

@compute @workgroup_size(GLOBAL_MEMORY_WG)
fn global_memory_samples(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let signal = linear_group(group, groups);
    // The whole workgroup leaves, or none of it.
    if signal >= params.signals {
        return;
    }
    let segment = (params.first + signal) / params.channels;
    let start = segment / params.segments * params.image_stride
        + segment % params.segments * params.segment_stride
        + (params.first + signal) % params.channels * params.channel_stride;
    if local == 0u {
        atomicStore(&largest, 0u);
    }
    workgroupBarrier();
    var sum = 0.0;
    for (var i = local; i < N; i += GLOBAL_MEMORY_WG) {
        atomicMax(&largest, bitcast<u32>(abs(series[start + i * params.sample_stride])));
    }
    workgroupBarrier();
    let scale = scale_of(atomicLoad(&largest));
    for (var i = local; i < N; i += GLOBAL_MEMORY_WG) {
        sum += series[start + i * params.sample_stride] * scale;
    }
    let mean = workgroup_sum(local, sum) / f32(N);
    for (var i = local; i < M; i += GLOBAL_MEMORY_WG) {
        var x = 0.0;
        if i < N {
            x = (series[start + i * params.sample_stride] * scale - mean) * taper[i].x;
        }
        load(signal, i, vec2<f32>(x, 0.0));
    }
    if local == 0u {
        levels[signal] = vec2<f32>(mean, mean);
    }
}
