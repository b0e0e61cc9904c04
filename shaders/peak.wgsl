// A bin counts as the largest when its modulus is within this of it: of several equal peaks the lowest is taken, whatever
// rounding does to them.
const WITHIN: f32 = 1e-4;
