package corrections

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/asr-backend/asr-backend/service/recordings"
	"github.com/asr-backend/asr-backend/timeline"
	"github.com/asr-backend/asr-backend/transcript"
)

// ServeHTTP answers GET with the corrections of the project that the query names, one JSON
// object a line (https://jsonlines.org), in the order of their annotations:
//
//	{"task":5,"annotation":9,"version":"...","at":"...","outcome":"changed","predicted":[...],"corrected":[...],"errors":{...}}
//
// Copies of predictions that nobody has opened are left out.
//
// Each corrected passage has its words with start and end in seconds and a confidence, and
// "timed" says that they were looked for: a text that a person changed a moment ago has none
// yet, and neither has one whose transcript is no longer kept.
func (c *Corrections) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	project, err := strconv.ParseInt(r.URL.Query().Get("project"), 10, 64)
	if err != nil || project <= 0 {
		http.Error(w, "name a project, as in /corrections?project=7", http.StatusBadRequest)
		return
	}
	ids, err := c.annotations(r.Context(), project)
	if err != nil {
		http.Error(w, "the corrections cannot be read: "+err.Error(), http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/jsonl")
	known := transcripts{c.Recordings, project, map[string]*transcript.Transcript{}}
	out := json.NewEncoder(w)
	for _, id := range ids {
		correction, err := c.Load(r.Context(), project, id)
		if err == nil && correction != nil && correction.Outcome != Copied {
			known.complete(r.Context(), correction)
			err = out.Encode(correction)
		}
		if err != nil {
			// The status is sent; a line that is no JSON says that lines are missing.
			fmt.Fprintf(w, "error: %v\n", err)
			return
		}
	}
}

// annotations returns the annotations of a project's corrections, in order.
func (c *Corrections) annotations(ctx context.Context, project int64) ([]int64, error) {
	values, err := c.values(project)
	if err != nil {
		return nil, err
	}
	keys, err := values.Keys(ctx)
	if err != nil {
		return nil, err
	}
	var ids []int64
	for _, key := range keys {
		name, ok := strings.CutPrefix(key, keyCorrection)
		if id, err := strconv.ParseInt(name, 10, 64); ok && err == nil {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids, nil
}

// transcripts are those read for one answer: many corrections may be of one recording.
type transcripts struct {
	recordings *recordings.Recordings
	project    int64
	read       map[string]*transcript.Transcript // nil for one that is not kept
}

func (t *transcripts) get(ctx context.Context, key string) *transcript.Transcript {
	known, ok := t.read[key]
	if !ok {
		var err error
		if known, err = t.recordings.Transcript(ctx, t.project, key); err != nil {
			if !errors.Is(err, recordings.ErrNotTranscribed) {
				return nil // it may be there the next time
			}
			known = nil
		}
		if len(t.read) >= mostTranscripts {
			clear(t.read)
		}
		t.read[key] = known
	}
	return known
}

// mostTranscripts bounds how many transcripts an answer holds at once.
const mostTranscripts = 8

// complete gives texts that are as they were predicted the words of their transcript.
func (t *transcripts) complete(ctx context.Context, c *Correction) {
	for i := range c.Corrected {
		p := &c.Corrected[i]
		if p.Timed || c.Transcripts[p.Plan] == "" {
			continue
		}
		if whole := t.get(ctx, c.Transcripts[p.Plan]); whole != nil {
			if words := within(whole, p); transcript.JoinWords(words) == strings.Join(strings.Fields(p.Text), " ") {
				p.Words, p.Timed = timed(words), true
			}
		}
	}
}

// within returns the words of a transcript whose middle lies in a passage.
func within(t *transcript.Transcript, p *Passage) []transcript.Word {
	start, end := timeline.FromSeconds(p.Start), timeline.FromSeconds(cmp.Or(p.End, t.Duration.Seconds()))
	var out []transcript.Word
	for i := range t.Segments {
		s := &t.Segments[i]
		if p.End > 0 && s.Channel != transcript.Mixed && s.Channel != p.Channel {
			continue
		}
		for _, w := range s.Words {
			if middle := w.Start + (w.End-w.Start)/2; middle >= start && middle <= end {
				out = append(out, w)
			}
		}
	}
	return out
}
