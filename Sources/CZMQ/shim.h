#ifndef TESSERA_CZMQ_SHIM_H
#define TESSERA_CZMQ_SHIM_H

#include <sys/eventfd.h>
#include <zmq.h>

#endif
