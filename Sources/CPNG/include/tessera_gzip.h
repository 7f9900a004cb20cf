#ifndef TESSERA_GZIP_H
#define TESSERA_GZIP_H

#include <stddef.h>
#include <stdint.h>

/* RFC 1952 through zlib, level 9, without a time: equal bytes in, equal bytes out.
   Returns 0 and a buffer for tessera_png_free, or 1 where memory runs out. */
int tessera_gzip(const uint8_t *data, size_t size, uint8_t **out, size_t *out_size);

#endif
