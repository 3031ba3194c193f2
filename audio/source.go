package audio

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// openFile opens a file that may be a recording, without waiting: a named pipe that nobody
// writes to yet is waited for when it is read. Devices have no end, and are refused.
func openFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if errors.Is(err, unix.ENXIO) {
		return nil, &Error{Err: errors.New("is a socket"), Hint: "give the recording through standard input instead"}
	}
	if err != nil {
		return nil, errors.Unwrap(err)
	}
	info, err := f.Stat()
	if err == nil {
		err = checkMode(f, info)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func checkMode(f *os.File, info fs.FileInfo) error {
	switch mode := info.Mode(); {
	case mode.IsDir():
		return errors.New("is a folder")
	case mode&fs.ModeDevice != 0 && !isTerminal(f):
		return &Error{Err: errors.New("is a device"), Hint: "give a file, a pipe or standard input; a program such as arecord reads from a device"}
	}
	return nil
}

func isTerminal(f *os.File) bool {
	conn, err := f.SyscallConn()
	if err != nil {
		return false
	}
	err2 := conn.Control(func(fd uintptr) { _, err = unix.IoctlGetWinsize(int(fd), unix.TIOCGWINSZ) })
	return err == nil && err2 == nil
}
