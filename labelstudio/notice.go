package labelstudio

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/asr-backend/asr-backend/internal/jsontoken"
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
		return jsontoken.Skip(d, mostDepth)
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
	return jsontoken.Members(d, read)
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
	return jsontoken.Items(d, func() error {
		t, err := d.Token()
		if err != nil {
			return err
		}
		return readID(d, t, found)
	})
}

// readID reads the rest of a value whose first token is t, and finds its id if it is an object.
func readID(d *json.Decoder, t json.Token, found func(id int64)) error {
	if t != json.Delim('{') {
		return jsontoken.Rest(d, t, mostDepth)
	}
	return jsontoken.Members(d, func(key string) error {
		if key != "id" {
			return jsontoken.Skip(d, mostDepth)
		}
		var id number
		err := d.Decode(&id)
		if id != 0 {
			found(int64(id))
		}
		return err
	})
}

// mostDepth bounds how deeply the values of an event stand in each other.
const mostDepth = 1000
