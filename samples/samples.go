// Package samples is speech that the program needs to try itself out. SOURCE.md says where it
// comes from.
package samples

import _ "embed" // the recordings

// Address is eleven seconds of speech as MP3, 16 kHz.
//
//go:embed address.mp3
var Address []byte
