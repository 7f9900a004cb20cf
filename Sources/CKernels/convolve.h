// One chunk of a convolution. The including file defines POSITION_BYTES, STEP_BYTES and `multiply`, which computes the
// sums of two tiles of sixteen places for 32 output channels.

typedef struct {
    pixel origin, sum, squares;
    int32_t count;
} gathering;

// Finish one tile: add bias and residual, store, gather moments.
INLINE void finish(
    const tessera_convolution *c, const float *sums, place at, int64_t block, pixel bias, gathering *moments
) {
    bool on = runs_on(c->width, c->stride);
    int64_t row = (int64_t)c->width * c->scale;
    for (int32_t i = 0; i < TILE; i++, at.x++, sums += PIXEL) {
        if (at.x >= c->width) {
            if (!on) return;
            at = (place){at.y + 1, -1};
            continue;
        }
        if (at.y >= c->height) return;
        int64_t to = (at.y * c->scale + c->row_offset) * row + at.x * c->scale + c->column_offset;
        int64_t offset = (block * c->plane + to) * PIXEL;
        pixel value = load_pixel(sums);
        value.low += bias.low;
        value.high += bias.high;
        if (c->residual) {
            pixel residual = load_pixel(c->residual + offset);
            value.low += residual.low;
            value.high += residual.high;
        }
        store_pixel(c->target + offset, value);
        if (moments->count == 0) moments->origin = value;
        floats low = value.low - moments->origin.low, high = value.high - moments->origin.high;
        moments->sum.low += low;
        moments->sum.high += high;
        moments->squares.low += low * low;
        moments->squares.high += high * high;
        moments->count++;
    }
}

typedef struct {
    doubles sum, squares;  // of deviations from the chunk's first value
} totals;

INLINE void carry(totals *to, floats origin, floats first, floats sum, floats squares, double count) {
    doubles shift = __builtin_convertvector(first, doubles) - __builtin_convertvector(origin, doubles);
    doubles s = __builtin_convertvector(sum, doubles);
    to->squares += __builtin_convertvector(squares, doubles) + 2.0 * shift * s + count * shift * shift;
    to->sum += s + count * shift;
}

INLINE void report(double *moments, floats origin, const totals *of, double count) {
    doubles sum = of->sum + count * __builtin_convertvector(origin, doubles);
    doubles deviation = of->squares - of->sum * of->sum / count;
    for (int i = 0; i < 16; i++) {
        moments[i] = count;
        moments[PIXEL + i] = sum[i];
        moments[2 * PIXEL + i] = deviation[i] > 0 ? deviation[i] : 0;
    }
}

INLINE void convolve(const tessera_convolution *c, int32_t chunk, int32_t block, double *moments) {
    int32_t tiles = tile_count(c->height, c->width, c->stride);
    int32_t end = (chunk + 1) * CHUNK_TILES < tiles ? (chunk + 1) * CHUNK_TILES : tiles;
    const char *weights = (const char *)c->weights + (int64_t)block * c->step_count * STEP_BYTES;
    pixel bias = load_pixel(c->bias + (int64_t)block * PIXEL);
    float sums[PAIR * PIXEL] __attribute__((aligned(64)));
    totals low = {0}, high = {0};
    pixel origin = {0};
    double count = 0;
    for (int32_t tile = chunk * CHUNK_TILES; tile < end; tile += 2) {
        place start[2] = {tile_start(c, tile), tile_start(c, tile + 1 < end ? tile + 1 : tile)};
        const char *from[2];
        for (int i = 0; i < 2; i++) {
            int64_t position = (int64_t)c->stride * (start[i].y * (int64_t)c->row + start[i].x);
            from[i] = (const char *)c->source + position * POSITION_BYTES;
        }
        multiply(from[0], from[1], (int64_t)c->stride * POSITION_BYTES, c->steps, c->step_count, weights, sums);
        gathering moments = {0};
        finish(c, sums, start[0], block, bias, &moments);
        if (tile + 1 < end) finish(c, sums + TILE * PIXEL, start[1], block, bias, &moments);
        if (moments.count == 0) continue;
        if (count == 0) origin = moments.origin;
        carry(&low, origin.low, moments.origin.low, moments.sum.low, moments.squares.low, moments.count);
        carry(&high, origin.high, moments.origin.high, moments.sum.high, moments.squares.high, moments.count);
        count += moments.count;
    }
    report(moments, origin.low, &low, count);
    report(moments + 16, origin.high, &high, count);
}
