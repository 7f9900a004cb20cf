#include "kernels.h"
#include "tiles.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { ARCH_REQUEST_STATE = 0x1023, TILE_DATA = 18 };

// AMX tiles are a part of a thread's state that Linux saves only for processes that asked for it.
static bool amx_available(void) {
    unsigned a, b, c, d;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return false;
    bool bf16_tiles = (d >> 22 & 1) && (d >> 24 & 1);
    if (!bf16_tiles || !__get_cpuid_count(7, 1, &a, &b, &c, &d) || !(a >> 5 & 1)) return false;
#if defined(__linux__)
    return syscall(SYS_arch_prctl, ARCH_REQUEST_STATE, TILE_DATA) == 0;
#else
    return false;
#endif
}
#endif

bool tessera_kernel_available(tessera_kernel kernel) {
    if (kernel == TESSERA_BASELINE) return true;
#if defined(__x86_64__)
    __builtin_cpu_init();
    bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    switch (kernel) {
    case TESSERA_AVX2: return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    case TESSERA_AVX512: return avx512;
    case TESSERA_AMX_SPLIT:
    case TESSERA_AMX_BF16: return avx512 && amx_available();
    default: return false;
    }
#else
    return false;
#endif
}

int64_t tessera_position_bytes(tessera_kernel kernel) { return kernel == TESSERA_AMX_BF16 ? 64 : 128; }

int64_t tessera_step_bytes(tessera_kernel kernel) { return kernel == TESSERA_AMX_BF16 ? 2048 : 4096; }

int64_t tessera_operand_positions(int32_t height, int32_t width) {
    return (int64_t)(height + 2) * (width + 1) + 1;
}

int32_t tessera_chunk_count(int32_t height, int32_t width, int32_t stride) {
    return (tile_count(height, width, stride) + CHUNK_TILES - 1) / CHUNK_TILES;
}

// The nearest bf16 number, ties to even, as a float; weights are finite.
static float nearest_half(float value) {
    uint32_t bits;
    memcpy(&bits, &value, 4);
    bits = (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000;
    memcpy(&value, &bits, 4);
    return value;
}

static uint16_t half_bits(float value) {
    uint32_t bits;
    memcpy(&bits, &value, 4);
    return (uint16_t)(bits >> 16);
}

// Two tiles of 16 output channels: rows are pairs of input channels, side by side for each output channel.
static void pack_tiles(const float *matrix, uint16_t *upper, uint16_t *lower) {
    for (int k = 0; k < TESSERA_BLOCK; k++) {
        for (int n = 0; n < TESSERA_BLOCK; n++) {
            float value = matrix[k * TESSERA_BLOCK + n];
            float rounded = nearest_half(value);
            int to = n / 16 * 512 + k / 2 * 32 + n % 16 * 2 + k % 2;
            upper[to] = half_bits(rounded);
            if (lower) lower[to] = half_bits(nearest_half(value - rounded));
        }
    }
}

void tessera_pack(tessera_kernel kernel, const float *matrix, void *packed) {
    uint16_t *tiles = packed;
    switch (kernel) {
    case TESSERA_AMX_SPLIT: pack_tiles(matrix, tiles, tiles + 1024); break;
    case TESSERA_AMX_BF16: pack_tiles(matrix, tiles, 0); break;
    default: memcpy(packed, matrix, 4 * TESSERA_BLOCK * TESSERA_BLOCK);
    }
}

#if defined(__x86_64__)
#define DISPATCH(kernel, function, ...)                                         \
    switch (kernel) {                                                           \
    case TESSERA_AVX2: tessera_##function##_avx2(__VA_ARGS__); break;           \
    case TESSERA_AVX512: tessera_##function##_avx512(__VA_ARGS__); break;       \
    case TESSERA_AMX_SPLIT: tessera_##function##_amx_split(__VA_ARGS__); break; \
    case TESSERA_AMX_BF16: tessera_##function##_amx_bf16(__VA_ARGS__); break;   \
    default: tessera_##function##_baseline(__VA_ARGS__);                        \
    }
#else
#define DISPATCH(kernel, function, ...) ((void)(kernel), tessera_##function##_baseline(__VA_ARGS__))
#endif

void tessera_activate(tessera_kernel kernel, const tessera_activation *activation, int32_t first, int32_t count) {
    DISPATCH(kernel, activate, activation, first, count);
}

void tessera_convolve(
    tessera_kernel kernel, const tessera_convolution *convolution, int32_t chunk, int32_t output_block,
    double *moments
) {
    DISPATCH(kernel, convolve, convolution, chunk, output_block, moments);
}

void tessera_merge_moments(const double *parts, int64_t count, int64_t distance, double *merged) {
    double *counts = merged, *sums = merged + TESSERA_BLOCK, *deviations = merged + 2 * TESSERA_BLOCK;
    for (int i = 0; i < 3 * TESSERA_BLOCK; i++) merged[i] = 0;
    for (int64_t part = 0; part < count; part++) {
        for (int i = 0; i < 2 * TESSERA_BLOCK; i++) merged[i] += parts[part * distance + i];
    }
    for (int64_t part = 0; part < count; part++) {
        const double *from = parts + part * distance;
        if (from[0] == 0) continue;
        for (int i = 0; i < TESSERA_BLOCK; i++) {
            double difference = from[TESSERA_BLOCK + i] / from[i] - sums[i] / counts[i];
            deviations[i] += from[2 * TESSERA_BLOCK + i] + from[i] * difference * difference;
        }
    }
}

float tessera_exponentiate(tessera_kernel kernel, float *values, int64_t count) {
    switch (kernel) {
#if defined(__x86_64__)
    case TESSERA_AVX2: return tessera_exponentiate_avx2(values, count);
    case TESSERA_AVX512:
    case TESSERA_AMX_SPLIT:
    case TESSERA_AMX_BF16: return tessera_exponentiate_avx512(values, count);
#endif
    default: return tessera_exponentiate_baseline(values, count);
    }
}
