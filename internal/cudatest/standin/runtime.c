// The CUDA runtime of a GPU that computes nothing. See ../cudatest.go for what it is for and
// for its settings, which are read from the environment when the library is loaded.
//
// Device memory is host memory that is reserved and never touched by kernels. Streams run at
// once: a call has done its work when it returns. Copies into the device are made, so that what
// arrives can be checked; those within it are only counted.
#define _GNU_SOURCE
#include <cuda_runtime_api.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define API cudaError_t
#define unused __attribute__((unused))

// What was asked for, from the environment.
static struct {
	int devices;          // CUDATEST_DEVICES
	long memory;          // CUDATEST_MEMORY, bytes
	long result;          // CUDATEST_RESULT: a copy to the host of so many bytes, or a multiple, is whole rows
	long fail_after;      // CUDATEST_FAIL_AFTER: so many results, then the device is broken
	long microseconds;    // CUDATEST_MICROSECONDS: what a run takes for each CUDATEST_RESULT of its result
	double gb_in, gb_out; // CUDATEST_GB_IN, CUDATEST_GB_OUT: gigabytes a second of large copies
	int handlers;         // CUDATEST_HANDLERS: how many runs replace signal handlers, -1: each
	char *rows;           // CUDATEST_ROWS: a file with what results bring, again and again
	long rows_size;
	long window;          // CUDATEST_WINDOW: rows in a window, where a run copies sums of rows: see sum
	char *sums;           // CUDATEST_SUMS: a file with what these bring, window after window
	long sums_size;
	FILE *log; // CUDATEST_LOG
} o;

// What was done since the last result.
static struct {
	long launches, syncs, within, held;
	long in, in_small, in_bytes, out, out_small, out_bytes;
} did;
static long results;
static int broken;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

enum { small_copy = 64 << 10 };
#define H200_MEMORY 150754820096L

static double setting(const char *name, double otherwise) {
	const char *text = getenv(name);
	return text && *text ? strtod(text, NULL) : otherwise;
}

static void read_file(const char *path, char **content, long *size) {
	FILE *f = path ? fopen(path, "rb") : NULL;
	if (f == NULL)
		return;
	if (fseek(f, 0, SEEK_END) == 0 && (*size = ftell(f)) > 0) {
		rewind(f);
		*content = malloc(*size);
		if (*content && fread(*content, 1, *size, f) != (size_t)*size)
			*content = NULL;
	}
	fclose(f);
}

__attribute__((constructor)) static void load(void) {
	o.devices = setting("CUDATEST_DEVICES", 1);
	o.memory = setting("CUDATEST_MEMORY", H200_MEMORY);
	o.result = setting("CUDATEST_RESULT", 320 * 1025 * sizeof(float));
	o.fail_after = setting("CUDATEST_FAIL_AFTER", -1);
	o.microseconds = setting("CUDATEST_MICROSECONDS", 0);
	o.gb_in = setting("CUDATEST_GB_IN", 0);
	o.gb_out = setting("CUDATEST_GB_OUT", 0);
	o.handlers = setting("CUDATEST_HANDLERS", 0);
	read_file(getenv("CUDATEST_ROWS"), &o.rows, &o.rows_size);
	o.window = setting("CUDATEST_WINDOW", 0);
	read_file(getenv("CUDATEST_SUMS"), &o.sums, &o.sums_size);
	if (getenv("CUDATEST_LOG"))
		o.log = fopen(getenv("CUDATEST_LOG"), "a");
}

static void pass(double seconds) {
	if (seconds <= 0)
		return;
	struct timespec t = {seconds, (seconds - (long)seconds) * 1e9};
	nanosleep(&t, NULL);
}

static void count(long *what) { __atomic_add_fetch(what, 1, __ATOMIC_RELAXED); }

// cudatest_launch is called by the libraries beside this one.
void cudatest_launch(void) { count(&did.launches); }

static void nothing(unused int s) {}

// replace_handlers does what makes CUDA dangerous to Go: the handlers have no SA_ONSTACK.
static void replace_handlers(void) {
	struct sigaction a = {.sa_handler = nothing};
	sigaction(SIGINT, &a, NULL);
	sigaction(SIGTERM, &a, NULL);
}

// finish notes that a run has a result of n bytes.
static API finish(size_t n) {
	pthread_mutex_lock(&lock);
	if (o.fail_after >= 0 && results >= o.fail_after)
		broken = 1;
	results++;
	if (o.handlers != 0) {
		replace_handlers();
		o.handlers -= o.handlers > 0;
	}
	if (o.log) {
		fprintf(o.log, "{\"bytes\":%zu,\"launches\":%ld,\"syncs\":%ld,\"within\":%ld,\"in\":%ld,\"in_small\":%ld,\"in_bytes\":%ld,\"out\":%ld,\"out_small\":%ld,\"out_bytes\":%ld,\"held\":%ld}\n",
			n, did.launches, did.syncs, did.within, did.in, did.in_small, did.in_bytes, did.out, did.out_small, did.out_bytes, did.held);
		fflush(o.log);
	}
	long held = did.held;
	memset(&did, 0, sizeof did);
	did.held = held;
	pthread_mutex_unlock(&lock);
	if (broken)
		return cudaErrorIllegalAddress;
	pass(o.microseconds * 1e-6 * n / o.result);
	return cudaSuccess;
}

// result is a copy of whole rows.
static API result(void *to, const void *from, size_t n) {
	if (finish(n) != cudaSuccess)
		return cudaErrorIllegalAddress;
	if (o.rows == NULL) {
		memcpy(to, from, n);
		return cudaSuccess;
	}
	for (size_t at = 0; at < n; at += o.rows_size)
		memcpy((char *)to + at, o.rows, n - at < (size_t)o.rows_size ? n - at : (size_t)o.rows_size);
	return cudaSuccess;
}

// sum is a copy to the host that may be one of four sums of rows, in order: the best pieces, 8 bytes
// a row, then three numbers of 4 bytes. A window of the file has all four.
static __thread int sums_done;
static __thread size_t sums_windows;
static int sum(void *to, size_t n, API *err) {
	size_t each = o.window * (sums_done == 0 ? 8 : 4);
	if (each == 0 || n == 0 || n % each != 0 || (sums_done > 0 && n / each != sums_windows)) {
		sums_done = 0;
		return 0;
	}
	sums_windows = n / each;
	*err = sums_done == 0 ? finish(sums_windows * o.result) : cudaSuccess;
	size_t whole = o.window * 20, at = sums_done == 0 ? 0 : o.window * (4 + 4 * sums_done);
	memset(to, 0, n);
	for (size_t w = 0; o.sums && w < sums_windows; w++)
		memcpy((char *)to + w * each, o.sums + w * whole % o.sums_size + at, each);
	sums_done = (sums_done + 1) % 4;
	return 1;
}

static API copy(void *to, const void *from, size_t n, enum cudaMemcpyKind kind) {
	if (broken)
		return cudaErrorIllegalAddress;
	switch (kind) {
	case cudaMemcpyHostToDevice:
		count(&did.in);
		did.in_small += n < small_copy;
		did.in_bytes += n;
		memcpy(to, from, n);
		if (o.gb_in > 0 && n >= small_copy)
			pass(n / (o.gb_in * 1e9));
		return cudaSuccess;
	case cudaMemcpyDeviceToHost:
		count(&did.out);
		did.out_small += n < small_copy;
		did.out_bytes += n;
		if (o.gb_out > 0 && n >= small_copy)
			pass(n / (o.gb_out * 1e9));
		if (n > 0 && n % o.result == 0)
			return result(to, from, n);
		API err;
		if (sum(to, n, &err))
			return err;
		memcpy(to, from, n);
		return cudaSuccess;
	default:
		count(&did.within);
		return cudaSuccess;
	}
}

static API synchronize(void) {
	count(&did.syncs);
	return broken ? cudaErrorIllegalAddress : cudaSuccess;
}

// object makes something that only has to be there.
static API object(void *to) {
	*(void **)to = malloc(16);
	return cudaSuccess;
}

// The device.
static __thread int current;
API cudaGetDeviceCount(int *n) { return (*n = o.devices) > 0 ? cudaSuccess : cudaErrorNoDevice; }
API cudaSetDevice(int d) { return d < o.devices ? (current = d, cudaSuccess) : cudaErrorInvalidDevice; }
API cudaGetDevice(int *d) { return *d = current, cudaSuccess; }
API cudaDriverGetVersion(int *v) { return *v = 13000, cudaSuccess; }
API cudaRuntimeGetVersion(int *v) { return *v = 13000, cudaSuccess; }
API cudaDeviceSynchronize(void) { return synchronize(); }

static const struct cudaDeviceProp h200 = {
	.name = "stand-in for an H200", .major = 9, .multiProcessorCount = 132, .warpSize = 32,
	.maxThreadsPerBlock = 1024, .maxThreadsDim = {1024, 1024, 64}, .maxGridSize = {0x7fffffff, 65535, 65535},
	.sharedMemPerBlock = 48 << 10, .sharedMemPerBlockOptin = 227 << 10, .sharedMemPerMultiprocessor = 228 << 10,
	.regsPerBlock = 65536, .regsPerMultiprocessor = 65536, .maxThreadsPerMultiProcessor = 2048,
	.totalConstMem = 65536, .l2CacheSize = 60 << 20, .concurrentKernels = 1, .asyncEngineCount = 3,
	.unifiedAddressing = 1, .memoryPoolsSupported = 1};

API cudaGetDeviceProperties(struct cudaDeviceProp *p, unused int d) {
	*p = h200;
	p->totalGlobalMem = o.memory;
	return cudaSuccess;
}

API cudaDeviceGetAttribute(int *v, enum cudaDeviceAttr a, unused int d) {
	switch (a) {
	case cudaDevAttrComputeCapabilityMajor: *v = h200.major; break;
	case cudaDevAttrComputeCapabilityMinor: *v = h200.minor; break;
	case cudaDevAttrMultiProcessorCount: *v = h200.multiProcessorCount; break;
	case cudaDevAttrMaxThreadsPerBlock: *v = h200.maxThreadsPerBlock; break;
	case cudaDevAttrMaxSharedMemoryPerBlock: *v = h200.sharedMemPerBlock; break;
	case cudaDevAttrMaxSharedMemoryPerBlockOptin: *v = h200.sharedMemPerBlockOptin; break;
	case cudaDevAttrWarpSize: *v = h200.warpSize; break;
	default: *v = 1;
	}
	return cudaSuccess;
}

// Memory. What is freed is not counted back: arenas keep what they have.
API cudaMalloc(void **p, size_t n) {
	*p = NULL;
	if (__atomic_add_fetch(&did.held, n, __ATOMIC_RELAXED) > o.memory) {
		__atomic_sub_fetch(&did.held, n, __ATOMIC_RELAXED);
		return cudaErrorMemoryAllocation;
	}
	void *at = mmap(NULL, n ? n : 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (at == MAP_FAILED)
		return cudaErrorMemoryAllocation;
	return *p = at, cudaSuccess;
}
API cudaMallocFromPoolAsync(void **p, size_t n, unused cudaMemPool_t pool, unused cudaStream_t s) { return cudaMalloc(p, n); }
API cudaFree(unused void *p) { return cudaSuccess; }
API cudaFreeAsync(unused void *p, unused cudaStream_t s) { return cudaSuccess; }
API cudaHostAlloc(void **p, size_t n, unused unsigned flags) { return (*p = calloc(1, n)) ? cudaSuccess : cudaErrorMemoryAllocation; }
API cudaMallocHost(void **p, size_t n) { return cudaHostAlloc(p, n, 0); }
API cudaFreeHost(void *p) { return free(p), cudaSuccess; }
API cudaMemGetInfo(size_t *left, size_t *all) { return *all = o.memory, *left = o.memory - did.held, cudaSuccess; }
API cudaPointerGetAttributes(struct cudaPointerAttributes *a, const void *p) {
	memset(a, 0, sizeof *a);
	a->type = cudaMemoryTypeDevice;
	a->devicePointer = (void *)p;
	return cudaSuccess;
}
API cudaMemcpy(void *to, const void *from, size_t n, enum cudaMemcpyKind kind) { return synchronize() ? cudaErrorIllegalAddress : copy(to, from, n, kind); }
API cudaMemcpyAsync(void *to, const void *from, size_t n, enum cudaMemcpyKind kind, unused cudaStream_t s) { return copy(to, from, n, kind); }
API cudaMemcpy2DAsync(unused void *to, unused size_t tp, unused const void *from, unused size_t fp, unused size_t w, unused size_t h, unused enum cudaMemcpyKind kind, unused cudaStream_t s) { return count(&did.within), cudaSuccess; }
API cudaMemcpyFromSymbol(void *to, unused const void *symbol, size_t n, unused size_t at, unused enum cudaMemcpyKind kind) { return memset(to, 0, n), cudaSuccess; }
API cudaMemset(unused void *p, unused int v, unused size_t n) { return cudaSuccess; }
API cudaMemsetAsync(unused void *p, unused int v, unused size_t n, unused cudaStream_t s) { return cudaSuccess; }
API cudaMemPoolCreate(cudaMemPool_t *p, unused const struct cudaMemPoolProps *props) { return object(p); }
API cudaMemPoolDestroy(unused cudaMemPool_t p) { return cudaSuccess; }
API cudaMemPoolGetAttribute(unused cudaMemPool_t p, unused enum cudaMemPoolAttr a, void *v) { return memset(v, 0, 8), cudaSuccess; }
API cudaMemPoolSetAttribute(unused cudaMemPool_t p, unused enum cudaMemPoolAttr a, unused void *v) { return cudaSuccess; }
API cudaMemPoolTrimTo(unused cudaMemPool_t p, unused size_t n) { return cudaSuccess; }

// Streams, events and graphs.
API cudaStreamCreate(cudaStream_t *s) { return object(s); }
API cudaStreamCreateWithFlags(cudaStream_t *s, unused unsigned flags) { return object(s); }
API cudaStreamDestroy(cudaStream_t s) { return free(s), cudaSuccess; }
API cudaStreamSynchronize(unused cudaStream_t s) { return synchronize(); }
API cudaStreamWaitEvent(unused cudaStream_t s, unused cudaEvent_t e, unused unsigned flags) { return cudaSuccess; }
API cudaStreamIsCapturing(unused cudaStream_t s, enum cudaStreamCaptureStatus *c) { return *c = cudaStreamCaptureStatusNone, cudaSuccess; }
API cudaStreamBeginCapture(unused cudaStream_t s, unused enum cudaStreamCaptureMode m) { return cudaSuccess; }
API cudaStreamEndCapture(unused cudaStream_t s, cudaGraph_t *g) { return object(g); }
API cudaEventCreate(cudaEvent_t *e) { return object(e); }
API cudaEventCreateWithFlags(cudaEvent_t *e, unused unsigned flags) { return object(e); }
API cudaEventDestroy(cudaEvent_t e) { return free(e), cudaSuccess; }
API cudaEventRecord(unused cudaEvent_t e, unused cudaStream_t s) { return cudaSuccess; }
API cudaEventRecordWithFlags(unused cudaEvent_t e, unused cudaStream_t s, unused unsigned flags) { return cudaSuccess; }
API cudaEventSynchronize(unused cudaEvent_t e) { return synchronize(); }
API cudaEventElapsedTime(float *ms, unused cudaEvent_t a, unused cudaEvent_t b) { return *ms = 0, cudaSuccess; }
API cudaGraphInstantiate(cudaGraphExec_t *e, unused cudaGraph_t g, unused unsigned long long flags) { return object(e); }
API cudaGraphLaunch(unused cudaGraphExec_t e, unused cudaStream_t s) { return cudatest_launch(), cudaSuccess; }
API cudaGraphDestroy(cudaGraph_t g) { return free(g), cudaSuccess; }
API cudaGraphExecDestroy(cudaGraphExec_t e) { return free(e), cudaSuccess; }

// Kernels.
API cudaLaunchKernel(unused const void *f, unused dim3 g, unused dim3 b, unused void **args, unused size_t m, unused cudaStream_t s) { return cudatest_launch(), cudaSuccess; }
API __cudaLaunchKernel(unused void *f, unused dim3 g, unused dim3 b, unused void **args, unused size_t m, unused cudaStream_t s) { return cudatest_launch(), cudaSuccess; }
API cudaLaunchCooperativeKernel(unused const void *f, unused dim3 g, unused dim3 b, unused void **args, unused size_t m, unused cudaStream_t s) { return cudatest_launch(), cudaSuccess; }
API cudaLaunchKernelExC(unused const cudaLaunchConfig_t *c, unused const void *f, unused void **args) { return cudatest_launch(), cudaSuccess; }
API cudaLaunchHostFunc(unused cudaStream_t s, cudaHostFn_t f, void *data) { return f(data), cudaSuccess; }
API cudaFuncGetAttributes(struct cudaFuncAttributes *a, unused const void *f) {
	memset(a, 0, sizeof *a);
	a->maxThreadsPerBlock = h200.maxThreadsPerBlock;
	a->numRegs = 32;
	a->binaryVersion = a->ptxVersion = 90;
	a->maxDynamicSharedSizeBytes = h200.sharedMemPerBlock;
	return cudaSuccess;
}
API cudaFuncSetAttribute(unused const void *f, unused enum cudaFuncAttribute a, unused int v) { return cudaSuccess; }
API cudaKernelSetAttributeForDevice(unused cudaKernel_t k, unused enum cudaFuncAttribute a, unused int v, unused int d) { return cudaSuccess; }
API cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int *n, unused const void *f, unused int b, unused size_t m, unused unsigned flags) { return *n = 2, cudaSuccess; }
API cudaLibraryLoadData(cudaLibrary_t *l, unused const void *code, unused enum cudaJitOption *j, unused void **jv, unused unsigned n, unused enum cudaLibraryOption *lo, unused void **lv, unused unsigned ln) { return object(l); }
API cudaLibraryUnload(cudaLibrary_t l) { return free(l), cudaSuccess; }
API cudaLibraryGetKernel(cudaKernel_t *k, unused cudaLibrary_t l, unused const char *name) { return object(k); }
static int success(void) { return 0; }
API cudaGetDriverEntryPointByVersion(unused const char *name, void **f, unused unsigned v, unused unsigned long long flags, enum cudaDriverEntryPointQueryResult *found) {
	if (found)
		*found = cudaDriverEntryPointSuccess;
	return *f = (void *)success, cudaSuccess;
}

// Errors.
API cudaGetLastError(void) { return cudaSuccess; }
API cudaPeekAtLastError(void) { return cudaSuccess; }
static const struct { API e; const char *name, *sentence; } errors[] = {
	{cudaSuccess, "cudaSuccess", "no error"},
	{cudaErrorMemoryAllocation, "cudaErrorMemoryAllocation", "out of memory"},
	{cudaErrorNoDevice, "cudaErrorNoDevice", "no CUDA-capable device is detected"},
	{cudaErrorInvalidDevice, "cudaErrorInvalidDevice", "invalid device ordinal"},
	{cudaErrorIllegalAddress, "cudaErrorIllegalAddress", "an illegal memory access was encountered"},
};
static int find_error(API e) {
	for (int i = 0; i < (int)(sizeof errors / sizeof *errors); i++)
		if (errors[i].e == e)
			return i;
	return 0;
}
const char *cudaGetErrorName(API e) { return errors[find_error(e)].name; }
const char *cudaGetErrorString(API e) { return errors[find_error(e)].sentence; }

// What nvcc puts into the provider.
static __thread struct { dim3 grid, block; size_t shared; void *stream; } launch;
unsigned __cudaPushCallConfiguration(dim3 g, dim3 b, size_t m, struct CUstream_st *s) {
	launch.grid = g, launch.block = b, launch.shared = m, launch.stream = s;
	return 0;
}
API __cudaPopCallConfiguration(dim3 *g, dim3 *b, size_t *m, void *s) {
	*g = launch.grid, *b = launch.block, *m = launch.shared, *(void **)s = launch.stream;
	return cudaSuccess;
}
API __cudaGetKernel(cudaKernel_t *k, const void *f) { return *k = (cudaKernel_t)f, cudaSuccess; }
void **__cudaRegisterFatBinary(void *binary) {
	void **handle = malloc(sizeof *handle);
	*handle = binary;
	return handle;
}
void __cudaRegisterFatBinaryEnd(unused void **h) {}
void __cudaUnregisterFatBinary(void **h) { free(h); }
void __cudaRegisterFunction(unused void **h, unused const char *f, unused char *d, unused const char *n, unused int limit, unused uint3 *ti, unused uint3 *bi, unused dim3 *bd, unused dim3 *gd, unused int *w) {}
void __cudaRegisterVar(unused void **h, unused char *host, unused char *device, unused const char *name, unused int ext, unused size_t n, unused int constant, unused int global) {}
