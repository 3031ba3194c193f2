package transcript_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/asr-backend/asr-backend/transcript"
)

func FuzzReadText(f *testing.F)     { fuzzRead(f, transcript.Text) }
func FuzzReadTimed(f *testing.F)    { fuzzRead(f, transcript.Timed) }
func FuzzReadJSON(f *testing.F)     { fuzzRead(f, transcript.JSON) }
func FuzzReadSRT(f *testing.F)      { fuzzRead(f, transcript.SRT) }
func FuzzReadVTT(f *testing.F)      { fuzzRead(f, transcript.VTT) }
func FuzzReadCTM(f *testing.F)      { fuzzRead(f, transcript.CTM) }
func FuzzReadTextGrid(f *testing.F) { fuzzRead(f, transcript.TextGrid) }
func FuzzReadTSV(f *testing.F)      { fuzzRead(f, transcript.TSV) }
func FuzzReadAudacity(f *testing.F) { fuzzRead(f, transcript.Audacity) }

// fuzzRead reads foreign bytes: what is accepted keeps the rules of Transcript, holds no
// more than the bytes said, and can be written in every format.
func fuzzRead(f *testing.F, format transcript.Format) {
	seeds, err := filepath.Glob(filepath.Join("testdata", "*", "*"+format.Extension()))
	if err != nil || len(seeds) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, path := range seeds {
		seed, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(seed)
	}
	f.Add([]byte("\xff\xfe1\x00\n\x00"))
	for _, seed := range oddFiles {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		tr, err := transcript.Read(bytes.NewReader(data), format)
		if err != nil {
			if tr != nil {
				t.Fatalf("a transcript together with the error %v", err)
			}
			return
		}
		checkRules(t, tr)
		texts := 0
		for _, s := range tr.Segments {
			texts += len(s.Text)
		}
		// A character in UTF-16 has two bytes and up to three in UTF-8; a guard becomes
		// nothing; words of CTM come back as text with spaces between.
		if texts > 3*len(data) || len(tr.Segments) > len(data) {
			t.Errorf("%d bytes became %d segments with %d bytes of text", len(data), len(tr.Segments), texts)
		}
		for _, to := range transcript.Formats() {
			if err := transcript.Write(io.Discard, to, tr, transcript.WriteOptions{WordTimes: true}); err != nil {
				t.Errorf("write %s: %v", to, err)
			}
		}
		var again bytes.Buffer
		if err := transcript.Write(&again, format, tr, transcript.WriteOptions{}); err != nil {
			t.Fatal(err)
		}
		_, err = transcript.Read(bytes.NewReader(again.Bytes()), format)
		if format == transcript.Text && err != nil && strings.Contains(err.Error(), "the file looks like") {
			return // what was said looks like a damaged file once it stands on one line
		}
		if err != nil {
			t.Errorf("cannot read what was written: %v\n%s", err, again.Bytes())
		}
	})
}

// oddFiles are what only some files of a format have; each is a seed for all of them.
var oddFiles = []string{
	"WEBVTT\n\nNOTE x\n\n00:01.000 --> 00:02.000\n \n<ruby>a<rt>b</ruby>&lrm;{\\an8}\n\nstray\n\n00:03.000 --> 00:02.000\nc\n",
	"\u200f1\n00: 00: 01,000 -> 00:00:02,000\n<rt>a</rt>&amp;b\n2\n00:00:0x --> 1\nc\n\n3\n00:00:05,000 --> 00:00:06,000\n",
	"[00:01.000 --> 00:02.000]  a\n[0.5s -> 1.00s] b\n[00:07.1] c\n0:09\nd\ne\n",
	"0.5\t1.5\ta\n\\\t1\t2\n2\t1\tb\n", "start\tend\ttext\n0\t1500\ta\n2\t1\tb\n", "a 1 0.5 0.2 yes\na 1 x\n;; no\n",
	`[{"start":null,"text":"a","words":[{"word":"b"},{"word":"c","start":2,"end":1}]},null,[1],{"start":"x","end":2,"body":3}]`,
	`{"transcription":[{"timestamps":{"from":"00:00:00,200"},"offsets":{"from":200,"to":1},"text":"a"}],"result":{"language":"en"},"model":{}}`,
	`{"chunks":[{"timestamp":[0,null,3],"text":"a"}],"text":[],"words":[{"text":" "},{"text":"a","conf":1}],"audio_url":"x","results":[{"type":1},[2],3]}`,
}

// checkRules checks what the fields of Transcript promise.
func checkRules(t *testing.T, tr *transcript.Transcript) {
	t.Helper()
	for i, s := range tr.Segments {
		if s.Start < 0 || s.End < s.Start || s.End > tr.Duration || s.Channel < transcript.Mixed || !utf8.ValidString(s.Text) ||
			!(s.Confidence >= 0 && s.Confidence <= 1) {
			t.Errorf("segment %d is bad: %+v in %v", i, s, tr.Duration)
		}
		if i > 0 && (s.Start < tr.Segments[i-1].Start || s.Start == tr.Segments[i-1].Start && s.Channel < tr.Segments[i-1].Channel) {
			t.Errorf("segment %d is out of order", i)
		}
		for j, w := range s.Words {
			if w.Start < s.Start || w.End > s.End || w.End < w.Start || j > 0 && w.Start < s.Words[j-1].Start ||
				!(w.Confidence >= 0 && w.Confidence <= 1) || !utf8.ValidString(w.Text) {
				t.Errorf("word %d of segment %d is bad: %+v in %v to %v", j, i, w, s.Start, s.End)
			}
		}
	}
}
