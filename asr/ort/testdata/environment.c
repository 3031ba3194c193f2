// Makes an ONNX Runtime environment as a program does that knows nothing of telemetry, and
// keeps it until standard input ends: environment LIBRARY
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

#include "onnxruntime_c_api.h"

int main(int argc, char **argv) {
	void *library = dlopen(argv[1], RTLD_NOW);
	if (!library) {
		fprintf(stderr, "%s\n", dlerror());
		return 1;
	}
	const OrtApiBase *(*base)(void) = dlsym(library, "OrtGetApiBase");
	const OrtApi *api = base()->GetApi(ORT_API_VERSION);
	OrtEnv *env = NULL;
	if (!api || api->CreateEnv(ORT_LOGGING_LEVEL_FATAL, "test", &env))
		return 1;
	getchar(); // reports leave from a thread of their own, after some seconds
	api->ReleaseEnv(env);
	return 0;
}
