#ifndef TESSERA_TCP_RECEIVED_H
#define TESSERA_TCP_RECEIVED_H

#include <stdint.h>

// Bytes that a TCP connection has received so far (tcp(7), TCP_INFO); 0 where the kernel does not tell.
uint64_t tessera_tcp_received(int descriptor);

#endif
