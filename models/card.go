package models

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/internal/atomicfile"
	"github.com/asr-backend/asr-backend/models/internal/fetch"
)

// cardName is the file that asr.OpenBundle reads a model's card from.
const cardName = "model.json"

// card is model.json as it is written for a pulled model: an asr.Card, and where the
// files came from.
type card struct {
	Name string `json:"name"`
	// Language is empty for a model of several: no transcript of it has a known one.
	Language  string   `json:"language,omitempty"`
	Languages []string `json:"languages"`
	Casing    Casing   `json:"casing,omitempty"`
	Licence   string   `json:"licence,omitempty"`
	Source    string   `json:"source"`
	Mels      int      `json:"mels,omitempty"`
	// SHA256 holds digests by file name, Origins how each was known.
	SHA256  map[string]string       `json:"sha256"`
	Origins map[string]fetch.Origin `json:"digests"`

	Upstream  string    `json:"upstream"`
	Home      string    `json:"home"`
	Precision Precision `json:"precision"`

	SelfTest *SelfTest `json:"selftest,omitempty"`
}

// SelfTest lets others check an exported model against its checkpoint.
type SelfTest struct {
	// Sample is the SHA-256 of a recording, in hex.
	Sample string `json:"sample"`
	// Text is the greedy transcript of the recording by the checkpoint that was exported.
	Text string `json:"text"`
}

// UnmarshalJSON accepts the cards of earlier exporters, which called the text "heard".
func (s *SelfTest) UnmarshalJSON(raw []byte) error {
	var card struct{ Sample, Text, Heard string }
	if err := json.Unmarshal(raw, &card); err != nil {
		return err
	}
	s.Sample, s.Text = card.Sample, cmp.Or(card.Text, card.Heard)
	return nil
}

func newCard(m *Model, b *Build) *card {
	language := ""
	if len(m.Languages) == 1 {
		language = m.Languages[0]
	}
	return &card{Name: m.BuildName(b), Language: language, Languages: m.Languages, Casing: m.Casing, Licence: m.Licence, Source: b.Home, Mels: m.Mels,
		SHA256: map[string]string{}, Origins: map[string]fetch.Origin{}, Upstream: m.Upstream, Home: m.Home, Precision: b.Precision}
}

// Languages returns the languages that a model's card says it knows.
func Languages(b *asr.Bundle) []string {
	if b.Card.Language != "" {
		return []string{b.Card.Language}
	}
	if b.Dir == "" {
		return nil
	}
	c, err := readCard(b.Dir)
	if err != nil {
		return nil // the bundle could not have been opened with such a card
	}
	return c.Languages
}

// ReadSelfTest returns the self-test in a model's card, or nil if there is none.
func ReadSelfTest(b *asr.Bundle) (*SelfTest, error) {
	if b.Dir == "" {
		return nil, nil
	}
	c, err := readCard(b.Dir)
	if err != nil {
		return nil, err
	}
	return c.SelfTest, nil
}

// add notes a file.
func (c *card) add(name, digest string, o fetch.Origin) {
	c.SHA256[name], c.Origins[name] = digest, o
}

// write puts the card into a folder.
func (c *card) write(folder string) error { return writeCard(folder, c) }

// writeCard writes a card, whatever holds it.
func writeCard(folder string, card any) error {
	raw, err := json.MarshalIndent(card, "", "  ")
	if err != nil {
		return err
	}
	return atomicfile.WriteFile(filepath.Join(folder, cardName), append(raw, '\n'))
}

// readCard reads the card in a folder. A folder without one gives an empty card.
func readCard(folder string) (*card, error) {
	var c card
	raw, err := os.ReadFile(filepath.Join(folder, cardName))
	if errors.Is(err, os.ErrNotExist) {
		return &c, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(raw, &c); err != nil {
		return nil, fmt.Errorf("%s: %w", cardName, err)
	}
	return &c, nil
}
