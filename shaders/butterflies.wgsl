// Butterflies on values in registers: slots o, o + 1, ... hold a butterfly's inputs and then its results, in order.

var<private> v: array<complex, SLOTS>;

// z times -i.
fn quarter(z: complex) -> complex {
    return complex(z.y, -z.x);
}

fn butterfly_2(o: u32) {
    let a = v[o];
    let b = v[o + 1u];
    v[o] = a + b;
    v[o + 1u] = a - b;
}

fn butterfly_3(o: u32) {
    const SIN_60: real = 0.8660254037844386;
    let sum = v[o + 1u] + v[o + 2u];
    let side = quarter(v[o + 1u] - v[o + 2u]) * SIN_60;
    let middle = v[o] - 0.5 * sum;
    v[o] = v[o] + sum;
    v[o + 1u] = middle + side;
    v[o + 2u] = middle - side;
}

// Its slots lie `step` apart.
fn butterfly_4(o: u32, step: u32) {
    let a = v[o] + v[o + 2u * step];
    let b = v[o] - v[o + 2u * step];
    let c = v[o + step] + v[o + 3u * step];
    let d = quarter(v[o + step] - v[o + 3u * step]);
    v[o] = a + c;
    v[o + step] = b + d;
    v[o + 2u * step] = a - c;
    v[o + 3u * step] = b - d;
}

fn butterfly_5(o: u32) {
    const COS_72: real = 0.30901699437494745;
    const COS_144: real = -0.8090169943749475;
    const SIN_72: real = 0.9510565162951535;
    const SIN_144: real = 0.5877852522924732;
    let x = v[o];
    let sum_1 = v[o + 1u] + v[o + 4u];
    let sum_2 = v[o + 2u] + v[o + 3u];
    let side_1 = quarter(v[o + 1u] - v[o + 4u]);
    let side_2 = quarter(v[o + 2u] - v[o + 3u]);
    let near_1 = x + COS_72 * sum_1 + COS_144 * sum_2;
    let near_2 = x + COS_144 * sum_1 + COS_72 * sum_2;
    let far_1 = SIN_72 * side_1 + SIN_144 * side_2;
    let far_2 = SIN_144 * side_1 - SIN_72 * side_2;
    v[o] = x + sum_1 + sum_2;
    v[o + 1u] = near_1 + far_1;
    v[o + 2u] = near_2 + far_2;
    v[o + 3u] = near_2 - far_2;
    v[o + 4u] = near_1 - far_1;
}

fn butterfly_8(o: u32) {
    const SIN_45: real = 0.7071067811865476;
    // Even and odd inputs by fours: their results k are in slots 2 k and 2 k + 1.
    butterfly_4(o, 2u);
    butterfly_4(o + 1u, 2u);
    let a0 = v[o];
    let a1 = v[o + 2u];
    let a2 = v[o + 4u];
    let a3 = v[o + 6u];
    let b0 = v[o + 1u];
    let b1 = cmul(v[o + 3u], complex(SIN_45, -SIN_45));
    let b2 = quarter(v[o + 5u]);
    let b3 = cmul(v[o + 7u], complex(-SIN_45, -SIN_45));
    v[o] = a0 + b0;
    v[o + 1u] = a1 + b1;
    v[o + 2u] = a2 + b2;
    v[o + 3u] = a3 + b3;
    v[o + 4u] = a0 - b0;
    v[o + 5u] = a1 - b1;
    v[o + 6u] = a2 - b2;
    v[o + 7u] = a3 - b3;
}

// The radix is a constant where this is called: compilers keep one branch.
fn butterfly(r: u32, o: u32) {
    switch r {
        case 2u: {
            butterfly_2(o);
        }
        case 3u: {
            butterfly_3(o);
        }
        case 4u: {
            butterfly_4(o, 1u);
        }
        case 5u: {
            butterfly_5(o);
        }
        default: {
            butterfly_8(o);
        }
    }
}
