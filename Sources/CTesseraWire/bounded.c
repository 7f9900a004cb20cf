#include "bounded.h"

#include <stdlib.h>

// What the C library's allocator spends on a block beside its bytes, rounded up.
static const size_t block_overhead = 32;

static void *bounded_alloc(void *context, size_t size) {
    size_t *left = context;
    if (*left < block_overhead || size > *left - block_overhead) return NULL;
    *left -= size + block_overhead;
    return malloc(size);
}

static void bounded_free(void *context, void *block) {
    (void)context;
    free(block);
}

Tessera__Wire__Envelope *tessera_envelope_unpack(const uint8_t *bytes, size_t count, size_t budget) {
    ProtobufCAllocator allocator = {bounded_alloc, bounded_free, &budget};
    return tessera__wire__envelope__unpack(&allocator, count, bytes);
}

void tessera_envelope_free(Tessera__Wire__Envelope *envelope) {
    ProtobufCAllocator allocator = {NULL, bounded_free, NULL};
    tessera__wire__envelope__free_unpacked(envelope, &allocator);
}
