//go:build race

package server_test

// historySize is smaller where every byte is watched.
const historySize = 8 << 20
