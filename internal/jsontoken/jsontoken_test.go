package jsontoken_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/internal/jsontoken"
)

func TestAValueIsReadOverWhateverItIs(t *testing.T) {
	for _, value := range []string{`1`, `"a"`, `null`, `true`, `[]`, `{}`, `[1,[2,{"a":[]}]]`, `{"a":{"b":[{}]},"c":"]}"}`} {
		d := json.NewDecoder(strings.NewReader(value + ` "next"`))
		if err := jsontoken.Skip(d, math.MaxInt); err != nil {
			t.Errorf("%s: %v", value, err)
			continue
		}
		if next, err := d.Token(); next != "next" || err != nil {
			t.Errorf("after %s comes %v, %v", value, next, err)
		}
	}
	for _, cut := range []string{``, `[`, `{"a"`, `[1,`, `{"a":[1}`} {
		if err := jsontoken.Skip(json.NewDecoder(strings.NewReader(cut)), math.MaxInt); err == nil {
			t.Errorf("%q was read", cut)
		}
	}
}

func TestDepthIsBounded(t *testing.T) {
	for depth, ok := range map[int]bool{0: true, 9: true, 10: true, 11: false, 1 << 20: false} {
		value := strings.Repeat("[", depth) + "1" + strings.Repeat("]", depth)
		if err := jsontoken.Skip(json.NewDecoder(strings.NewReader(value)), 10); (err == nil) != ok {
			t.Errorf("%d deep: %v", depth, err)
		}
	}
}

func TestMembersAndItems(t *testing.T) {
	d := json.NewDecoder(strings.NewReader(`{"a":1,"b":["x","y"],"c":null}`))
	if _, err := d.Token(); err != nil {
		t.Fatal(err)
	}
	var got []string
	err := jsontoken.Members(d, func(key string) error {
		got = append(got, key)
		if key != "b" {
			return jsontoken.Skip(d, 1)
		}
		if _, err := d.Token(); err != nil {
			return err
		}
		return jsontoken.Items(d, func() error {
			item, err := d.Token()
			got = append(got, fmt.Sprint(item))
			return err
		})
	})
	if _, end := d.Token(); err != nil || !errors.Is(end, io.EOF) || strings.Join(got, " ") != "a b x y c" {
		t.Errorf("%q, %v, then %v", got, err, end)
	}
	own := errors.New("own")
	d = json.NewDecoder(strings.NewReader(`{"a":1}`))
	_, _ = d.Token() // the brace
	if err := jsontoken.Members(d, func(string) error { return own }); !errors.Is(err, own) {
		t.Errorf("the error of a member became %v", err)
	}
}
