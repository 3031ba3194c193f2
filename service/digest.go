package service

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"asr-backend/asr"
	"asr-backend/internal/atomicfile"
)

// digest returns a bundle's digest, remembered by the sizes and times of its files.
func (e *engines) digest(b *asr.Bundle) (string, error) {
	key := ""
	if b.Dir != "" {
		key = filepath.Join(b.Dir, b.Graph)
		for _, name := range []string{b.Graph, b.Graph + ".data", "tokens.txt", "vocab.txt"} {
			if info, err := os.Stat(filepath.Join(b.Dir, name)); err == nil {
				key += fmt.Sprintf(" %d %d", info.Size(), info.ModTime().UnixNano())
			}
		}
	}
	known := map[string]string{}
	if raw, err := os.ReadFile(e.digests); err == nil && key != "" {
		if json.Unmarshal(raw, &known) == nil && known[key] != "" {
			return known[key], nil
		}
	}
	digest, err := b.Digest()
	if err != nil || key == "" || e.digests == "" {
		return digest, err
	}
	known[key] = digest
	if err := writeJSON(e.digests, known); err != nil {
		e.log.Warn("a model's digest was not remembered", "error", err) // it is computed again
	}
	return digest, nil
}

func writeJSON(path string, v any) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := atomicfile.Create(path)
	if err != nil {
		return err
	}
	if err := json.NewEncoder(f).Encode(v); err != nil {
		return errors.Join(err, f.Close())
	}
	return f.Commit()
}
