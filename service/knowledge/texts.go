package knowledge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/asr-backend/asr-backend/learn"
)

const (
	keyTexts = "texts" // the list
	keyText  = "text/" // begins the keys of texts
)

// MostTextBytes is how long all texts of a project may be together: some two thousand pages.
const MostTextBytes = 8 << 20

// mostTexts is how many there may be.
const mostTexts = 200

// textName is what texts are called: file names.
var textName = regexp.MustCompile(`^[\pL\pN][\pL\pN ._()+-]{0,99}$`)

// RefusedError says why a text cannot be kept. It is a sentence for whoever gave it.
type RefusedError string

// Error returns the sentence.
func (e RefusedError) Error() string { return string(e) }

// Texts returns the names of a project's texts and their sizes in bytes.
func (s *Store) Texts(ctx context.Context, project int64) (map[string]int, error) {
	values, err := s.values(project)
	if err != nil {
		return nil, err
	}
	list, _, err := values.Get(ctx, keyTexts)
	if err != nil {
		return nil, fmt.Errorf("list the texts of project %d: %w", project, err)
	}
	return parseTexts(list), nil
}

func parseTexts(list string) map[string]int {
	texts := map[string]int{}
	if json.Unmarshal([]byte(list), &texts) != nil || texts == nil {
		return map[string]int{}
	}
	return texts
}

// PutText keeps a text, in place of one of that name. An error is a RefusedError where the text is
// to blame.
func (s *Store) PutText(ctx context.Context, project int64, name, text string) error {
	switch {
	case !textName.MatchString(name):
		return RefusedError(fmt.Sprintf("%.60q is no name for a text; want up to 100 letters, digits, spaces and . _ - + ( )", name))
	case !utf8.ValidString(text):
		return RefusedError(fmt.Sprintf("%s is not UTF-8; save it as UTF-8 text", name))
	case strings.TrimSpace(text) == "":
		return RefusedError(fmt.Sprintf("%s is empty", name))
	}
	if err := s.changeTexts(ctx, project, func(texts map[string]int) error {
		texts[name] = len(text)
		sum := 0
		for _, n := range texts {
			sum += n
		}
		if len(texts) > mostTexts || sum > MostTextBytes {
			return RefusedError(fmt.Sprintf("the texts of a project may be %d files and %d MB together; with %s they would be %d files and %.1f MB", mostTexts, MostTextBytes>>20, name, len(texts), float64(sum)/(1<<20)))
		}
		return nil
	}); err != nil {
		return err
	}
	if err := s.put(ctx, project, keyText+name, []byte(text)); err != nil {
		return fmt.Errorf("store a text of project %d: %w", project, err)
	}
	return nil
}

// DeleteText drops a text, if there is one of that name.
func (s *Store) DeleteText(ctx context.Context, project int64, name string) error {
	if err := s.remove(ctx, project, keyText+name); err != nil {
		return fmt.Errorf("drop a text of project %d: %w", project, err)
	}
	return s.changeTexts(ctx, project, func(texts map[string]int) error {
		delete(texts, name)
		return nil
	})
}

func (s *Store) changeTexts(ctx context.Context, project int64, change func(map[string]int) error) error {
	values, err := s.values(project)
	if err != nil {
		return err
	}
	return values.Update(ctx, keyTexts, func(old string) (string, error) {
		texts := parseTexts(old)
		if err := change(texts); err != nil {
			return "", err
		}
		raw, err := json.Marshal(texts)
		return string(raw), err
	})
}

// Documents returns the texts of a project by name. One that was not stored to its end is left out.
func (s *Store) Documents(ctx context.Context, project int64) ([]learn.Document, error) {
	texts, err := s.Texts(ctx, project)
	if err != nil {
		return nil, err
	}
	var out []learn.Document
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		raw, err := s.get(ctx, project, keyText+name)
		if errors.Is(err, ErrNone) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read text %s of project %d: %w", name, project, err)
		}
		out = append(out, learn.Document{Name: name, Text: string(raw)})
	}
	return out, nil
}
