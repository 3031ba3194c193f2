package main

import (
	"fmt"
	"runtime"
)

// version is set by the linker, see Makefile.
var version = "development"

type versionCommand struct{}

func (versionCommand) Run(std streams) error {
	_, err := fmt.Fprintf(std.out, "asr-backend %s (%s %s/%s)\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}
