//go:build !race

package server_test

// historySize is what earlier predictions of long recordings add to a request.
const historySize = 100 << 20
