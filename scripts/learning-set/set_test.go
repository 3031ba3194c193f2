package main

import (
	"context"
	"errors"
	"io"
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
	if len(recordings) != 2*corrected {
		t.Fatalf("%d recordings, want %d", len(recordings), 2*corrected)
	}
	for i, r := range recordings {
		if want := []string{"real", "tts"}[i%2]; r.kind != want {
			t.Errorf("%s is %s, want %s", r.path, r.kind, want)
		}
		s, err := audio.Open(context.Background(), r.path, audio.Options{FFmpeg: "off"})
		if err != nil {
			t.Error(err)
			continue
		}
		for err == nil {
			_, err = s.Next()
		}
		if length := s.Length().Duration(); !errors.Is(err, io.EOF) || length < 10*time.Second || length > 40*time.Second {
			t.Errorf("%s has %v: %v", r.path, length, err)
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
	glossary, err := readLines(set + "/glossary.txt")
	if err != nil {
		t.Fatal(err)
	}
	both := 0
	for _, phrase := range glossary {
		first, second := said(recordings[:corrected], phrase), said(recordings[corrected:], phrase)
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
		for i := range r.words {
			if end := i + len(words); end <= len(r.words) && slices.Equal(r.words[i:end], words) {
				return true
			}
		}
		return false
	})
}
