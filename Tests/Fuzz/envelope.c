// libFuzzer over the decoder of the wire as it is generated and bounded: no read beyond the frame, no memory beyond the
// budget, no leak, whatever the bytes.
#include <stdlib.h>

#include "bounded.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Tessera__Wire__Envelope *envelope = tessera_envelope_unpack(data, size, 2 * size + (1 << 16));
    if (envelope != NULL) {
        uint8_t *packed = malloc(tessera__wire__envelope__get_packed_size(envelope));
        if (packed != NULL) tessera__wire__envelope__pack(envelope, packed);
        free(packed);
        tessera_envelope_free(envelope);
    }
    return 0;
}
