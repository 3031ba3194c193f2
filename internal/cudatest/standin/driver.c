// The driver of a GPU that computes nothing: what asr/ort asks it, and what the provider looks up.
#include <stdlib.h>
#include <string.h>

enum { no_device = 100, invalid_device = 101 };

static double setting(const char *name, double otherwise) {
	const char *text = getenv(name);
	return text && *text ? strtod(text, NULL) : otherwise;
}

static int devices(void) { return setting("CUDATEST_DEVICES", 1); }

int cuInit(unsigned flags) { return devices() > 0 ? 0 : no_device; }
int cuDriverGetVersion(int *v) { return *v = 13000, 0; }
int cuDeviceGet(int *device, int index) { return *device = index, index >= 0 && index < devices() ? 0 : invalid_device; }
int cuDeviceGetName(char *name, int n, int device) { return strncpy(name, "stand-in for an H200", n), 0; }
int cuDeviceTotalMem_v2(size_t *bytes, int device) { return *bytes = setting("CUDATEST_MEMORY", 150754820096.), 0; }
int cuDeviceGetAttribute(int *v, int attribute, int device) { return *v = attribute == 75 ? 9 : 0, 0; }
int cuTensorMapEncodeTiled(void) { return 0; }
