package main

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

//go:embed take.sh
var take string

// cut writes an archive as parts of at most size bytes, each into a folder of its own with a take.sh.
// Folders of earlier parts are removed.
func cut(archive, out string, size int64) (count int, err error) {
	old, err := filepath.Glob(filepath.Join(out, "[0-9]*"))
	if err != nil {
		return 0, err
	}
	for _, dir := range old {
		if _, err := strconv.Atoi(filepath.Base(dir)); err != nil {
			continue
		}
		if err := os.RemoveAll(dir); err != nil {
			return 0, err
		}
	}
	raw, err := os.ReadFile(archive)
	if err != nil {
		return 0, err
	}
	if len(raw) == 0 {
		return 0, errors.New("the archive is empty")
	}
	// All as large as each other, so that none is larger than it has to be.
	count = int((int64(len(raw)) + size - 1) / size)
	each := (len(raw) + count - 1) / count
	for i := range count {
		part := raw[min(i*each, len(raw)):min((i+1)*each, len(raw))]
		dir := filepath.Join(out, strconv.Itoa(i+1))
		if err := os.Mkdir(dir, 0o755); err != nil {
			return 0, err
		}
		script := strings.NewReplacer("@PART@", strconv.Itoa(i+1), "@PARTS@", strconv.Itoa(count), "@SHA256@", sum(part), "@ALL@", sum(raw)).Replace(take)
		if err := errors.Join(os.WriteFile(filepath.Join(dir, fmt.Sprintf("part.%d", i+1)), part, 0o644),
			os.WriteFile(filepath.Join(dir, "take.sh"), []byte(script), 0o755)); err != nil {
			return 0, err
		}
	}
	return count, nil
}

func sum(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}
