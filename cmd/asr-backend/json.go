package main

import (
	"encoding/json"
	"io"
)

// printJSON prints a value for programs, of commands whose whole answer it is.
func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
