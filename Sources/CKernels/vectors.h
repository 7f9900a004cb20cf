// Sixteen floats at a time, in whatever registers the including file's target has.
#ifndef TESSERA_VECTORS_H
#define TESSERA_VECTORS_H

#include <stdint.h>
#include <string.h>

#include "tessera_kernels.h"

// Vectors wider than the registers are passed only between functions that are inlined.
#pragma clang diagnostic ignored "-Wpsabi"

#define INLINE static inline __attribute__((always_inline))

typedef float floats __attribute__((vector_size(64)));
typedef int32_t integers __attribute__((vector_size(64)));
typedef double doubles __attribute__((vector_size(128)));

// 32 channels of one pixel.
typedef struct {
    floats low, high;
} pixel;

enum { PIXEL = TESSERA_BLOCK, TILE = 16, PAIR = 2 * TILE, CHUNK_TILES = 32 };

INLINE floats load(const float *from) {
    floats value;
    memcpy(&value, from, sizeof value);
    return value;
}

INLINE void store(float *to, floats value) { memcpy(to, &value, sizeof value); }

INLINE pixel load_pixel(const float *from) { return (pixel){load(from), load(from + 16)}; }

INLINE void store_pixel(float *to, pixel value) {
    store(to, value.low);
    store(to + 16, value.high);
}

INLINE floats choose(integers mask, floats yes, floats no) {
    return (floats)((mask & (integers)yes) | (~mask & (integers)no));
}

// eˣ with a relative error below 2⁻²¹, for x clamped to [-87, 88].
//
// x = n·ln 2 + r with |r| ≤ ln 2 / 2; 2ⁿ goes into the exponent bits, eʳ is Taylor's polynomial of degree 7.
INLINE floats exponential(floats x) {
    x = choose(x < -87.0f, x * 0.0f - 87.0f, x);
    x = choose(x > 88.0f, x * 0.0f + 88.0f, x);
    floats shifted = x * 1.44269504f + 12582912.0f;  // 1.5 · 2²³: rounds to an integer, which lands in the low bits
    floats n = shifted - 12582912.0f;
    floats r = (x - n * 0.693359375f) + n * 2.1219444e-4f;
    floats p = r * (1.0f / 5040) + (1.0f / 720);
    p = p * r + (1.0f / 120);
    p = p * r + (1.0f / 24);
    p = p * r + (1.0f / 6);
    p = p * r + 0.5f;
    p = (p * r) * r + r + 1.0f;
    return (floats)((integers)p + ((integers)shifted << 23));
}

INLINE floats apply(tessera_function function, floats x, floats scale, floats shift) {
    floats y = x * scale + shift;
    switch (function) {
    case TESSERA_SILU: return y / (exponential(-y) + 1.0f);
    case TESSERA_LEAKY_RELU: return choose(y < 0.0f, y * 0.2f, y);
    default: return y;
    }
}

#endif
