package transcript_test

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/asr-backend/asr-backend/transcript"
)

// stored draws a transcript as the program makes it, with what no format holds.
var stored = rapid.Custom(func(t *rapid.T) *transcript.Transcript {
	tr := transcripts(shape{}).Draw(t, "transcript")
	at := rapid.Custom(func(t *rapid.T) time.Duration {
		return sample * time.Duration(rapid.Int64Range(0, 1e10).Draw(t, "sample"))
	})
	score := rapid.Float64Range(0, 1)
	if rapid.Bool().Draw(t, "of a model") {
		score = rapid.Map(rapid.Float32Range(0, 1), func(x float32) float64 { return float64(x) })
	}
	for i := range tr.Segments {
		s := &tr.Segments[i]
		if s.Text == "" || rapid.Bool().Draw(t, "another text") {
			s.Text = rapid.String().Draw(t, "text")
		}
		for range rapid.IntRange(0, 2).Draw(t, "alternatives") {
			s.Alternatives = append(s.Alternatives, transcript.Alternative{Text: rapid.String().Draw(t, "text"), Probability: score.Draw(t, "probability")})
		}
		for j := range s.Words {
			w := &s.Words[j]
			w.SpikeStart, w.SpikeEnd, w.Confidence = at.Draw(t, "start"), at.Draw(t, "end"), score.Draw(t, "confidence")
		}
	}
	tr.Diagnostics.Decoding = rapid.SampledFrom([]string{"", "greedy"}).Draw(t, "decoding")
	tr.Diagnostics.WindowsSkipped = rapid.IntRange(0, 9).Draw(t, "skipped")
	tr.Diagnostics.ReadWarnings = rapid.SliceOfN(token, 1, 2).Draw(t, "warnings of reading")
	if len(tr.Diagnostics.Warnings) == 0 {
		tr.Diagnostics.Warnings = nil
	}
	return tr
})

func TestStoredTranscriptsComeBackAsTheyWere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := stored.Draw(t, "transcript")
		b, err := want.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		var got transcript.Transcript
		if err := got.UnmarshalBinary(b); err != nil {
			t.Fatal(err)
		}
		if diff := gocmp.Diff(want, &got); diff != "" { // no tolerance of any kind
			t.Fatalf("(-want +got):\n%s", diff)
		}
	})
}

func TestATimeBetweenSamplesIsNotStored(t *testing.T) {
	for name, tr := range map[string]*transcript.Transcript{
		"between":  {Duration: sample + 1},
		"negative": {Segments: []transcript.Segment{{Start: -1}}},
		"too long": {Duration: 1<<63 - 1},
		"of words": {Segments: []transcript.Segment{{Words: []transcript.Word{{SpikeEnd: sample / 2}}}}},
	} {
		if b, err := tr.MarshalBinary(); err == nil || b != nil {
			t.Errorf("%s: %x, %v", name, b, err)
		}
	}
}

// The bytes stand in the data directories of users.
func TestTheStoredFormStays(t *testing.T) {
	tr := &transcript.Transcript{Source: "a.wav", Language: "en", Model: "m", ModelVersion: "m-1", Duration: 10 * time.Hour, Confidence: 0.75,
		Segments: []transcript.Segment{
			{Start: 3 * time.Second, End: 3*time.Second + 10*sample, Text: "Ah so", Channel: transcript.Mixed, Confidence: 1,
				Words: []transcript.Word{
					{Start: 3 * time.Second, End: 3*time.Second + 4*sample, Text: "Ah", Confidence: 0.5, SpikeStart: 3*time.Second - sample, SpikeEnd: 3*time.Second + 2*sample},
					{Start: 3*time.Second + 5*sample, End: 3*time.Second + 10*sample, Text: "so", Confidence: 0.5, SpikeStart: 3*time.Second + 5*sample, SpikeEnd: 3*time.Second + 5*sample},
				}},
			{Start: 4 * time.Second, End: 5 * time.Second, Text: "é"},
		},
		Diagnostics: transcript.Diagnostics{Warnings: []string{"w"}, Windows: 3, WindowsSkipped: 1, UnrecognizedSpeech: sample}}
	const first = "ASRT\x01" + "\x05a.wav\x02en\x01m\x03m-1" + "\x80\xc0\xa8\xa5\x04" + "\xbf\xd0\x03" + "\x02" +
		"\x80\xee\x05\x14\x01\xbf\xe0\x03\x00\x02" + "\x00\x08\x02Ah\x01\x06\xbf\xc0\x03" + "\x0a\x0a\x02so\x00\x00\xbf\xc0\x03" +
		"\x80\xe8\x07\x80\xfa\x01\x00\x00\x03é\x00" +
		"\x01\x01w\x00\x06\x02\x00\x02"
	var earlier transcript.Transcript
	if err := earlier.UnmarshalBinary([]byte(first)); err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(tr, &earlier); diff != "" {
		t.Errorf("version 1 (-want +got):\n%s", diff)
	}
	tr.Segments[1].Alternatives = []transcript.Alternative{{Text: "e", Probability: 0.5}}
	tr.Diagnostics.Decoding = "greedy"
	const want = "ASRT\x02" + "\x05a.wav\x02en\x01m\x03m-1" + "\x80\xc0\xa8\xa5\x04" + "\xbf\xd0\x03" + "\x02" +
		"\x80\xee\x05\x14\x01\xbf\xe0\x03\x00\x02" + "\x00\x08\x02Ah\x01\x06\xbf\xc0\x03" + "\x0a\x0a\x02so\x00\x00\xbf\xc0\x03" + "\x00" +
		"\x80\xe8\x07\x80\xfa\x01\x00\x00\x03é\x00" + "\x01\x01e\xbf\xc0\x03" +
		"\x01\x01w\x00\x06\x02\x00\x02" + "\x06greedy"
	got, err := tr.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff([]byte(want), got); diff != "" {
		t.Errorf("a change of the stored form needs another version (-want +got):\n%s", diff)
	}
	var back transcript.Transcript
	if err := back.UnmarshalBinary([]byte(want)); err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(tr, &back); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDamagedStoredTranscriptsAreRefused(t *testing.T) {
	whole, err := transcripts(shape{spoken: true}).Example(7).MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	kept := transcript.Transcript{Source: "kept"}
	refused := func(b []byte, want string) {
		t.Helper()
		if err := kept.UnmarshalBinary(b); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%d bytes of %d: %v, want %q", len(b), len(whole), err, want)
		}
	}
	for n := range whole {
		want := "damaged"
		if n < len("ASRT")+1 {
			want = "not a stored transcript"
		}
		refused(whole[:n], want)
	}
	refused(append(bytes.Clone(whole), 0), "damaged")
	refused([]byte(`{"text": ""}`), "not a stored transcript")
	refused([]byte("ASRT\x03"), "a later program wrote it")
	refused([]byte("ASRT\x00"), "a later program wrote it")
	refused(binary.AppendUvarint([]byte("ASRT\x02\x00\x00\x00\x00\x00\x00"), 1<<62), "damaged")
	if kept.Source != "kept" {
		t.Errorf("the transcript was changed: %+v", kept)
	}
}

func FuzzUnmarshalBinary(f *testing.F) {
	for i := range 10 {
		b, err := stored.Example(i).MarshalBinary()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte("ASRT\x02"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var tr transcript.Transcript
		if tr.UnmarshalBinary(data) != nil {
			return
		}
		words := 0
		for _, s := range tr.Segments {
			words += len(s.Words)
		}
		if len(tr.Segments) > len(data) || words > len(data) {
			t.Errorf("%d bytes became %d segments with %d words", len(data), len(tr.Segments), words)
		}
		once, err := tr.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		var again transcript.Transcript
		if err := again.UnmarshalBinary(once); err != nil {
			t.Fatal(err)
		}
		twice, err := again.MarshalBinary()
		if err != nil || !bytes.Equal(once, twice) { // compares what is not a number, too
			t.Errorf("%x became %x, %v", once, twice, err)
		}
	})
}
