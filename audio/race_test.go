//go:build race

package audio_test

// slow says that every access to memory is watched, at ten times the cost.
const slow = true
