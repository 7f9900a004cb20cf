#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#include "kernels.h"
#include "tiles.h"

#define NAME(function) tessera_##function##_avx2
#define LANES 8
#define PLACES 4
#include "fp32.h"
#pragma clang attribute pop
#endif
