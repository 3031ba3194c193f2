package labelstudio

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Notice is what can be taken from a webhook that anybody may send: that something has
// happened, and to which project, tasks and annotations. It is a hint to look at Label Studio
// and never a replacement for that: texts, configurations and deletions that an event claims
// are not in it.
type Notice struct {
	Action Action
	// Project is zero when the webhook sends no payload.
	Project int64
	// Tasks are those that were created, deleted or annotated.
	Tasks []int64
	// Annotations are those that were made, changed or deleted. Their tasks are in Tasks,
	// except those of deleted ones.
	Annotations []int64
	// Truncated says that there were more tasks or annotations than MaxNoticeIDs.
	Truncated bool
}

// MaxNoticeIDs bounds the tasks and the annotations of a Notice.
const MaxNoticeIDs = 20_000

// ReadNotice reads the body of POST /webhook. It keeps only ids, so that an event with a
// long annotation takes no more memory than its longest text.
func ReadNotice(r io.Reader) (n Notice, err error) {
	d := json.NewDecoder(r)
	err = eachField(d, func(key string) error {
		switch key {
		case "action":
			var action label
			err := d.Decode(&action)
			n.Action = Action(action)
			return err
		case "project":
			return readIDs(d, func(id int64) { n.Project = id })
		case "task", "tasks":
			return readIDs(d, func(id int64) { n.add(&n.Tasks, id) })
		case "annotation", "annotations":
			return readIDs(d, func(id int64) { n.add(&n.Annotations, id) })
		}
		return skip(d)
	})
	if err == nil {
		if _, after := d.Token(); !errors.Is(after, io.EOF) {
			err = errors.New("something follows the JSON object")
		}
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func (n *Notice) add(ids *[]int64, id int64) {
	if len(*ids) >= MaxNoticeIDs {
		n.Truncated = true
		return
	}
	*ids = append(*ids, id)
}

// eachField calls read for each field of the object that comes next; read consumes its value.
func eachField(d *json.Decoder, read func(key string) error) error {
	switch t, err := d.Token(); {
	case err != nil:
		return err
	case t != json.Delim('{'):
		return fmt.Errorf("want an object, not %v", t)
	}
	return fieldsOf(d, read)
}

// fieldsOf is eachField behind the opening brace.
func fieldsOf(d *json.Decoder, read func(key string) error) error {
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return err
		}
		if err := read(key.(string)); err != nil {
			return err
		}
	}
	_, err := d.Token()
	return err
}

// readIDs reads a value: an object with an id, a list of such objects, or something else,
// which has no ids. It does not follow lists in lists, which could be as deep as the body.
func readIDs(d *json.Decoder, found func(id int64)) error {
	t, err := d.Token()
	if err != nil {
		return err
	}
	if t != json.Delim('[') {
		return readID(d, t, found)
	}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return err
		}
		if err := readID(d, t, found); err != nil {
			return err
		}
	}
	_, err = d.Token()
	return err
}

// readID reads the rest of a value whose first token is t, and finds its id if it is an object.
func readID(d *json.Decoder, t json.Token, found func(id int64)) error {
	if t != json.Delim('{') {
		return skipFrom(d, t)
	}
	return fieldsOf(d, func(key string) error {
		if key != "id" {
			return skip(d)
		}
		var id number
		err := d.Decode(&id)
		if id != 0 {
			found(int64(id))
		}
		return err
	})
}

// skip reads over a value.
func skip(d *json.Decoder) error {
	t, err := d.Token()
	if err != nil {
		return err
	}
	return skipFrom(d, t)
}

// mostDepth bounds how deeply values stand in each other: a decoder remembers each level.
const mostDepth = 1000

var errDepth = fmt.Errorf("more than %d values stand in each other", mostDepth)

// skipFrom reads over the rest of a value whose first token is t.
func skipFrom(d *json.Decoder, t json.Token) error {
	for depth := 0; ; {
		switch t {
		case json.Delim('{'), json.Delim('['):
			if depth++; depth > mostDepth {
				return errDepth
			}
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return nil
		}
		var err error
		if t, err = d.Token(); err != nil {
			return err
		}
	}
}
