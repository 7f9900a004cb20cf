// bf16 operands and weights, fp32 sums.
#if defined(__x86_64__)
#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,avx512bf16,fma,amx-tile,amx-bf16"))), \
    apply_to = function)
#include "amx.h"
#include "kernels.h"
#include "tiles.h"

enum { POSITION_BYTES = 64, STEP_BYTES = 2048 };

INLINE void put(char *to, pixel value) { _mm512_storeu_si512(to, round_pixel(value)); }

INLINE void multiply(
    const char *a0, const char *a1, int64_t distance, const int64_t *steps, int32_t count, const char *weights,
    float *sums
) {
    clear_sums();
    for (int32_t s = 0; s < count; s++, weights += STEP_BYTES) {
        _tile_loadd(6, weights, 64);
        _tile_loadd(7, weights + 1024, 64);
        _tile_loadd(4, a0 + steps[s], distance);
        _tile_loadd(5, a1 + steps[s], distance);
        multiply_tiles();
    }
    store_sums(sums);
}

#include "activate.h"
#include "convolve.h"

void tessera_activate_amx_bf16(const tessera_activation *a, int32_t first, int32_t count) {
    activate(a, first, count);
}

void tessera_convolve_amx_bf16(const tessera_convolution *c, int32_t chunk, int32_t block, double *moments) {
    configure_tiles();
    convolve(c, chunk, block, moments);
    _tile_release();
}
#pragma clang attribute pop
#endif
