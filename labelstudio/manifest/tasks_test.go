package manifest_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/internal/visible"
	"github.com/asr-backend/asr-backend/labelstudio/manifest"

	"golang.org/x/text/encoding/unicode"
)

// numbers returns the tasks' numbers up to an error.
func numbers(text string) (ids []int64, err error) {
	for task, err := range manifest.Tasks(strings.NewReader(text)) {
		if err != nil {
			return ids, err
		}
		ids = append(ids, task.ID)
	}
	return ids, nil
}

func TestOtherFilesAreNamed(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"nothing", "", "an empty file"},
		{"white space", " \n\t", "an empty file"},
		{"JSON_MIN", `[{"id": 1, "audio": "a.wav", "transcription": [{"start": 0.2, "end": 2.7, "text": ["x"]}], "annotator": 1, "annotation_id": 3}]`, "a JSON_MIN export"},
		{"CSV", "audio,id,transcription,annotator,annotation_id,created_at\na.wav,1,x,1,3,2026\n", "a CSV export"},
		{"CSV from Windows", "\ufeffannotation_id,\"audio\"\r\n", "a CSV export"},
		{"TSV", "audio\tid\tlabels\tlead_time\n", "a TSV export"},
		{"CONLL", "-DOCSTART- -X- O\nx -X- _ O\n", "a CONLL2003 export"},
		{"COCO", `{"images": [], "categories": [], "annotations": []}`, "a COCO export"},
		{"a NeMo manifest", "{\"audio_filepath\": \"a.wav\", \"text\": \"x\"}\n{\"audio_filepath\": \"b.wav\"}\n", "a manifest already"},
		{"a manifest as a list", `[{"audio_filepath": "a.wav"}]`, "a manifest already"},
		{"one annotation", `{"id": 1, "result": [], "task": {"id": 2, "data": {}}}`, "annotations without their tasks"},
		{"annotations", `[{"id": 1, "result": []}]`, "annotations without their tasks"},
		{"a result", `[{"from_name": "t", "value": {}}]`, "the result of one annotation"},
		{"a page of the API", `{"total": 1, "tasks": [{"id": 1}]}`, "Label Studio's API"},
		{"an archive", "PK\x03\x04rest", "a ZIP archive"},
		{"a compressed file", "\x1f\x8b\x08rest", "a gzip archive"},
		{"a page", "<!DOCTYPE html><html>", "a web page or XML"},
		{"an object", `{"id": 1}`, "not an export"},
		{"a list of objects", `[{"id": 1}, {"id": 2}]`, "not an export"},
		{"a list of numbers", `[1, 2]`, "not an export"},
		{"text", "Once upon a time, there was\n", "not an export"},
		{"a recording", "RIFF\x24\x00\x00\x00WAVE", "not an export"},
	} {
		_, err := numbers(c.text)
		var format *manifest.FormatError
		if !errors.As(err, &format) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), `choose Export, then "JSON"`) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestDamagedExportsAreErrors(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"cut off", export[:len(export)-1], "cut off"},
		{"cut off before the end of the list", strings.TrimRight(export, "]\n \t"), "cut off"},
		{"cut inside", export[:200], "cut off after 0 tasks"},
		{"cut after a comma", `[{"data":{}},`, "cut off after 1 tasks"},
		{"something else in it", `[{"data":{}}, x]`, "task 2 of the export: not JSON at byte"},
		{"two exports", export + export, "several exports in one"},
		{"Latin-1", "[{\"data\":{\"audio\":\"\xe9.wav\"}}]", "task 1 of the export is not UTF-8"},
	} {
		_, err := numbers(c.text)
		var format *manifest.FormatError
		if err == nil || errors.As(err, &format) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "<nil>") {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestExportsInEveryEncoding(t *testing.T) {
	text := `[{"id": 1, "data": {"audio": "ü.wav"}}, {"id": 2, "data": {}}]`
	encode := func(order unicode.Endianness, mark unicode.BOMPolicy) string {
		out, err := unicode.UTF16(order, mark).NewEncoder().String(text)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	for name, text := range map[string]string{
		"UTF-8":                            text,
		"UTF-8 with a byte order mark":     "\ufeff" + text,
		"white space first":                "\r\n " + text + "\n",
		"UTF-16, big end first":            encode(unicode.BigEndian, unicode.UseBOM),
		"UTF-16, little end first":         encode(unicode.LittleEndian, unicode.UseBOM),
		"UTF-16 without mark":              encode(unicode.BigEndian, unicode.IgnoreBOM),
		"UTF-16, little end, without mark": encode(unicode.LittleEndian, unicode.IgnoreBOM),
		"a task a line":                    "{\"id\": 1, \"data\": {}}\n{\"id\": 2, \"data\": {}}\n",
	} {
		got, err := numbers(text)
		if err != nil || len(got) != 2 || got[0] != 1 || got[1] != 2 {
			t.Errorf("%s: tasks %v, %v", name, got, err)
		}
	}
	if got, err := numbers(`{"id": 7, "data": {"audio": "a.wav"}, "annotations": []}`); err != nil || len(got) != 1 || got[0] != 7 {
		t.Errorf("one task: %v, %v", got, err)
	}
	if got, err := numbers("[]"); err != nil || len(got) != 0 {
		t.Errorf("an empty project: %v, %v", got, err)
	}
}

func FuzzTasks(f *testing.F) {
	f.Add([]byte(export), true)
	f.Add([]byte(`[{"data":{"$undefined$":"x.wav"},"annotations":[{"result":[{"value":{"start":1e300}}]}]}]`), false)
	for _, s := range []string{"\xff\xfe[\x00", "\ufeff{}", "a,annotator\n", "PK\x03\x04", `{"data":{"a":[{"b":"x.wav"}]},"drafts":3}`, `[{"result":1}]`,
		`[{"data":{"audio":"a"},"annotations":[{"reviews":[{}],"result":[{"type":"textarea","to_name":"audio","from_name":"text","value":{"start":-1,"end":5,"text":"x"},"original_length":2}]}]}]`} {
		f.Add([]byte(s), false)
	}
	f.Fuzz(func(t *testing.T, text []byte, all bool) {
		for _, planned := range []bool{false, true} {
			o := manifest.Options{All: all}
			if planned {
				o.Config = parsed(t, config)
			}
			reader, err := manifest.New(o)
			if err != nil {
				t.Fatal(err)
			}
			for task, err := range manifest.Tasks(bytes.NewReader(text)) {
				if err != nil {
					if visible.Text(err.Error()) != err.Error() {
						t.Fatalf("error %q", err)
					}
					break
				}
				spoken, err := reader.Read(&task)
				if err != nil && visible.Text(err.Error()) != err.Error() {
					t.Fatalf("error %q", err)
				}
				for _, s := range spoken {
					for _, seg := range s.Transcript.Segments {
						if d := s.Transcript.Duration; seg.Text == "" || seg.Start < 0 || seg.End <= seg.Start || d > 0 && seg.End > d {
							t.Fatalf("segment %+v of %v", seg, d)
						}
					}
				}
			}
		}
	})
}
