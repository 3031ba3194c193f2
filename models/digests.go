package models

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"

	"github.com/asr-backend/asr-backend/models/internal/fetch"
)

// Digest is what is known about the content of one file of a model, and what it is.
type Digest struct {
	File string
	// Want is the SHA-256 it should have, in hex, or empty if nobody has noted one.
	Want string
	// By says who noted it: "catalogue" or "card".
	By string
	// Got is the SHA-256 it has. It is empty if Err says why it could not be read.
	Got string
	Err error
}

// OK reports whether the file is what it should be, as far as that is known.
func (d Digest) OK() bool { return d.Err == nil && (d.Want == "" || d.Got == d.Want) }

// Digests compares the files of a model's folder with its card and, for a folder of the
// store, with the catalogue. Files that neither mentions are not looked at, except the
// given ones.
func (s *Store) Digests(ctx context.Context, folder string, others ...string) ([]Digest, error) {
	c, err := readCard(folder)
	if err != nil {
		return nil, err
	}
	want := map[string]Digest{}
	for _, name := range others {
		want[name] = Digest{File: name}
	}
	for name, sum := range c.SHA256 {
		want[name] = Digest{File: name, Want: sum, By: "card"}
	}
	if filepath.Dir(folder) == s.Dir {
		if _, b := s.Catalogue.Find(filepath.Base(folder)); b != nil {
			for _, f := range b.Files {
				d := want[f.Name]
				d.File = f.Name
				if f.SHA256 != "" {
					d.Want, d.By = f.SHA256, "catalogue"
				}
				want[f.Name] = d
			}
		}
	}
	var digests []Digest
	for _, name := range slices.Sorted(maps.Keys(want)) {
		d := want[name]
		if !filepath.IsLocal(name) {
			d.Err = errors.New("the card names a file outside of the folder")
		} else {
			d.Got, _, d.Err = fetch.Digest(ctx, filepath.Join(folder, name))
		}
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		if errors.Is(d.Err, fs.ErrNotExist) {
			d.Err = errors.New("missing")
		}
		digests = append(digests, d)
	}
	return digests, nil
}
