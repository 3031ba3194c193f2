package main

import (
	"fmt"
	"runtime"
)

// version is set by the linker, see Makefile.
var version = "development"

type versionCommand struct{}

func (versionCommand) Run(std streams) error {
	_, err := fmt.Fprintln(std.out, fullVersion())
	return err
}

func fullVersion() string {
	return fmt.Sprintf("asr-backend %s (%s %s/%s)", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
