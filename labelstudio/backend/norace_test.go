//go:build !race

package backend_test

// historySize is what earlier predictions of long recordings add to a request.
const historySize = 100 << 20
