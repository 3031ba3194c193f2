package jobs

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/asr-backend/asr-backend/priority"
)

// format is the version of all that is stored: records, names, directory.
const format = 1

// record is a stored job, one JSON object. It holds the whole state of the job, so that one
// compare-and-set is one transition of the state machine.
type record struct {
	Job
	Format int `json:"v"`
	// ID identifies one incarnation of a key. Windows and results are stored under it, so
	// that a job enqueued again after Remove never sees those of its predecessor.
	ID string `json:"id"`
	// Write is new for every write. If the answer to a write was lost, it identifies the
	// stored value as that write.
	Write string `json:"write"`
	// AfterID is the ID of After when the job was enqueued. A job can only wait for an older
	// incarnation, so jobs never wait in a circle.
	AfterID string `json:"afterId,omitempty"`
	// Owner is the process and Lease the attempt, while the job runs.
	Owner string `json:"owner,omitempty"`
	Lease string `json:"lease,omitempty"`
	// Windows is how many window results were stored at the last crash.
	Windows int        `json:"windows,omitempty"`
	Result  *resultRef `json:"result,omitempty"`
	// Kept says that the windows of a done job stayed; see kept.go.
	Kept *kept `json:"kept,omitempty"`
}

// resultRef refers to the result of a done job.
type resultRef struct {
	Name string `json:"name"` // <job id>.<result id>
	Blob bool   `json:"blob,omitempty"`
	Size int64  `json:"size"`
	// Seq is a revision of the bucket that contains the result; 0 if it is not known.
	Seq uint64 `json:"seq,omitempty"`
}

func (r record) encode() ([]byte, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	return json.Marshal(r)
}

// decodeRecord reads a stored value. It accepts what encode writes and rejects what would
// break the state machine, since anybody may write to the bucket with the nats command.
func decodeRecord(data []byte) (record, error) {
	var r record
	err := json.Unmarshal(data, &r)
	// A newer version may have changed the type of another field.
	var head struct {
		Format int `json:"v"`
	}
	if err != nil && json.Unmarshal(data, &head) == nil {
		r.Format = head.Format
	}
	switch {
	case r.Format > format:
		return record{}, fmt.Errorf("%w: version %d, this program reads %d", ErrFormat, r.Format, format)
	case err != nil:
		return record{}, fmt.Errorf("the record is not one: %w", err)
	}
	if err := r.check(); err != nil {
		return record{}, err
	}
	return r, nil
}

// check checks the invariants of a stored record.
func (r record) check() error {
	err := errors.Join(checkName("key", r.Key), checkName("project", r.Project), checkKind(r.Kind))
	switch {
	case err != nil:
		return err
	case r.Format != format || !token(r.ID) || r.Write == "":
		return errors.New("the record has no version or identity")
	case r.Class >= priority.Classes || r.State >= states:
		return errors.New("the record's class or state is unknown")
	case len(r.Payload) > MaxPayload || len(r.After) > MaxName || len(r.Content) > MaxName || len(r.Title) > MaxTitle || len(r.Summary) > MaxSummary || len(r.Reason) > maxReason || len(r.Hint) > maxReason:
		return fmt.Errorf("%w: a field of the record", ErrTooLarge)
	case min(r.Attempts, r.Retries, r.Crashes, r.Windows) < 0:
		return errors.New("a count of the record is negative")
	case (r.State == Running) != (r.Lease != "" && r.Owner != ""), r.Lease != "" && !token(r.Lease):
		return errors.New("a lease and the state running belong together")
	case r.State.Ended() != !r.Ended.IsZero():
		return errors.New("a time of the end and an ended state belong together")
	case r.State == Discarded && r.Reason == "":
		return errors.New("a dead job has no reason")
	case r.Cancelled && r.State != Discarded:
		return errors.New("a cancelled job is not dead")
	case (r.State == Done) != (r.Result != nil):
		return errors.New("a result and the state done belong together")
	case r.Result != nil && (r.Result.Size < 0 || !strings.HasPrefix(r.Result.Name, r.ID+".") || !token(r.Result.Name[len(r.ID)+1:])):
		return errors.New("the result is not one of this job")
	case r.Kept != nil && (r.State != Done || r.Kept.Name == "" || len(r.Kept.Name) > MaxName || r.Kept.Windows < 0 || r.Kept.Bytes < 0):
		return errors.New("only a done job keeps windows, under a name")
	case r.State != Queued && !(r.NotBefore.IsZero() && r.Held.IsZero()), r.Held.After(r.NotBefore):
		return errors.New("only a queued job has a time to wait for")
	case r.Created.IsZero() || r.Updated.IsZero() || (r.State == Running && r.Attempted.IsZero()):
		return errors.New("a time of the record is missing")
	case (r.After == "") != (r.AfterID == ""):
		return errors.New("the job to wait for has no identity")
	}
	return nil
}

// token reports whether s is usable as one token of a subject, as generated IDs are.
func token(s string) bool {
	for i := range len(s) {
		if !plain(s[i]) {
			return false
		}
	}
	return s != "" && len(s) <= 64
}

// describe returns the text and the hint of err, cut to the limit of a record.
func describe(err error) (reason, hint string) {
	if err == nil {
		return "no reason was given", ""
	}
	var h interface{ Hint() string }
	if errors.As(err, &h) {
		hint = cut(h.Hint(), maxReason)
	}
	if reason = cut(err.Error(), maxReason); reason == "" {
		reason = "no reason was given"
	}
	return reason, hint
}

// cut shortens s to n bytes of valid UTF-8. JSON replaces every invalid byte by three, so
// invalid text is repaired before it is measured.
func cut(s string, n int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= n {
		return s
	}
	n -= len("…")
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}
