package transcript_test

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/transcript"
)

// tenHours is a transcript of ten hours at 2.5 words a second, in segments of 25 words.
func tenHours() *transcript.Transcript {
	text := strings.Fields("and so the long day went on as it had begun, with one speaker after another, " +
		"until in the evening they voted and went home.")
	tr := &transcript.Transcript{Duration: 10 * time.Hour, Model: "m", ModelVersion: "v"}
	for at := 0.0; at < 36000; at += 10 {
		tr.Segments = append(tr.Segments, segment(transcript.Mixed, at, at+9.5, strings.Join(text, " ")))
	}
	return tr
}

// The cost of ten hours of text: run with -benchmem to see what is allocated.
func BenchmarkWriteTenHours(b *testing.B) {
	tr := tenHours()
	for _, f := range transcript.Formats() {
		b.Run(string(f), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := transcript.Write(io.Discard, f, tr, transcript.WriteOptions{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkReadTenHours(b *testing.B) {
	tr := tenHours()
	for _, f := range []transcript.Format{transcript.JSON, transcript.SRT, transcript.CTM, transcript.TextGrid} {
		var file bytes.Buffer
		if err := transcript.Write(&file, f, tr, transcript.WriteOptions{}); err != nil {
			b.Fatal(err)
		}
		b.Run(string(f), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(file.Len()))
			for b.Loop() {
				if _, err := transcript.Read(bytes.NewReader(file.Bytes()), f); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// The stored form, whose size is shown beside that of the JSON format.
func BenchmarkStoreTenHours(b *testing.B) {
	tr := tenHours()
	var json bytes.Buffer
	if err := transcript.Write(&json, transcript.JSON, tr, transcript.WriteOptions{}); err != nil {
		b.Fatal(err)
	}
	stored, err := tr.MarshalBinary()
	if err != nil {
		b.Fatal(err)
	}
	b.Run("marshal", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := tr.MarshalBinary(); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(len(stored)), "bytes")
		b.ReportMetric(float64(json.Len()), "JSON-bytes")
	})
	b.Run("unmarshal", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var t transcript.Transcript
			if err := t.UnmarshalBinary(stored); err != nil {
				b.Fatal(err)
			}
		}
	})
}
