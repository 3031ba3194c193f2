package ort

/*
#include <stdlib.h>

// ONNX Runtime reports its use to its maker: as soon as an environment exists it looks up
// the maker's host and writes a device identifier below $HOME/.cache. The variable is read
// once, while the environment is made, so the API call that disables telemetry comes too
// late. A constructor sets it before Go starts, when no other thread can be reading the
// environment of the process.
__attribute__((constructor)) static void disable_telemetry(void) {
	setenv("ORT_DISABLE_TELEMETRY", "1", 1);
}
*/
import "C"
