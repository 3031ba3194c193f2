package atomicfile

import (
	"os"
	"sync"
	"syscall"
)

// umask reads the process's file mode mask once: the only call that returns it sets it
// for a moment, which must not happen while other files are created.
var umask = sync.OnceValue(func() os.FileMode {
	m := syscall.Umask(0o22)
	syscall.Umask(m)
	return os.FileMode(m)
})
