// Package sealed stores small JSON files that notice their own damage.
//
// The last member of the object is a CRC-32C (Castagnoli) of what is before it:
//
//	{"v":1,"prefix":"asr","crc32c":"0f2a19bc"}
//
// A program that does not know of it ignores it as an unknown member. A file without one, as
// earlier versions wrote it, is read strictly: unknown members and trailing data are damage.
package sealed

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"

	"github.com/asr-backend/asr-backend/internal/atomicfile"
)

// ErrDamaged is an error of a file whose content is not what was written.
var ErrDamaged = errors.New("the file is damaged")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

const (
	member = `"crc32c":"`
	seal   = len(member) + 8 + len(`"}`)
)

// Encode returns v, which must encode as a JSON object, with a checksum.
func Encode(v any) ([]byte, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	if len(data) < 2 || data[0] != '{' {
		return nil, fmt.Errorf("%T is not a JSON object", v)
	}
	data = data[:len(data)-1]
	if len(data) > 1 {
		data = append(data, ',')
	}
	return fmt.Appendf(data, "%s%08x\"}\n", member, crc32.Checksum(data, castagnoli)), nil
}

// Decode reads what Encode wrote, or JSON without a checksum, into v. It reports whether there
// was a checksum; errors wrap ErrDamaged.
func Decode(data []byte, v any) (checked bool, err error) {
	body := bytes.TrimSuffix(data, []byte("\n"))
	if at := len(body) - seal; at > 0 && bytes.HasPrefix(body[at:], []byte(member)) {
		content := body[:at]
		if want := fmt.Sprintf("%s%08x\"}", member, crc32.Checksum(content, castagnoli)); string(body[at:]) != want {
			return true, fmt.Errorf("%w: its checksum does not match", ErrDamaged)
		}
		plain := append(bytes.TrimSuffix(bytes.Clone(content), []byte(",")), '}')
		if err := json.Unmarshal(plain, v); err != nil {
			return true, fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		return true, nil
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return false, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return false, fmt.Errorf("%w: there is something after its end", ErrDamaged)
	}
	return false, nil
}

// Write replaces the file at path in one step, with a checksum.
func Write(path string, v any) error {
	data, err := Encode(v)
	if err != nil {
		return err
	}
	return atomicfile.WriteFile(path, data)
}

// Read reads a file that Write wrote, as Decode does. Errors of opening and reading it are
// those of the operating system.
func Read(path string, v any) (checked bool, err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return false, err
	}
	return Decode(data, v)
}
