// Where the tiles of a convolution lie: sixteen places each.
#ifndef TESSERA_TILES_H
#define TESSERA_TILES_H

#include "vectors.h"

// Tiles of narrow images run through the zero positions between rows, whose results are dropped; other tiles stay in
// a row.
INLINE bool runs_on(int32_t width, int32_t stride) { return stride == 1 && width % TILE != 0; }

INLINE int32_t tile_count(int32_t height, int32_t width, int32_t stride) {
    if (runs_on(width, stride)) return (height * (width + 1) + TILE - 1) / TILE;
    return height * ((width + TILE - 1) / TILE);
}

typedef struct {
    int32_t y, x;
} place;

// The first place of a tile; x = width is the zero position after a row.
INLINE place tile_start(const tessera_convolution *c, int32_t tile) {
    if (runs_on(c->width, c->stride)) return (place){tile * TILE / (c->width + 1), tile * TILE % (c->width + 1)};
    int32_t in_row = (c->width + TILE - 1) / TILE;
    return (place){tile / in_row, tile % in_row * TILE};
}

#endif
