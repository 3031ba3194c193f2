package manifest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"

	"github.com/asr-backend/asr-backend/internal/jsonerr"
	"github.com/asr-backend/asr-backend/labelstudio"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// FormatError is a file that is no export in Label Studio's own JSON.
type FormatError struct {
	// Found says what the file is, such as "a JSON_MIN export", or is empty.
	Found string
}

// Error says what the file is and what is wanted.
func (e *FormatError) Error() string {
	const want = `in Label Studio choose Export, then "JSON"`
	if e.Found == "" {
		return "this is not an export of a project: " + want
	}
	return fmt.Sprintf("this is %s: %s", e.Found, want)
}

// Tasks reads the tasks of an export one by one: those of a JSON list, or JSON objects one
// after the other. The text is UTF-8 or UTF-16, with or without a byte order mark. An
// error ends the sequence; it is a *FormatError if the file is something else.
func Tasks(r io.Reader) iter.Seq2[labelstudio.Task, error] {
	return func(yield func(labelstudio.Task, error) bool) {
		text := bufio.NewReaderSize(plainText(r), sniffed)
		list, err := begin(text)
		if err != nil {
			yield(labelstudio.Task{}, err)
			return
		}
		s := stream{decoder: json.NewDecoder(transform.NewReader(text, encoding.UTF8Validator)), list: list}
		for {
			t, err := s.next()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(labelstudio.Task{}, err)
				return
			}
			if !yield(t, nil) {
				return
			}
		}
	}
}

// stream is an export as it is read.
type stream struct {
	decoder *json.Decoder
	list    bool // the tasks stand in a list
	n       int  // tasks that were read
	known   bool // one of them was a task
}

// next returns the next task, or io.EOF.
func (s *stream) next() (labelstudio.Task, error) {
	if s.list && s.n == 0 {
		if _, err := s.decoder.Token(); err != nil {
			return labelstudio.Task{}, s.broken(err)
		}
	}
	if !s.decoder.More() {
		return labelstudio.Task{}, s.end()
	}
	s.n++
	var raw json.RawMessage
	if err := s.decoder.Decode(&raw); err != nil {
		return labelstudio.Task{}, s.broken(err)
	}
	var t labelstudio.Task
	_ = json.Unmarshal(raw, &t) // never fails for a value that is JSON
	if t.Data == nil && !s.known {
		if found := otherJSON(raw, s.list); found != "" || !s.list {
			return t, &FormatError{Found: found}
		}
	}
	s.known = s.known || t.Data != nil
	return t, nil
}

// end makes sure that nothing is missing and nothing follows.
func (s *stream) end() error {
	if s.list {
		if _, err := s.decoder.Token(); err != nil {
			return s.broken(err)
		}
	}
	switch _, err := s.decoder.Token(); {
	case err == nil:
		return fmt.Errorf("after %d tasks the export ends, but the file goes on: is it several exports in one?", s.n)
	case !errors.Is(err, io.EOF):
		return s.broken(err)
	case s.n > 0 && !s.known:
		return &FormatError{}
	}
	return io.EOF
}

func (s *stream) broken(err error) error {
	switch {
	case errors.Is(err, encoding.ErrInvalidUTF8):
		return fmt.Errorf("task %d of the export is not UTF-8: the file was saved in another encoding", max(s.n, 1))
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("the export is cut off after %d tasks: %w", max(s.n-1, 0), io.ErrUnexpectedEOF)
	}
	return fmt.Errorf("task %d of the export: %w", max(s.n, 1), jsonerr.Explain(err))
}

// sniffed is how many bytes are looked at to find out what a file is.
const sniffed = 64 << 10

// plainText returns the text of r in UTF-8 without byte order mark.
func plainText(r io.Reader) io.Reader {
	b := bufio.NewReader(r)
	head, _ := b.Peek(3)
	utf16 := func(order unicode.Endianness) io.Reader {
		return transform.NewReader(b, unicode.UTF16(order, unicode.UseBOM).NewDecoder())
	}
	switch {
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf")):
		_, _ = b.Discard(3)
	case bytes.HasPrefix(head, []byte("\xff\xfe")), len(head) > 1 && head[0] != 0 && head[1] == 0:
		return utf16(unicode.LittleEndian)
	case bytes.HasPrefix(head, []byte("\xfe\xff")), len(head) > 1 && head[0] == 0 && head[1] != 0:
		return utf16(unicode.BigEndian)
	}
	return b
}

// begin looks at the first bytes and reports whether tasks stand in a list.
func begin(text *bufio.Reader) (list bool, err error) {
	for {
		c, err := text.ReadByte()
		if errors.Is(err, io.EOF) {
			return false, &FormatError{Found: "an empty file"}
		}
		if err != nil {
			return false, err
		}
		if !strings.ContainsRune(" \t\r\n", rune(c)) {
			break
		}
	}
	_ = text.UnreadByte()
	head, _ := text.Peek(sniffed)
	if head[0] == '[' || head[0] == '{' {
		return head[0] == '[', nil
	}
	return false, &FormatError{Found: otherText(head)}
}

// otherText names a file that is not JSON, or returns nothing.
func otherText(head []byte) string {
	for prefix, name := range map[string]string{
		"PK\x03\x04": "a ZIP archive", "\x1f\x8b": "a gzip archive", "<": "a web page or XML", "-DOCSTART-": "a CONLL2003 export",
	} {
		if bytes.HasPrefix(head, []byte(prefix)) {
			return name
		}
	}
	line, _, _ := strings.Cut(string(head), "\n")
	for name, separator := range map[string]string{"a CSV export": ",", "a TSV export": "\t"} {
		columns := strings.Split(strings.TrimRight(line, "\r"), separator)
		if slices.ContainsFunc(columns, func(c string) bool {
			return slices.Contains(ofAnnotations, strings.Trim(c, `"`))
		}) && len(columns) > 1 {
			return name
		}
	}
	return ""
}

// ofAnnotations are keys that Label Studio's flat exports add to a task's data.
var ofAnnotations = []string{"annotator", "annotation_id", "lead_time"}

// otherJSON names JSON that is no task, or returns nothing. Listed says that it is one of
// a list.
func otherJSON(raw json.RawMessage, listed bool) string {
	var object map[string]json.RawMessage
	if json.Unmarshal(raw, &object) != nil {
		return ""
	}
	has := func(keys ...string) bool {
		return !slices.ContainsFunc(keys, func(k string) bool { _, ok := object[k]; return !ok })
	}
	switch {
	case has("audio_filepath"):
		return "a manifest already (an ASR_MANIFEST export keeps one text of each task only)"
	case has("result"):
		return "the content of annotations without their tasks"
	case has("from_name"):
		return "the result of one annotation without its task"
	case listed && (has("annotator") || has("annotation_id")):
		return "a JSON_MIN export"
	case has("images", "categories"):
		return "a COCO export"
	case has("tasks"):
		return "tasks as Label Studio's API passes them"
	}
	return ""
}
