#ifndef TESSERA_PNG_H
#define TESSERA_PNG_H

#include <stddef.h>
#include <stdint.h>

/* PNG through libpng. Its setjmp and longjmp stay inside these functions; they never touch the caller's stack. */

#define TESSERA_PNG_MESSAGE 160

enum tessera_png_filters { TESSERA_PNG_SUB, TESSERA_PNG_SUB_UP, TESSERA_PNG_ALL_FILTERS };

struct tessera_png_settings {
    /* zlib's, 0 to 9. */
    int level;
    /* Z_RLE instead of full matching. */
    int run_lengths;
    /* What to choose from in each row. */
    enum tessera_png_filters filters;
    /* `colours` times red, green, blue, or NULL. The pixels are then indices, one byte each. */
    const uint8_t *palette;
    int colours;
    /* A keyword and a value for one tEXt chunk, or NULL. */
    const char *keyword;
    const char *text;
};

/* Rows of `channels` bytes a pixel (1 grey or index, 2 grey + alpha, 3 RGB, 4 RGBA), without padding.
   Returns 0 and a buffer for tessera_png_free, or 1 and a message. */
int tessera_png_encode(const uint8_t *pixels, uint32_t width, uint32_t height, int channels,
                       const struct tessera_png_settings *settings, uint8_t **out, size_t *out_size, char *message);

/* Palettes, sub-byte grey and tRNS are expanded, 16 bits scaled to 8. More than `max_pixels` is an error.
   Returns 0 and a buffer for tessera_png_free, or 1 and a message. */
int tessera_png_decode(const uint8_t *data, size_t size, uint64_t max_pixels, uint8_t **out, uint32_t *width,
                       uint32_t *height, int *channels, char *message);

void tessera_png_free(uint8_t *buffer);

#endif
