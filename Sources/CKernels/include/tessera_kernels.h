#ifndef TESSERA_KERNELS_H
#define TESSERA_KERNELS_H

#include <stdbool.h>
#include <stdint.h>

// Kernels of the CPU engine: convolutions as implicit matrix products, and the elementwise work around them.
//
// An *image* holds fp32 values, channels in blocks of 32: [channel block][row][column][32].
//
// An *operand* is what a convolution reads, in the number format of the kernel: [channel block][position][32]. Positions
// run through the rows of the image with one zero position before each, a row of zeros above and one below, so that the
// neighbours of a pixel lie at the same distances everywhere; a row is width + 1 positions.
//
// A product is cut into steps of 32 input channels at one tap. A step's weights are a 32 × 32 matrix, packed.

enum { TESSERA_BLOCK = 32 };

typedef enum {
    TESSERA_BASELINE,   // fp32, what every CPU of the architecture has
    TESSERA_AVX2,       // fp32, AVX2 and FMA
    TESSERA_AVX512,     // fp32, AVX-512
    TESSERA_AMX_SPLIT,  // every fp32 number as a sum of two bf16, three products on AMX tiles
    TESSERA_AMX_BF16,   // bf16 on AMX tiles
} tessera_kernel;

// Whether the CPU and the operating system offer what a kernel needs. Asks Linux for the use of AMX where it does;
// threads made afterwards inherit the permission.
bool tessera_kernel_available(tessera_kernel kernel);

// Bytes of 32 channels at one position of an operand, and of one step's packed weights.
int64_t tessera_position_bytes(tessera_kernel kernel);
int64_t tessera_step_bytes(tessera_kernel kernel);

// Positions of one channel block of an operand; and those that tiles may read beyond the last block.
int64_t tessera_operand_positions(int32_t height, int32_t width);
enum { TESSERA_OVERRUN = 80 };

// Pack one step's weights, `matrix`[input channel][output channel].
void tessera_pack(tessera_kernel kernel, const float *matrix, void *packed);

typedef enum { TESSERA_IDENTITY, TESSERA_SILU, TESSERA_LEAKY_RELU } tessera_function;

// target = function(scale · source + shift) for one channel block.
typedef struct {
    const float *source;
    const float *scale;  // 32 values
    const float *shift;
    tessera_function function;
    void *target;
    void *raw;  // receives the source itself; may be null
    int32_t height;
    int32_t width;
} tessera_activation;

// Fill rows of an operand, and the zeros around them.
void tessera_activate(tessera_kernel kernel, const tessera_activation *activation, int32_t first, int32_t count);

// target = bias + residual + Σ weights · operand, at height × width places.
typedef struct {
    const void *source;      // the operand's first position
    const int64_t *steps;    // for each step, bytes from a place's upper left neighbour to what it reads
    int32_t step_count;
    const void *weights;     // [output block][step]
    const float *bias;       // [output block][32]
    const float *residual;   // an image like the target, possibly the target; may be null
    float *target;
    int64_t plane;           // pixels of one channel block of the target
    int32_t height;
    int32_t width;
    int32_t row;             // positions from one row of the operand to the next
    int32_t stride;          // positions between the operand's places: 1 or 2
    int32_t scale;           // place (y, x) is the target's pixel (scale·y + row_offset, scale·x + column_offset)
    int32_t row_offset;
    int32_t column_offset;
} tessera_convolution;

// A convolution is done in chunks, each the whole sum for up to 512 places and 32 output channels.
int32_t tessera_chunk_count(int32_t height, int32_t width, int32_t stride);

// Compute one chunk. `moments` receives, for each channel, the number of values, their sum and the sum of their squared
// deviations from their mean: [3][32].
void tessera_convolve(
    tessera_kernel kernel, const tessera_convolution *convolution, int32_t chunk, int32_t output_block,
    double *moments);

// Join the moments of `count` parts, `distance` numbers apart, in their order.
void tessera_merge_moments(const double *parts, int64_t count, int64_t distance, double *merged);

// Replace each value by e^(value − maximum); returns their sum.
float tessera_exponentiate(tessera_kernel kernel, float *values, int64_t count);

#endif
