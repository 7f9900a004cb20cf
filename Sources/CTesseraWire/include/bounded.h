#ifndef TESSERA_BOUNDED_H
#define TESSERA_BOUNDED_H

#include <protobuf-c/protobuf-c.h>

#include "tessera.pb-c.h"

// Unpack an envelope with at most `budget` bytes of memory; NULL where it is malformed or asks for more.
// Free it with tessera_envelope_free.
Tessera__Wire__Envelope *tessera_envelope_unpack(const uint8_t *bytes, size_t count, size_t budget);

void tessera_envelope_free(Tessera__Wire__Envelope *envelope);

#endif
