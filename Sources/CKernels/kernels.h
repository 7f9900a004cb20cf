// The kernels behind the dispatch, by number format and instruction set.
#ifndef TESSERA_KERNELS_INTERNAL_H
#define TESSERA_KERNELS_INTERNAL_H

#include "tessera_kernels.h"

#define DECLARE(suffix)                                                                     \
    void tessera_activate_##suffix(const tessera_activation *, int32_t first, int32_t count); \
    void tessera_convolve_##suffix(const tessera_convolution *, int32_t chunk, int32_t block, double *moments);

DECLARE(baseline)
#if defined(__x86_64__)
DECLARE(avx2)
DECLARE(avx512)
DECLARE(amx_split)
DECLARE(amx_bf16)
#endif

float tessera_exponentiate_baseline(float *values, int64_t count);
#if defined(__x86_64__)
float tessera_exponentiate_avx2(float *values, int64_t count);
float tessera_exponentiate_avx512(float *values, int64_t count);
#endif

#undef DECLARE

#endif
