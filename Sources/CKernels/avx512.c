#if defined(__x86_64__)
#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,fma"))), apply_to = function)
#include "kernels.h"
#include "tiles.h"

#define NAME(function) tessera_##function##_avx512
#define LANES 16
#define PLACES 8
#include "fp32.h"
#pragma clang attribute pop
#endif
