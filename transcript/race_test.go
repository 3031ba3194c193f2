//go:build race

package transcript_test

// poolsLeak says that sync.Pool drops a part of what it is given, as it does at random under
// the race detector to provoke races: package fmt then allocates its buffers again and again,
// and what is allocated says nothing of the writers.
const poolsLeak = true
