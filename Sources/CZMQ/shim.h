#ifndef TESSERA_CZMQ_SHIM_H
#define TESSERA_CZMQ_SHIM_H

#include <sys/eventfd.h>
#include <zmq.h>

// Debian's header names it for draft builds alone; the library has it. Where it had not, setting it would fail.
#ifndef ZMQ_ZAP_ENFORCE_DOMAIN
#define ZMQ_ZAP_ENFORCE_DOMAIN 93
#endif

#endif
