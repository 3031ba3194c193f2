// Package onnx opens the ONNX Runtime that the tests of a package share: a process can open
// one. It is apart from package oracle, whose users need no C library.
package onnx

import (
	"fmt"
	"os"

	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/internal/oracle"
)

// Open opens the library for a TestMain, with what closes it and exits with the code of the
// tests: goleak.Cleanup takes that. The library is nil if there is none. One that does not
// open ends the process.
func Open() (library *ort.Runtime, exit func(code int)) {
	if path := oracle.Library(); path != "" {
		var err error
		if library, err = ort.Open(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	return library, func(code int) {
		if library != nil {
			code = Close(library.Close, code)
		}
		os.Exit(code)
	}
}

// Close closes something before exit is called, and returns the code to exit with.
func Close(close func() error, code int) int {
	if err := close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return max(code, 1)
	}
	return code
}
