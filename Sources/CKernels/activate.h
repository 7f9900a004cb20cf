// Filling operands. The including file defines POSITION_BYTES and `put`, which writes one pixel in its number format.

INLINE void fill_row(const tessera_activation *a, tessera_function function, char *target, char *raw, int32_t y) {
    const float *source = a->source + (int64_t)y * a->width * PIXEL;
    pixel scale = load_pixel(a->scale), shift = load_pixel(a->shift);
    for (int32_t x = 0; x < a->width; x++, source += PIXEL) {
        pixel value = load_pixel(source);
        if (raw) put(raw + (int64_t)(x + 1) * POSITION_BYTES, value);
        value.low = apply(function, value.low, scale.low, shift.low);
        value.high = apply(function, value.high, scale.high, shift.high);
        put(target + (int64_t)(x + 1) * POSITION_BYTES, value);
    }
}

INLINE void clear(char *operand, int64_t position, int64_t count) {
    if (operand) memset(operand + position * POSITION_BYTES, 0, (size_t)(count * POSITION_BYTES));
}

INLINE void activate(const tessera_activation *a, int32_t first, int32_t count) {
    int64_t row = a->width + 1;
    if (first == 0) {
        clear(a->target, 0, row);
        clear(a->raw, 0, row);
    }
    for (int32_t y = first; y < first + count; y++) {
        int64_t begin = (y + 1) * row;
        clear(a->target, begin, 1);
        clear(a->raw, begin, 1);
        char *target = (char *)a->target + begin * POSITION_BYTES;
        char *raw = a->raw ? (char *)a->raw + begin * POSITION_BYTES : 0;
        switch (a->function) {
        case TESSERA_SILU: fill_row(a, TESSERA_SILU, target, raw, y); break;
        case TESSERA_LEAKY_RELU: fill_row(a, TESSERA_LEAKY_RELU, target, raw, y); break;
        default: fill_row(a, TESSERA_IDENTITY, target, raw, y);
        }
    }
    if (first + count == a->height) {
        clear(a->target, (a->height + 1) * row, row + 1);
        clear(a->raw, (a->height + 1) * row, row + 1);
    }
}
