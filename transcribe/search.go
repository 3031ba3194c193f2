package transcribe

import (
	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/beam"
	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/timeline"
)

// searches are those for the texts of the channels of a recording.
type searches struct {
	search   *beam.Search // nil: the texts are the greedy ones
	keep     bool         // the candidates of all rows
	channels []searching
}

// searching is the search in one channel.
type searching struct {
	decoder    *beam.Decoder
	tokens     []ctc.Token
	candidates ctc.Candidates
}

// attach makes a request give its rows to the searches, unless there is no use for them.
func (s *searches) attach(q *asr.Request) {
	if s.search == nil && !s.keep {
		return
	}
	q.Search = func(i int, row timeline.Row, r *ctc.Row, pieces []ctc.Candidate, sure float32) error {
		for len(s.channels) <= i {
			s.channels = append(s.channels, searching{})
		}
		c := &s.channels[i]
		if s.keep {
			c.candidates.AppendRow(pieces, sure)
		}
		if s.search == nil {
			return nil
		}
		if c.decoder == nil {
			c.decoder = s.search.Decoder(row)
		}
		c.decoder.PushCandidates(r.Blank, pieces, sure)
		c.tokens = append(c.tokens, c.decoder.Take()...)
		return nil
	}
}

// finish gives the results their texts.
func (s *searches) finish(results []*asr.Result) {
	if s.search == nil {
		return
	}
	for i, r := range results {
		r.Searched = true
		if i < len(s.channels) && s.channels[i].decoder != nil {
			c := &s.channels[i]
			r.Tokens = append(c.tokens, c.decoder.Best()...)
		}
	}
}

// candidates returns those that were kept of the i-th channel.
func (s *searches) candidates(i int) *ctc.Candidates {
	if i >= len(s.channels) || !s.keep {
		return nil
	}
	return &s.channels[i].candidates
}
