// Statistics of the columns lie in planes of [image, column], one word each.
const PLANE_SUM: u32 = 0u; // and 1: sum of the indices, 64 bits
const PLANE_SQUARES: u32 = 2u; // and 3: of their squares
const PLANE_MAX: u32 = 4u;
const PLANE_GABOR: u32 = 5u; // sum of the responses, f32
const PLANE_STEEP: u32 = 6u; // slope-aspect where nothing changes along distance: signed whole number
const PLANE_SLOPE: u32 = 7u; // slope-aspect elsewhere: sum, f32
const PLANE_BIN: u32 = 8u; // dominant bin
