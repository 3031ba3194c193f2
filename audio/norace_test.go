//go:build !race

package audio_test

const slow = false
