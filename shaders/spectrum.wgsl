// Spectrum of a segment's channel: X = DFT(taper (x / scale - mean)) + mean DFT(taper), bins 0 .. N / 2.
//
// The scale is the largest power of two not above the largest absolute sample, so that squares neither overflow nor vanish;
// the host undoes it. The mean (any number near it) is taken out because rounding is relative to the largest value in a
// transform, and put back from the taper's own spectrum, which the host computes in double precision.
//
// Grid: one team of LANES invocations a signal (a segment's channel), TEAMS a workgroup.
// series: samples, at image, segment, channel and sample strides; taper: [N] (taper, real and imaginary part of its spectrum);
// spectra: [signal of this dispatch, HALF].

const HALF: u32 = N / 2u + 1u;

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
@group(0) @binding(2) var<storage, read> taper: array<vec4<real>>;
@group(0) @binding(3) var<storage, read> twiddles: array<complex>;
@group(0) @binding(4) var<storage, read_write> spectra: array<complex>;

var<workgroup> largest: array<atomic<u32>, TEAMS>;

@compute @workgroup_size(WG_SIZE)
fn spectrum(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let team = local / LANES;
    let lane = local % LANES;
    let first = linear_group(group, groups) * TEAMS;
    // The whole workgroup leaves, or none of it.
    if first >= listed_signals() {
        return;
    }
    let number = first + team;
    let here = number < listed_signals();
    let signal = params.first + listed(select(0u, number, here));
    let segment = signal / params.channels;
    let start = segment / params.segments * params.image_stride
        + segment % params.segments * params.segment_stride
        + signal % params.channels * params.channel_stride;

    if lane == 0u {
        atomicStore(&largest[team], 0u);
    }
    workgroupBarrier();
    for (var slot = 0u; slot < SLOTS; slot++) {
        let i = input_index(lane, slot);
        v[slot] = complex(0.0);
        if here && i < N {
            let sample = series[start + i * params.sample_stride];
            v[slot].x = real(sample);
            atomicMax(&largest[team], bitcast<u32>(abs(sample)));
        }
    }
    workgroupBarrier();
    let scale = real(scale_of(atomicLoad(&largest[team])));
    var sum = real(0.0);
    for (var slot = 0u; slot < SLOTS; slot++) {
        v[slot].x *= scale;
        sum += v[slot].x;
    }
    let mean = team_sum(team, lane, sum) / real(N);
    for (var slot = 0u; slot < SLOTS; slot++) {
        let i = input_index(lane, slot);
        if i < N {
            v[slot].x = (v[slot].x - mean) * taper[i].x;
        }
    }
    transform(team, lane);
    for (var slot = 0u; slot < SLOTS; slot++) {
        let i = output_index(lane, slot);
        if here && i < HALF {
            spectra[number * HALF + i] = v[slot] + mean * taper[i].yz;
        }
    }
}
