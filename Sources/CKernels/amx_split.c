// Every number as a sum of two bf16, x = h + l: x·w ≈ h·w_h + l·w_h + h·w_l, exact but for l·w_l and the rounding of l,
// both below 2⁻¹⁶ of the product. Weights stored as fp16 are represented exactly.
#if defined(__x86_64__)
#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,avx512bf16,fma,amx-tile,amx-bf16"))), \
    apply_to = function)
#include "amx.h"
#include "kernels.h"
#include "tiles.h"

// An operand's position is 32 upper parts, then 32 lower ones; a step's weights are two tiles of upper parts, then two
// of lower ones.
enum { POSITION_BYTES = 128, STEP_BYTES = 4096 };

INLINE void put(char *to, pixel value) {
    halves upper = round_pixel(value);
    pixel rest = {value.low - widen_low(upper), value.high - widen_high(upper)};
    _mm512_storeu_si512(to, upper);
    _mm512_storeu_si512(to + 64, round_pixel(rest));
}

INLINE void multiply(
    const char *a0, const char *a1, int64_t distance, const int64_t *steps, int32_t count, const char *weights,
    float *sums
) {
    clear_sums();
    for (int32_t s = 0; s < count; s++, weights += STEP_BYTES) {
        const char *p0 = a0 + steps[s], *p1 = a1 + steps[s];
        _tile_loadd(6, weights, 64);
        _tile_loadd(7, weights + 1024, 64);
        _tile_loadd(4, p0 + 64, distance);
        _tile_loadd(5, p1 + 64, distance);
        multiply_tiles();
        _tile_loadd(4, p0, distance);
        _tile_loadd(5, p1, distance);
        multiply_tiles();
        _tile_loadd(6, weights + 2048, 64);
        _tile_loadd(7, weights + 3072, 64);
        multiply_tiles();
    }
    store_sums(sums);
}

#include "activate.h"
#include "convolve.h"

void tessera_activate_amx_split(const tessera_activation *a, int32_t first, int32_t count) {
    activate(a, first, count);
}

void tessera_convolve_amx_split(const tessera_convolution *c, int32_t chunk, int32_t block, double *moments) {
    configure_tiles();
    convolve(c, chunk, block, moments);
    _tile_release();
}
#pragma clang attribute pop
#endif
