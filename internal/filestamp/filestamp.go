// Package filestamp shows whether a file is still the one that was seen, without reading it.
package filestamp

import (
	"fmt"
	"os"
)

// Of returns the size, the time of the last change and the inode of a file, as text. A file of the same
// stamp is taken for unchanged: whoever writes into a file in place, keeps its size and sets its time back
// is not noticed.
func Of(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d %d %d", info.Size(), info.ModTime().UnixNano(), inode(info)), nil
}
