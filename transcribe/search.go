package transcribe

import (
	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/beam"
	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/timeline"
)

// searches are those for the texts of the channels of a recording. Nothing happens without a
// search.
type searches struct {
	search   *beam.Search
	channels []searching
}

// searching is the search in one channel.
type searching struct {
	decoder *beam.Decoder
	tokens  []ctc.Token
}

// attach makes a request give its rows to the searches.
func (s *searches) attach(q *asr.Request) {
	q.Search = func(i int, row timeline.Row, r *ctc.Row, pieces []ctc.Candidate, sure float32) error {
		for len(s.channels) <= i {
			s.channels = append(s.channels, searching{})
		}
		c := &s.channels[i]
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
			best := c.decoder.Finish(1)[0]
			r.Tokens = append(append(c.tokens, c.decoder.Take()...), best.Tokens...)
		}
	}
}
