// What every kernel starts with. The composition puts a plan's constants before this file, with `real`, the type that
// transforms are computed in (f32, or f64 where single precision does not serve), and the kernel after it.

alias complex = vec2<real>;

// No number: an absent place, an empty slot.
const NONE: u32 = 0xffffffffu;

// Number of a workgroup in a grid that is folded into two dimensions where one would be too long for the device.
fn linear_group(group: vec3<u32>, groups: vec3<u32>) -> u32 {
    return group.x + group.y * groups.x;
}

fn cmul(a: complex, b: complex) -> complex {
    return complex(a.x * b.x - a.y * b.y, a.x * b.y + a.y * b.x);
}

// Whole numbers of 64 bits, low word first: WGSL has none of its own, and sums over an image outgrow 32 bits.
fn add64(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
    let low = a.x + b.x;
    return vec2<u32>(low, a.y + b.y + select(0u, 1u, low < a.x));
}

fn sub64(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
    return vec2<u32>(a.x - b.x, a.y - b.y - select(0u, 1u, a.x < b.x));
}

// Product with a number below 65,536.
fn mul64(a: vec2<u32>, b: u32) -> vec2<u32> {
    let low = (a.x & 0xffffu) * b;
    let middle = (a.x >> 16u) * b + (low >> 16u);
    return vec2<u32>((middle << 16u) | (low & 0xffffu), a.y * b + (middle >> 16u));
}

fn float64(a: vec2<u32>) -> f32 {
    return f32(a.y) * 4294967296.0 + f32(a.x);
}

fn signed64(value: i32) -> vec2<u32> {
    return vec2<u32>(bitcast<u32>(value), select(0u, 0xffffffffu, value < 0));
}
