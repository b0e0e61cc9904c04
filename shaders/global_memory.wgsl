// Transforms through device memory, for lengths that workgroup memory or fft.wgsl's radices do not serve.
//
// A tile of transforms lies in two buffers [transform, M] that the steps go back and forth between. Where N has other prime
// factors than 2, 3 and 5 (BLUESTEIN = 1), its transform is a convolution with a chirp, w_k = exp(-pi i k^2 / N),
//   X_k = w_k sum_j (x_j w_j) conj(w_(k - j)),
// done by transforms of a length M >= 2 N - 1 (Bluestein, IEEE Trans. Audio Electroacoust. 18, 1970); otherwise M = N.

const HALF: u32 = N / 2u + 1u;
const GLOBAL_MEMORY_WG: u32 = 256u;

struct GlobalMemoryParams {
    // Transforms of this dispatch, and the number of its first among all.
    transforms: u32,
    first: u32,
    // Product of the radices before this step.
    stride: u32,
    // Filters of this layer.
    filters: u32,
    // Pooled stretch of the scalogram as it comes out.
    pooled_from: u32,
    pooled_count: u32,
    // Place of transform 0 in the coefficients.
    out: u32,
    // Number of columns of all images.
    columns: u32,
}
