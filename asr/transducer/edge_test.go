package transducer_test

import (
	"context"
	"encoding/json"
	"os"
	"slices"
	"testing"

	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/asr/transducer"
	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/timeline"
)

// script is a joint with given answers: after u pieces it wants, in row t, piece
// Token[t][u % U] and the duration of index Duration[t][u % U]. It counts pieces in its state.
type script struct {
	Durations       []timeline.Row
	MaxSymbols      int `json:"max_symbols"`
	Rows            int
	Token, Duration [][]int
	IDs             []int `json:"ids"`
	Frames          []int
	LabelDurations  []int `json:"label_durations"`

	blank ctc.Piece
}

func (s *script) NewState() *transducer.State { return &transducer.State{Hidden: make([]float32, 1)} }

func (s *script) Step(_ context.Context, q *transducer.Step) error {
	q.After.Hidden[0] = q.Before.Hidden[0]
	if q.Label != s.blank {
		q.After.Hidden[0]++
	}
	width := int(s.blank) + 1 + len(s.Durations)
	clear(q.Logits)
	for i := range q.Count {
		row := int(q.Rows[i])
		said := int(q.After.Hidden[0]) % len(s.Token[row])
		q.Logits[i*width+s.Token[row][said]] = 5
		if len(s.Durations) > 0 {
			q.Logits[i*width+int(s.blank)+1+s.Duration[row][said]] = 5
		}
	}
	return nil
}

// NeMo's answers to joints that do what models seldom do: pieces that last nothing, blanks that
// last nothing, durations beyond the end, rows with more pieces than are allowed. The answer does
// not depend on the parts in which rows come, nor on how many are asked at once.
func TestScriptsGiveWhatNeMoGives(t *testing.T) {
	raw, err := os.ReadFile(oracle.Data(t, "transducer", "edge.json"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Blank ctc.Piece
		Cases []script
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	tdt := 0
	for i := range file.Cases {
		s := &file.Cases[i]
		s.blank = file.Blank
		if len(s.Durations) > 0 {
			tdt++
		}
		rows := make([]float32, s.Rows)
		for r := range rows {
			rows[r] = float32(r)
		}
		for _, ahead := range []int{1, 2, 7} {
			for _, part := range []int{1, 2, 3, max(s.Rows, 1)} {
				d, err := transducer.NewDecoder(s, transducer.Options{Blank: s.blank, RowWidth: 1, Durations: s.Durations, MaxSymbols: s.MaxSymbols, Ahead: ahead}, 100)
				if err != nil {
					t.Fatal(err)
				}
				var labels []transducer.Label
				for rest := rows; len(rest) > 0; rest = rest[min(part, len(rest)):] {
					if labels, err = d.Push(t.Context(), rest[:min(part, len(rest))], labels); err != nil {
						t.Fatal(err)
					}
				}
				var ids, frames, durations []int
				for _, l := range labels {
					ids, frames, durations = append(ids, int(l.Piece)), append(frames, int(l.Row)-100), append(durations, int(l.Duration))
				}
				if !slices.Equal(ids, s.IDs) || !slices.Equal(frames, s.Frames) || len(s.Durations) > 0 && !slices.Equal(durations, s.LabelDurations) {
					t.Fatalf("case %d, %d ahead, parts of %d: pieces %v in rows %v for %v, want %v in %v for %v", i, ahead, part, ids, frames, durations, s.IDs, s.Frames, s.LabelDurations)
				}
			}
		}
	}
	if len(file.Cases) < 160 || tdt < 80 {
		t.Errorf("%d cases, %d of TDT", len(file.Cases), tdt)
	}
}

// After rows without a piece the networks begin anew, wherever parts of the rows end.
func TestTheNetworksBeginAnewAfterAPause(t *testing.T) {
	const blank, rows, second = 9, 30, 20
	s := &script{Rows: rows, blank: blank}
	for r := range rows {
		switch r {
		case 2:
			s.Token = append(s.Token, []int{3, blank})
		case second:
			s.Token = append(s.Token, []int{7, 8, blank}) // the first piece after a start, or the second
		default:
			s.Token = append(s.Token, []int{blank})
		}
	}
	values := make([]float32, rows)
	for r := range values {
		values[r] = float32(r)
	}
	for _, c := range []struct {
		restart timeline.Row
		want    []int
	}{{0, []int{3, 8}}, {second - 2, []int{3, 7, 8}}, {second - 1, []int{3, 8}}, {5, []int{3, 7, 8}}} {
		for part := 1; part <= rows; part++ {
			d, err := transducer.NewDecoder(s, transducer.Options{Blank: blank, RowWidth: 1, Restart: c.restart, Ahead: 4}, 100)
			if err != nil {
				t.Fatal(err)
			}
			var labels []transducer.Label
			for at := 0; at < rows; at += part {
				snapshot := d.AppendSnapshot(nil)
				if d, err = transducer.NewDecoder(s, transducer.Options{Blank: blank, RowWidth: 1, Restart: c.restart, Ahead: 4}, 0); err == nil {
					err = d.Restore(snapshot, 100+timeline.Row(at))
				}
				if err == nil {
					labels, err = d.Push(t.Context(), values[at:min(at+part, rows)], labels)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			var ids []int
			for _, l := range labels {
				ids = append(ids, int(l.Piece))
			}
			if !slices.Equal(ids, c.want) {
				t.Errorf("restart after %d rows, parts of %d: pieces %v, want %v", c.restart, part, ids, c.want)
			}
		}
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for _, o := range []transducer.Options{{RowWidth: 1}, {Blank: 3}, {Blank: 3, RowWidth: 1, MaxSymbols: -1}, {Blank: 3, RowWidth: 1, Ahead: -1}, {Blank: 3, RowWidth: 1, Restart: -1}, {Blank: 3, RowWidth: 1, Durations: []timeline.Row{-1}}} {
		if _, err := transducer.NewDecoder(&script{}, o, 0); err == nil {
			t.Errorf("%+v is accepted", o)
		}
	}
	d, err := transducer.NewDecoder(&script{}, transducer.Options{Blank: 3, RowWidth: 2}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Push(t.Context(), make([]float32, 3), nil); err == nil {
		t.Error("a row and a half is accepted")
	}
}
