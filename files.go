// Package asrbackend carries files of this folder in the program, for those who have the
// program and not the sources: package scaffold makes new folders of them, and the command
// create makes projects of the labelling configurations. Everything else is in the packages
// below.
package asrbackend

import "embed"

// Files are the files by their names here.
//
//go:embed go.mod go.sum docker-compose.yml docker-compose.cpu.yml deploy/example.env doc/configurations/*.xml
var Files embed.FS
