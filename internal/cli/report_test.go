package cli_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/audio"
	"github.com/asr-backend/asr-backend/internal/cli"
	"github.com/asr-backend/asr-backend/transcript"
)

// A terminal shows standard output and standard error in one place.
func TestTheMovingLineDoesNotRunIntoTheTranscript(t *testing.T) {
	var screen bytes.Buffer
	r := cli.NewReport(&screen, cli.ReportOptions{Terminal: true})
	r.Progress("talk.wav", time.Second)
	if err := r.Aside(func() error { _, err := screen.WriteString("one two three\n"); return err }); err != nil {
		t.Fatal(err)
	}
	r.Done("talk.wav", nil, &transcript.Transcript{Duration: 9 * time.Second}, 65*time.Second)
	for _, line := range strings.Split(shown(screen.String()), "\n") {
		if strings.Contains(line, "one two") && line != "one two three" {
			t.Errorf("the transcript shares its line: %q", line)
		}
	}
	if !strings.Contains(screen.String(), "talk.wav: 0:09 in 1:05 (0.1x), 0 regions\n") {
		t.Errorf("got %q", screen.String())
	}
}

// shown is what a terminal shows of a text with \r and "erase to the end of the line".
func shown(text string) string {
	var lines []string
	for _, line := range strings.Split(text, "\n") {
		parts := strings.Split(line, "\r\x1b[K")
		lines = append(lines, parts[len(parts)-1])
	}
	return strings.Join(lines, "\n")
}

func TestFailuresAreOneLineWithoutEscapes(t *testing.T) {
	var screen bytes.Buffer
	r := cli.NewReport(&screen, cli.ReportOptions{})
	name := "a\x1b[31m.wav"
	r.Failed(name, fmt.Errorf("transcribe %s: %w", name, &audio.Error{Op: "read", Name: name, Err: errors.Join(errors.New("first"), errors.New("second")), Hint: "do something"}))
	if got, want := screen.String(), `error: a\x1b[31m.wav: first; second; do something`+"\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
