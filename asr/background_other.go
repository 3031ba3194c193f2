//go:build !linux

package asr

// inBackground runs f. Priorities of threads are known on Linux only.
func inBackground(f func()) { f() }
