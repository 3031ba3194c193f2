package transcript_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/asr-backend/asr-backend/transcript"
)

// Outputs of other programs, cut down to one or two segments; the keys are those of their
// documentation.
func TestReadTakesJSONOfOtherPrograms(t *testing.T) {
	for name, c := range map[string]struct {
		in   string
		want []string
	}{
		"whisper.cpp": {
			`{"systeminfo": "AVX = 1", "model": {"type": "base", "multilingual": true}, "params": {"language": "en"}, "result": {"language": "en"},
			"transcription": [{"timestamps": {"from": "00:00:00,200", "to": "00:00:02,700"}, "offsets": {"from": 200, "to": 2700}, "text": " he should make",
				"tokens": [{"text": "[_BEG_]", "offsets": {"from": 0, "to": 0}, "id": 50363, "p": 0.9}, {"text": " he", "offsets": {"from": 200, "to": 500}, "id": 1, "p": 0.8}]},
			{"timestamps": {"from": "00:00:03,000", "to": "00:00:05,800"}, "text": " and time"}]}`,
			[]string{"200ms-2.7s he should make", "3s-5.8s and time"}},
		"Hugging Face's pipelines": {
			`{"text": " he should make and time", "chunks": [{"timestamp": [0.2, 2.7], "text": " he should make"}, {"text": " and time", "timestamp": [3.0, null]}]}`,
			[]string{"200ms-2.7s he should make", "3s-3s and time"}},
		"Vosk": {
			`{"result": [{"conf": 0.5, "end": 0.6, "start": 0.2, "word": "he"}, {"conf": 1, "end": 1.1, "start": 0.7, "word": "should"}], "text": "he should"}`,
			[]string{"0s-1.1s he should [he 200ms-600ms 0.5] [should 700ms-1.1s 1]"}},
		"the podcast namespace": {
			`{"version": "1.0.0", "segments": [{"speaker": "Anna", "startTime": 0.2, "endTime": 2.7, "body": "he should make"}]}`, []string{"200ms-2.7s he should make"}},
		"AssemblyAI, whose times are milliseconds": {
			`{"id": "5552", "status": "completed", "audio_url": "https://example.org/a.mp3", "text": "Smoke from", "words": [{"text": "Smoke", "start": 250, "end": 650, "confidence": 0.75, "speaker": null},
			{"text": "from", "start": 730, "end": 1022, "confidence": 0.5, "speaker": null}], "confidence": 0.9, "audio_duration": 281}`,
			[]string{"0s-1.022s Smoke from [Smoke 250ms-650ms 0.75] [from 730ms-1.022s 0.5]"}},
		"ElevenLabs, with spaces among its words": {
			`{"language_code": "en", "text": "he should", "words": [{"text": "he", "type": "word", "start": 0.2, "end": 0.5}, {"text": " ", "type": "spacing", "start": 0.5, "end": 0.7}, {"text": "should", "type": "word", "start": 0.7, "end": 1}]}`,
			[]string{"0s-1s he should [he 200ms-500ms 0] [should 700ms-1s 0]"}},
		"a service with the text alone": {`{"text": "he should", "usage": {"type": "tokens", "total_tokens": 4}}`, []string{"0s-0s he should"}},
	} {
		tr, err := transcript.Read(strings.NewReader(c.in), transcript.JSON)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(c.want, dump(tr)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if w := tr.Diagnostics.ReadWarnings; len(w) > 0 {
			t.Errorf("%s: %q", name, w)
		}
	}
}

func TestJSONOfAnotherShapeIsCalledWhatItIs(t *testing.T) {
	for in, want := range map[string]string{
		`[{"id": 1, "data": {"audio": "x"}, "annotations": [{"result": [{"value": {"start": 0.2, "end": 2.7, "text": ["he should"]}}]}]}]`: "a Label Studio export",
		`[{"audio": "x", "id": 1, "label": [], "transcription": "he", "annotator": 1, "annotation_id": 1, "lead_time": 2.5}]`:              "a Label Studio export",
		`{"id": 1, "data": {"audio": "x"}, "predictions": []}`:                                                                             "a Label Studio export",
		`{"jobName": "a", "accountId": "1", "results": {"transcripts": [{"transcript": "he"}], "items": [{"start_time": "0.2", "end_time": "0.5", "alternatives": [{"confidence": "1.0", "content": "he"}], "type": "pronunciation"}]}, "status": "COMPLETED"}`:  "AWS Transcribe",
		`{"metadata": {"request_id": "1"}, "results": {"channels": [{"alternatives": [{"transcript": "he", "confidence": 0.9, "words": []}]}]}}`:                                                                                                                 "Deepgram",
		`{"results": [{"alternatives": [{"transcript": "he", "confidence": 0.9, "words": [{"startTime": "1.400s", "endTime": "1.800s", "word": "he"}]}], "resultEndTime": "2s"}]}`:                                                                               "Google Speech-to-Text",
		`{"format": "2.9", "job": {"id": "1"}, "results": [{"type": "word", "start_time": 0.2, "end_time": 0.5, "alternatives": [{"content": "he", "confidence": 1}]}]}`:                                                                                         "Speechmatics",
		`{"source": "x", "combinedRecognizedPhrases": [{"channel": 0, "display": "He."}], "recognizedPhrases": [{"recognitionStatus": "Success", "channel": 0, "offset": "PT0.36S", "duration": "PT3.42S", "nBest": [{"confidence": 0.92, "display": "He."}]}]}`: "Azure Speech",
		`{"monologues": [{"speaker": 0, "elements": [{"type": "text", "value": "He", "ts": 0.2, "end_ts": 0.5, "confidence": 1}]}]}`:                                                                                                                             "Rev AI",
		`{"wireMagic": "pb3", "events": [{"tStartMs": 200, "dDurationMs": 2500, "segs": [{"utf8": "he"}]}]}`:                                                                                                                                                     "YouTube",
		`{"audio_filepath": "a.wav", "duration": 2.5, "text": "he"}`: "a NeMo manifest",
	} {
		tr, err := transcript.Read(strings.NewReader(in), transcript.JSON)
		if err == nil {
			t.Errorf("%s: got %q, want an error", want, dump(tr))
		} else if !strings.Contains(err.Error(), "JSON of "+want+", which is not read: convert it") {
			t.Errorf("%s: got error %v", want, err)
		}
	}
	for _, in := range []string{`{}`, `{"name": "x", "list": [1, [2], {"a": 1}]}`, `[{"id": 1}]`, `[1, 2]`, `[null]`, `{"text": ["he"]}`} {
		if tr, err := transcript.Read(strings.NewReader(in), transcript.JSON); err == nil || !strings.Contains(err.Error(), `JSON of an unknown shape: expected "segments"`) {
			t.Errorf("%s: got %v and error %v", in, tr, err)
		}
	}
	for _, in := range []string{`[]`, `{"segments": []}`, `{"text": "", "words": []}`, `{"segments": null}`} {
		if tr, err := transcript.Read(strings.NewReader(in), transcript.JSON); err != nil || len(tr.Segments) > 0 {
			t.Errorf("%s: got %v and error %v, want an empty transcript", in, tr, err)
		}
	}
}

// No sentence names a type of Go's.
func TestErrorsOfJSONAreSentences(t *testing.T) {
	for in, want := range map[string]string{
		"{\"segments\": [\n{\"start\": {}, \"end\": 1}]}":                           `line 2: segment 0: "{}" is not a time in seconds`,
		"{\"segments\": [\n{\"start\": 0, \"end\": 1, \"text\": [\"he\"]}]}":        "line 2: segment 0: got a list, want a string",
		"{\"segments\": [{\"start\": 0,\n\"channel\": 1.5}]}":                       "line 2: segment 0: got a number, want a whole number",
		"{\"segments\": [{\"start\": 0,\n\"words\": 3}]}":                           "line 2: segment 0: a number where [ should stand",
		"{\"text\": \"a\",\n\"confidence\": NaN}":                                   "line 2: not valid JSON: invalid character 'N'",
		"{\"segments\": [\n{\"words\": [\"he\", \"should\"], \"confidence\": {}}]}": "line 2: got a string, want an object",
	} {
		_, err := transcript.Read(strings.NewReader(in), transcript.JSON)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "Go ") {
			t.Errorf("%s: got error %v, want %q in it", in, err, want)
		}
	}
}
