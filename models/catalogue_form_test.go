package models

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
)

// maxCatalogue bounds what is read, in bytes.
const maxCatalogue = 4 << 20

// ReadCatalogue reads a catalogue and checks its form.
func ReadCatalogue(r io.Reader) (*Catalogue, error) {
	raw, err := io.ReadAll(io.LimitReader(r, maxCatalogue+1))
	if err != nil {
		return nil, fmt.Errorf("catalogue: %w", err)
	}
	if len(raw) > maxCatalogue {
		return nil, fmt.Errorf("catalogue: more than %d MB", maxCatalogue>>20)
	}
	var c Catalogue
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		return nil, fmt.Errorf("catalogue: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("catalogue: something follows it")
	}
	seen := map[string]bool{DefaultName: true, EmbeddedName: true}
	for i := range c.Models {
		m := &c.Models[i]
		if err := m.check(); err != nil {
			return nil, fmt.Errorf("catalogue: model %q: %w", m.Name, err)
		}
		for _, name := range m.names() {
			if seen[name] {
				return nil, fmt.Errorf("catalogue: name %q is there twice", name)
			}
			seen[name] = true
		}
	}
	return &c, nil
}

var (
	nameForm   = regexp.MustCompile(`^[a-z0-9]+([.-][a-z0-9]+)*$`)
	fileForm   = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]*$`)
	digestForm = regexp.MustCompile(`^[0-9a-f]{64}$`)
	tagForm    = regexp.MustCompile(`^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$`)
)

func (m *Model) check() error {
	switch {
	case !nameForm.MatchString(m.Name) || len(m.Name) > 60:
		return errors.New("a name is made of small letters, digits, dots and hyphens")
	case m.Upstream == "":
		return errors.New("no upstream name")
	case m.Parameters <= 0:
		return errors.New("no number of parameters")
	case m.Mels != 0 && m.Mels != 80 && m.Mels != 128:
		return fmt.Errorf("%d mel bands", m.Mels)
	case !slices.Contains([]string{"", "rnnt", "tdt"}, m.Decoder):
		return fmt.Errorf("decoder %q", m.Decoder)
	case !slices.Contains([]Casing{"", Cased, Lower, Caseless}, m.Casing):
		return fmt.Errorf("casing %q", m.Casing)
	case len(m.Languages) == 0:
		return errors.New("no language")
	}
	for _, l := range m.Languages {
		if !tagForm.MatchString(l) {
			return fmt.Errorf("language %q", l)
		}
	}
	for _, e := range m.ErrorRates {
		if e.Set == "" || e.Percent <= 0 || e.Percent >= 100 || e.Metric != "WER" && e.Metric != "CER" || checkAddress(e.Source) != nil {
			return fmt.Errorf("error rate %+v", e)
		}
	}
	precisions := map[Precision]bool{}
	for i := range m.Builds {
		b := &m.Builds[i]
		if err := b.check(); err != nil {
			return fmt.Errorf("%s build: %w", b.Precision, err)
		}
		if precisions[b.Precision] {
			return fmt.Errorf("two %s builds", b.Precision)
		}
		precisions[b.Precision] = true
	}
	return checkAddress(m.Home)
}

func (b *Build) check() error {
	if b.Precision != FP32 && b.Precision != FP16 && b.Precision != INT8 {
		return errors.New("unknown precision")
	}
	if (b.Archive == nil) != (b.Base != "") || (b.Archive == nil) != (b.Root == "") {
		return errors.New("want either a base or an archive with a root")
	}
	addresses := []string{b.Home, b.Base}
	if b.Archive != nil {
		addresses[1] = b.Archive.URL
		if !strings.HasSuffix(b.Archive.URL, ".tar.bz2") || !fileForm.MatchString(b.Root) || !sane(b.Archive.Size, b.Archive.SHA256) {
			return fmt.Errorf("archive %+v", *b.Archive)
		}
	}
	for _, a := range addresses {
		if err := checkAddress(a); err != nil {
			return err
		}
	}
	names := map[string]bool{}
	graphs, vocabularies := 0, 0
	for _, f := range b.Files {
		if !fileForm.MatchString(f.Name) || f.Name == cardName || names[f.Name] || !sane(f.Size, f.SHA256) {
			return fmt.Errorf("file %+v", f)
		}
		names[f.Name] = true
		switch {
		case path.Ext(f.Name) == ".onnx":
			graphs++
		case f.Name == "tokens.txt", f.Name == "vocab.txt":
			vocabularies++
		}
	}
	// Of a transducer: an encoder with a decoder that has the joint, or with a decoder and a joiner.
	one := graphs == 1 || names["encoder-model.onnx"] && graphs == 2 || (names["encoder.onnx"] || names["encoder.int8.onnx"]) && graphs == 3
	if !one || vocabularies != 1 {
		return fmt.Errorf("%d graphs and %d vocabularies, want those of one model", graphs, vocabularies)
	}
	return nil
}

func sane(size int64, digest string) bool {
	return size >= 0 && size < 1<<40 && (digest == "" || digestForm.MatchString(digest))
}

func checkAddress(a string) error {
	u, err := url.Parse(a)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
		return fmt.Errorf("%q is not an https address", a)
	}
	return nil
}

// Undigested returns the names of files whose content is not pinned: the archive's
// stands for all that is in it.
func (b *Build) Undigested() []string {
	if b.Archive != nil && b.Archive.SHA256 != "" {
		return nil
	}
	var names []string
	for _, f := range b.Files {
		if f.SHA256 == "" {
			names = append(names, f.Name)
		}
	}
	return names
}
