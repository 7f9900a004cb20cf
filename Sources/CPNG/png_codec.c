#include "tessera_png.h"

#include <png.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

struct codec {
    jmp_buf jump;
    char *message;
    uint8_t *buffer;
    size_t size;
    size_t capacity;
    const uint8_t *input;
    size_t position;
    png_bytep *rows;
};

static void report(struct codec *codec, const char *text) {
    strncpy(codec->message, text ? text : "unknown error", TESSERA_PNG_MESSAGE - 1);
    codec->message[TESSERA_PNG_MESSAGE - 1] = 0;
}

static void on_error(png_structp png, png_const_charp text) {
    struct codec *codec = png_get_error_ptr(png);
    report(codec, text);
    longjmp(codec->jump, 1);
}

static void on_warning(png_structp png, png_const_charp text) {
    (void)png;
    (void)text;
}

static void on_write(png_structp png, png_bytep data, png_size_t length) {
    struct codec *codec = png_get_io_ptr(png);
    if (length > codec->capacity - codec->size) {
        size_t wanted = codec->capacity ? codec->capacity : 1 << 16;
        while (length > wanted - codec->size) {
            if (wanted > SIZE_MAX / 2) png_error(png, "picture too large");
            wanted *= 2;
        }
        uint8_t *grown = realloc(codec->buffer, wanted);
        if (!grown) png_error(png, "out of memory");
        codec->buffer = grown;
        codec->capacity = wanted;
    }
    memcpy(codec->buffer + codec->size, data, length);
    codec->size += length;
}

static void on_flush(png_structp png) { (void)png; }

static void on_read(png_structp png, png_bytep data, png_size_t length) {
    struct codec *codec = png_get_io_ptr(png);
    if (length > codec->size - codec->position) png_error(png, "data ends too early");
    memcpy(data, codec->input + codec->position, length);
    codec->position += length;
}

static const int color_types[5] = {0, PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA, PNG_COLOR_TYPE_RGB,
                                   PNG_COLOR_TYPE_RGB_ALPHA};

/* The fewest bits that tell `colours` indices apart. */
static int index_depth(int colours) { return colours <= 2 ? 1 : colours <= 4 ? 2 : colours <= 16 ? 4 : 8; }

static void write_header(png_structp png, png_infop info, uint32_t width, uint32_t height, int channels,
                         const struct tessera_png_settings *settings) {
    int depth = settings->palette ? index_depth(settings->colours) : 8;
    int type = settings->palette ? PNG_COLOR_TYPE_PALETTE : color_types[channels];
    png_set_user_limits(png, 0x7fffffff, 0x7fffffff);
    png_set_IHDR(png, info, width, height, depth, type, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    if (settings->palette) {
        png_color palette[256];
        for (int i = 0; i < settings->colours; i++) {
            const uint8_t *colour = settings->palette + 3 * i;
            palette[i] = (png_color){.red = colour[0], .green = colour[1], .blue = colour[2]};
        }
        png_set_PLTE(png, info, palette, settings->colours);
    }
    if (settings->keyword && settings->text) {
        png_text chunk;
        memset(&chunk, 0, sizeof chunk);
        chunk.compression = PNG_TEXT_COMPRESSION_NONE;
        chunk.key = (png_charp)settings->keyword;
        chunk.text = (png_charp)settings->text;
        png_set_text(png, info, &chunk, 1);
    }
    png_set_compression_level(png, settings->level);
    png_set_compression_strategy(png, settings->run_lengths ? Z_RLE : Z_DEFAULT_STRATEGY);
    static const int filters[3] = {PNG_FILTER_SUB, PNG_FILTER_SUB | PNG_FILTER_UP, PNG_ALL_FILTERS};
    /* Neighbouring indices say nothing about each other's values. */
    png_set_filter(png, PNG_FILTER_TYPE_BASE, settings->palette ? PNG_FILTER_NONE : filters[settings->filters]);
    png_write_info(png, info);
    png_set_packing(png);
}

int tessera_png_encode(const uint8_t *pixels, uint32_t width, uint32_t height, int channels,
                       const struct tessera_png_settings *settings, uint8_t **out, size_t *out_size, char *message) {
    struct codec codec;
    memset(&codec, 0, sizeof codec);
    codec.message = message;
    if (channels < 1 || channels > 4) {
        report(&codec, "channels must be 1 to 4");
        return 1;
    }
    if (settings->palette && (channels != 1 || settings->colours < 1 || settings->colours > 256)) {
        report(&codec, "a palette has 1 to 256 colours and one index a pixel");
        return 1;
    }
    png_structp volatile png = NULL;
    png_infop volatile info = NULL;
    if (setjmp(codec.jump)) {
        png_structp p = png;
        png_infop i = info;
        if (p) png_destroy_write_struct(&p, i ? &i : NULL);
        free(codec.buffer);
        return 1;
    }
    png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &codec, on_error, on_warning);
    if (!png) {
        report(&codec, "out of memory");
        return 1;
    }
    info = png_create_info_struct(png);
    if (!info) png_error(png, "out of memory");
    png_set_write_fn(png, &codec, on_write, on_flush);
    write_header(png, info, width, height, channels, settings);
    for (uint32_t y = 0; y < height; y++) png_write_row(png, pixels + (size_t)y * width * channels);
    png_write_end(png, NULL);
    png_structp p = png;
    png_infop i = info;
    png_destroy_write_struct(&p, &i);
    *out = codec.buffer;
    *out_size = codec.size;
    return 0;
}

int tessera_png_decode(const uint8_t *data, size_t size, uint64_t max_pixels, uint8_t **out, uint32_t *width,
                       uint32_t *height, int *channels, char *message) {
    struct codec codec;
    memset(&codec, 0, sizeof codec);
    codec.message = message;
    codec.input = data;
    codec.size = size;
    png_structp volatile png = NULL;
    png_infop volatile info = NULL;
    if (setjmp(codec.jump)) {
        png_structp p = png;
        png_infop i = info;
        if (p) png_destroy_read_struct(&p, i ? &i : NULL, NULL);
        free(codec.rows);
        free(codec.buffer);
        return 1;
    }
    png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &codec, on_error, on_warning);
    if (!png) {
        report(&codec, "out of memory");
        return 1;
    }
    info = png_create_info_struct(png);
    if (!info) png_error(png, "out of memory");
    png_set_read_fn(png, &codec, on_read);
    png_set_chunk_malloc_max(png, 1 << 20);
    png_read_info(png, info);
    uint64_t w = png_get_image_width(png, info);
    uint64_t h = png_get_image_height(png, info);
    if (w > max_pixels || h > max_pixels || w * h > max_pixels) png_error(png, "picture larger than allowed");
    png_set_scale_16(png);
    png_set_expand(png);
    png_set_interlace_handling(png);
    png_read_update_info(png, info);
    int count = png_get_channels(png, info);
    size_t stride = png_get_rowbytes(png, info);
    if (count < 1 || count > 4 || png_get_bit_depth(png, info) != 8 || stride != w * count)
        png_error(png, "unsupported pixel layout");
    codec.buffer = malloc(stride * h);
    codec.rows = malloc(sizeof(png_bytep) * h);
    if (!codec.buffer || !codec.rows) png_error(png, "out of memory");
    for (uint64_t y = 0; y < h; y++) codec.rows[y] = codec.buffer + y * stride;
    png_read_image(png, codec.rows);
    png_read_end(png, NULL);
    png_structp p = png;
    png_infop i = info;
    png_destroy_read_struct(&p, &i, NULL);
    free(codec.rows);
    *out = codec.buffer;
    *width = (uint32_t)w;
    *height = (uint32_t)h;
    *channels = count;
    return 0;
}

void tessera_png_free(uint8_t *buffer) { free(buffer); }
