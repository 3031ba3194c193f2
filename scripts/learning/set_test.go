package main

import (
	"errors"
	"io"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/audio"
	"github.com/asr-backend/asr-backend/wer"
)

const set = "../../testdata/learning"

// The recordings are readable, of usable length, and of both kinds in turn.
func TestRecordings(t *testing.T) {
	recordings, err := readIndex(set)
	if err != nil {
		t.Fatal(err)
	}
	if len(recordings) != 40 {
		t.Fatalf("%d recordings, want 40", len(recordings))
	}
	for i, r := range recordings {
		if want := []string{"real", "tts"}[i%2]; r.kind != want {
			t.Errorf("%s is %s, want %s", r.name, r.kind, want)
		}
		s, err := audio.Open(t.Context(), filepath.Join(set, r.name), audio.Options{FFmpeg: "off"})
		if err != nil {
			t.Error(err)
			continue
		}
		for err == nil {
			_, err = s.Next()
		}
		if length := s.Length().Duration(); !errors.Is(err, io.EOF) || length < 10*time.Second || length > 40*time.Second {
			t.Errorf("%s has %v: %v", r.name, length, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// What is in the glossary is said in some recording, and most of it before and after the corrections end.
func TestGlossary(t *testing.T) {
	recordings, err := readIndex(set)
	if err != nil {
		t.Fatal(err)
	}
	glossary, err := readGlossary(set)
	if err != nil {
		t.Fatal(err)
	}
	both, half := 0, len(recordings)/2
	for _, phrase := range glossary {
		first, second := said(recordings[:half], phrase), said(recordings[half:], phrase)
		if !first && !second {
			t.Errorf("%q is never said", phrase)
		}
		if first && second {
			both++
		}
	}
	if both < len(glossary)*2/3 {
		t.Errorf("%d of %d phrases are said in both halves", both, len(glossary))
	}
}

// said reports whether a phrase is in any of the texts.
func said(recordings []recording, phrase string) bool {
	words := wer.Normalize(phrase)
	return slices.ContainsFunc(recordings, func(r recording) bool {
		all := wer.Normalize(r.text)
		for i := range all {
			if end := i + len(words); end <= len(all) && slices.Equal(all[i:end], words) {
				return true
			}
		}
		return false
	})
}
