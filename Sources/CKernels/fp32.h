// The fp32 kernels. The including file defines NAME(function), LANES and PLACES: registers hold LANES floats, and a
// product keeps PLACES × 2 of them as sums.

enum { POSITION_BYTES = 4 * TESSERA_BLOCK, STEP_BYTES = 4 * TESSERA_BLOCK * TESSERA_BLOCK };

INLINE void put(char *to, pixel value) { store_pixel((float *)to, value); }

typedef float lanes __attribute__((vector_size(4 * LANES), aligned(4)));

// PLACES places × 2·LANES output channels.
INLINE void multiply_part(
    const char *a, int64_t distance, const int64_t *steps, int32_t count, const char *weights, float *sums
) {
    lanes sum[PLACES][2] = {0};
    for (int32_t s = 0; s < count; s++) {
        const char *from = a + steps[s];
        const float *w = (const float *)(weights + (int64_t)s * STEP_BYTES);
        for (int k = 0; k < PIXEL; k++, w += PIXEL) {
            lanes w0 = *(const lanes *)w, w1 = *(const lanes *)(w + LANES);
#pragma clang loop unroll(full)
            for (int i = 0; i < PLACES; i++) {
                float value = ((const float *)(from + i * distance))[k];
                sum[i][0] += value * w0;
                sum[i][1] += value * w1;
            }
        }
    }
    for (int i = 0; i < PLACES; i++) {
        *(lanes *)(sums + i * PIXEL) = sum[i][0];
        *(lanes *)(sums + i * PIXEL + LANES) = sum[i][1];
    }
}

INLINE void multiply(
    const char *a0, const char *a1, int64_t distance, const int64_t *steps, int32_t count, const char *weights,
    float *sums
) {
    for (int channel = 0; channel < PIXEL; channel += 2 * LANES) {
        for (int i = 0; i < PAIR; i += PLACES) {
            const char *a = i < TILE ? a0 + i * distance : a1 + (i - TILE) * distance;
            multiply_part(a, distance, steps, count, weights + 4 * channel, sums + i * PIXEL + channel);
        }
    }
}

#include "activate.h"
#include "convolve.h"
#include "exponentiate.h"

void NAME(activate)(const tessera_activation *a, int32_t first, int32_t count) { activate(a, first, count); }

void NAME(convolve)(const tessera_convolution *c, int32_t chunk, int32_t block, double *moments) {
    convolve(c, chunk, block, moments);
}

float NAME(exponentiate)(float *values, int64_t count) { return exponentiate(values, count); }
