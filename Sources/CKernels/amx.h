// What both AMX kernels share: tile configuration and bf16 numbers.
#ifndef TESSERA_AMX_H
#define TESSERA_AMX_H

#include <immintrin.h>

#include "vectors.h"

// 32 channels in bf16: one cache line.
typedef __m512i halves;

INLINE halves round_pixel(pixel value) {
    return (halves)_mm512_cvtne2ps_pbh((__m512)value.high, (__m512)value.low);
}

// The lower (upper) sixteen of 32 bf16 numbers as floats.
INLINE floats widen_low(halves value) {
    return (floats)_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm512_castsi512_si256(value)), 16);
}

INLINE floats widen_high(halves value) {
    return (floats)_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(value, 1)), 16);
}

// Eight tiles of 16 rows of 64 bytes.
INLINE void configure_tiles(void) {
    struct __attribute__((packed)) {
        uint8_t palette, start_row, reserved[14];
        uint16_t row_bytes[16];
        uint8_t rows[16];
    } shape = {.palette = 1};
    for (int i = 0; i < 8; i++) {
        shape.row_bytes[i] = 64;
        shape.rows[i] = 16;
    }
    _tile_loadconfig(&shape);
}

INLINE void clear_sums(void) {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
}

// Tiles 0 to 3 are two tiles of places × two of output channels.
INLINE void store_sums(float *sums) {
    _tile_stored(0, sums, 4 * PIXEL);
    _tile_stored(1, sums + 16, 4 * PIXEL);
    _tile_stored(2, sums + TILE * PIXEL, 4 * PIXEL);
    _tile_stored(3, sums + TILE * PIXEL + 16, 4 * PIXEL);
}

// Add two tiles of places (4, 5) times two of output channels (6, 7).
INLINE void multiply_tiles(void) {
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
}

#endif
