#ifndef TESSERA_CFLEET_H
#define TESSERA_CFLEET_H

#include <sys/types.h>

/// Start a program whose death is tied to the calling thread: when that thread ends, or its process dies in any
/// way, the kernel kills the child (prctl PR_SET_PDEATHSIG, SIGKILL).
///
/// The child gets its own process group, default signal dispositions, an empty signal mask, /dev/null as standard
/// input, `log` as standard output and error, and no other descriptor of the parent.
///
/// Returns the child's id; or -1 with errno set, also where the program could not be executed.
pid_t cfleet_spawn(const char *path, char *const argv[], char *const envp[], int log);

/// Return a descriptor that becomes readable when the child has ended, or -1 with errno set (pidfd_open).
int cfleet_watch(pid_t child);

#endif
