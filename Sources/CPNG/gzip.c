#include "tessera_gzip.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

int tessera_gzip(const uint8_t *data, size_t size, uint8_t **out, size_t *out_size) {
    z_stream stream;
    memset(&stream, 0, sizeof stream);
    if (size > INT_MAX || deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) return 1;
    size_t capacity = deflateBound(&stream, size);
    uint8_t *buffer = malloc(capacity);
    if (!buffer) {
        deflateEnd(&stream);
        return 1;
    }
    stream.next_in = (Bytef *)data;
    stream.avail_in = (uInt)size;
    stream.next_out = buffer;
    stream.avail_out = (uInt)capacity;
    int status = deflate(&stream, Z_FINISH);
    *out_size = stream.total_out;
    deflateEnd(&stream);
    if (status != Z_STREAM_END) {
        free(buffer);
        return 1;
    }
    *out = buffer;
    return 0;
}
