#include "kernels.h"
#include "tiles.h"

#define NAME(function) tessera_##function##_baseline
#define LANES 4
#define PLACES 4
#include "fp32.h"
