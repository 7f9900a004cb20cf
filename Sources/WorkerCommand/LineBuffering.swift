@preconcurrency import Glibc

/// Send every line of standard output as it is printed, also into a pipe.
func bufferStandardOutputByLines() {
    setvbuf(stdout, nil, _IOLBF, 0)
}
