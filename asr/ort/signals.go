package ort

/*
#include <signal.h>
#include <stdlib.h>

enum { signals = 64 };

static struct sigaction *save_handlers(void) {
	struct sigaction *kept = calloc(signals + 1, sizeof *kept);
	for (int s = 1; kept && s <= signals; s++)
		sigaction(s, NULL, &kept[s]);
	return kept;
}

static void restore_handlers(struct sigaction *kept) {
	for (int s = 1; kept && s <= signals; s++) {
		struct sigaction now;
		if (sigaction(s, NULL, &now) == 0 && now.sa_sigaction != kept[s].sa_sigaction)
			sigaction(s, &kept[s], NULL);
	}
	free(kept);
}
*/
import "C"

// keepSignals runs f and then puts back every signal handler that f changed. Handlers
// that CUDA installs lack SA_ONSTACK, without which the first signal crashes a Go
// program. A handler that another goroutine registers during f through os/signal is the
// runtime's own and the same function, so it is not lost.
func keepSignals(f func() error) error {
	kept := C.save_handlers()
	defer C.restore_handlers(kept)
	return f()
}
