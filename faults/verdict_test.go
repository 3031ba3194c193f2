package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/labelstudio/labelstudiotest"

	"github.com/google/go-cmp/cmp"
)

func TestVerdictsCountEveryTaskOnce(t *testing.T) {
	r := &run{Context: t.Context(), dir: t.TempDir()}
	s, err := r.studio()
	if err != nil {
		t.Fatal(err)
	}
	defer s.leave()
	ids, err := s.add(s.AddProject(labelstudiotest.Project{}), 4, 4, 4, 4, 4, 0.3)
	if err != nil {
		t.Fatal(err)
	}
	store := func(id int64, texts ...string) {
		p := labelstudiotest.Prediction{Task: id, Version: "v1", Result: []json.RawMessage{}}
		for _, text := range texts {
			raw, err := json.Marshal(map[string]any{"type": "textarea", "value": map[string]any{"text": []string{text}}})
			if err != nil {
				t.Fatal(err)
			}
			p.Result = append(p.Result, raw)
		}
		s.AddPrediction(p)
	}
	store(ids[0], strings.Fields(s.want[ids[0]])...)
	store(ids[1], s.want[ids[1]])
	store(ids[1], s.want[ids[1]])
	store(ids[2], s.want[ids[3]]) // another recording's
	store(ids[5])                 // silence
	got, lost := s.verdict(map[int64]string{ids[3]: "the file is damaged", ids[0]: "an old reason"}, ids)
	if d := cmp.Diff(Tally{Tried: 6, One: 2, Stated: 1, Lost: 1, Doubled: 1, Wrong: 1}, got); d != "" {
		t.Errorf("verdict, want (-), got (+):\n%s", d)
	}
	if d := cmp.Diff([]int64{ids[4]}, lost); d != "" {
		t.Errorf("lost, want (-), got (+):\n%s", d)
	}
	if (Result{Tally: got}).Failed() != true || (Result{Tally: Tally{Tried: 2, One: 1, Stated: 1}}).Failed() {
		t.Error("only what is lost, doubled, wrong or a fault is a failure")
	}
}

func TestTheTableHasASumAndTheFaults(t *testing.T) {
	var out strings.Builder
	results := []Result{
		{Scene: "kills", Kills: 3, Tally: Tally{Tried: 5, One: 5}, Figures: []string{"fast"}},
		{Scene: "disk", Skipped: "no right to mount"},
		{Scene: "busy", Tally: Tally{Tried: 2, One: 1, Lost: 1}, Faults: []string{"slow"}},
	}
	if err := write(&out, results, false); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"skipped: no right to mount", "FAULT busy: slow"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, &out)
		}
	}
	sum := strings.Fields(out.String()[strings.Index(out.String(), "\nall"):])[:9]
	if d := cmp.Diff(strings.Fields("all 3 7 6 0 1 0 0 0"), sum); d != "" {
		t.Errorf("sum, want (-), got (+):\n%s", d)
	}
}

// FFmpeg decodes it without a complaint.
func TestSilenceInOpusIsAsLongAsItSays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "silence.opus")
	if err := os.WriteFile(path, opusSilence(1, 1), 0o644); err != nil {
		t.Fatal(err)
	}
	const rate = 8000
	cmd := exec.Command(oracle.FFmpeg(t), "-v", "error", "-i", path, "-af", "asetpts=N/SR/TB", "-f", "u8", "-ac", "1", "-ar", fmt.Sprint(rate), "-")
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	sound, err := cmd.Output()
	if err != nil || complaints.Len() > 0 {
		t.Fatalf("%v: %s", err, &complaints)
	}
	if got := len(sound); got != 3600*rate {
		t.Errorf("%d samples, want an hour of %d", got, rate)
	}
	if loud := bytes.TrimLeft(sound, "\x80"); len(loud) > 0 {
		t.Errorf("not silent from sample %d on", len(sound)-len(loud))
	}
}
