#ifndef TESSERA_PNG_H
#define TESSERA_PNG_H

#include <stddef.h>
#include <stdint.h>

/* PNG through libpng. Its setjmp and longjmp stay inside these functions; they never touch the caller's stack. */

#define TESSERA_PNG_MESSAGE 160

/* Rows of `channels` bytes a pixel (1 grey, 2 grey + alpha, 3 RGB, 4 RGBA), without padding.
   `text` may be NULL, or a keyword and a value for one tEXt chunk.
   Returns 0 and a buffer for tessera_png_free, or 1 and a message. */
int tessera_png_encode(const uint8_t *pixels, uint32_t width, uint32_t height, int channels, int level,
                       int strategy_rle, int all_filters, const char *keyword, const char *text, uint8_t **out,
                       size_t *out_size, char *message);

/* Palettes, sub-byte grey and tRNS are expanded, 16 bits scaled to 8. More than `max_pixels` is an error.
   Returns 0 and a buffer for tessera_png_free, or 1 and a message. */
int tessera_png_decode(const uint8_t *data, size_t size, uint64_t max_pixels, uint8_t **out, uint32_t *width,
                       uint32_t *height, int *channels, char *message);

void tessera_png_free(uint8_t *buffer);

#endif
