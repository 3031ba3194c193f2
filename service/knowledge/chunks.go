package knowledge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/service/projects"

	"github.com/klauspost/compress/zstd"
)

// chunk is how many bytes of data a value has; it may have a line before them.
const chunk = jobs.MaxValue - 1000

// mostBytes bounds what is read of one name, so that damage cannot take all memory.
const mostBytes = 256 << 20

// head is the line before the first of several values.
type head struct {
	Values int    `json:"values"`
	CRC    uint32 `json:"crc32c"` // of the compressed data
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func (s *Store) values(project int64) (jobs.Values, error) {
	q, err := s.queue.Get()
	if err != nil {
		return jobs.Values{}, err
	}
	return q.Values(projects.Name(project)), nil
}

func nth(key string, n int) string { return fmt.Sprintf("%s/%d", key, n) }

// put stores data under a key, in place of what is there.
func (s *Store) put(ctx context.Context, project int64, key string, raw []byte) error {
	values, err := s.values(project)
	if err != nil {
		return err
	}
	z, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return err
	}
	defer z.Close()
	data := z.EncodeAll(raw, nil)
	h, err := json.Marshal(head{1 + (len(data)-1)/chunk, crc32.Checksum(data, castagnoli)})
	if err != nil {
		return err
	}
	// An older one under the key is no longer whole from now on.
	if err := values.Delete(ctx, nth(key, 0)); err != nil {
		return err
	}
	for n := (len(data) - 1) / chunk; n >= 0; n-- {
		part := string(data[n*chunk : min((n+1)*chunk, len(data))])
		if n == 0 {
			part = string(h) + "\n" + part
		}
		if err := values.Set(ctx, nth(key, n), part); err != nil {
			return err
		}
	}
	return nil
}

// errDamaged says that data are not what was stored.
var errDamaged = errors.New("damaged")

// get returns what is stored under a key, or ErrNone.
func (s *Store) get(ctx context.Context, project int64, key string) ([]byte, error) {
	values, err := s.values(project)
	if err != nil {
		return nil, err
	}
	first, ok, err := values.Get(ctx, nth(key, 0))
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, ErrNone
	}
	h, data, err := parseHead(first)
	for n := 1; err == nil && n < h.Values; n++ {
		var next string
		if next, ok, err = values.Get(ctx, nth(key, n)); err == nil && !ok {
			err = errDamaged
		}
		data = append(data, next...)
	}
	if err == nil && crc32.Checksum(data, castagnoli) != h.CRC {
		err = errDamaged
	}
	if err != nil {
		return nil, err
	}
	z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(mostBytes))
	if err != nil {
		return nil, err
	}
	defer z.Close()
	return z.DecodeAll(data, nil)
}

func parseHead(first string) (h head, data []byte, err error) {
	for i := range len(first) {
		if first[i] == '\n' {
			if json.Unmarshal([]byte(first[:i]), &h) != nil || h.Values < 1 || h.Values > mostBytes/chunk {
				break
			}
			return h, []byte(first[i+1:]), nil
		}
	}
	return h, nil, errDamaged
}

// remove drops what is stored under a key, if there is anything.
func (s *Store) remove(ctx context.Context, project int64, key string) error {
	values, err := s.values(project)
	if err != nil {
		return err
	}
	first, ok, err := values.Get(ctx, nth(key, 0))
	if err != nil || !ok {
		return err
	}
	h, _, err := parseHead(first)
	if err != nil {
		h.Values = 1
	}
	for n := range h.Values {
		if err := values.Delete(ctx, nth(key, n)); err != nil {
			return err
		}
	}
	return nil
}
