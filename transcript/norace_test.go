//go:build !race

package transcript_test

// poolsLeak says that sync.Pool drops a part of what it is given; see race_test.go.
const poolsLeak = false
