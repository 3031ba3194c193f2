package labelconfig

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
)

// A value such as "$audio" names a key of the task's data. Label Studio's editor looks it
// up with lodash.get, so that a key may be a path into the data:
//
//	$audio             {"audio": "x.wav"}
//	$rec.audio         {"rec": {"audio": "x.wav"}}, or the key "rec.audio" itself, which wins
//	$files[0].url      {"files": [{"url": "x.wav"}]}
//	https://h/$file    {"file": "x.wav"}, with the text around it
//
// Reference: parseValue in web/libs/editor/src/utils/data.js of Label Studio, and
// https://lodash.com/docs/#get.

// Lookup returns what the data of a task has under a key or at a path, or nil. A key that
// is there as it is written comes before a path.
func Lookup(data map[string]json.RawMessage, key string) json.RawMessage {
	if raw, ok := data[key]; ok {
		return raw
	}
	steps := pathSteps(key)
	if len(steps) < 2 {
		return nil
	}
	raw := data[steps[0]]
	for _, step := range steps[1:] {
		if raw = member(raw, step); raw == nil {
			return nil
		}
	}
	return raw
}

// member returns what a JSON object or list has under a key, or nil. The index of a list
// is a key too; it is written as JavaScript does, so "01" is none.
func member(raw json.RawMessage, key string) json.RawMessage {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 {
		return nil
	}
	switch raw[0] {
	case '{':
		var object map[string]json.RawMessage
		if json.Unmarshal(raw, &object) == nil {
			return bytes.TrimSpace(object[key])
		}
	case '[':
		var list []json.RawMessage
		i, err := strconv.Atoi(key)
		if err != nil || strconv.Itoa(i) != key || json.Unmarshal(raw, &list) != nil || i < 0 || i >= len(list) {
			return nil
		}
		return bytes.TrimSpace(list[i])
	}
	return nil
}

// pathStep is one step of a path: a name, an index, or a quoted name in brackets.
var pathStep = regexp.MustCompile(`[^.\[\]]+|\[(?:(-?\d+(?:\.\d+)?)|"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)')\]`)

// pathSteps takes a path apart: "files[0].url" is "files", "0", "url". Paths with an empty
// step are none.
func pathSteps(path string) []string {
	if strings.HasPrefix(path, ".") || strings.Contains(path, "..") || strings.Contains(path, "[]") {
		return nil
	}
	var steps []string
	for _, m := range pathStep.FindAllStringSubmatch(path, -1) {
		switch {
		case m[1] != "":
			steps = append(steps, m[1])
		case strings.HasPrefix(m[0], "["):
			steps = append(steps, escaped.ReplaceAllString(m[2]+m[3], "$1"))
		default:
			steps = append(steps, m[0])
		}
	}
	return steps
}

var escaped = regexp.MustCompile(`\\(.)`)

// variable is what the editor takes for a key or a path inside a value.
var variable = regexp.MustCompile(`\$[\w\[\].{}]+`)

// textOf returns the text that a value stands for in a task, and whether there is one. A
// key that the data lacks shows as "undefined" in the editor; here there is no text then.
func textOf(value string, data map[string]json.RawMessage) (string, bool) {
	if k := key(value); k != "" {
		if s, ok := stringOf(Lookup(data, k)); ok || variable.FindString(value) == value {
			return s, ok
		}
	}
	complete := true
	s := variable.ReplaceAllStringFunc(value, func(v string) string {
		raw := Lookup(data, v[1:])
		part, ok := stringOf(raw)
		if !ok && len(raw) > 0 && (raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9') {
			part, ok = string(raw), true
		}
		complete = complete && ok
		return part
	})
	return s, complete && s != ""
}

// stringOf returns a JSON string, and whether it is one with anything in it.
func stringOf(raw json.RawMessage) (s string, ok bool) {
	if json.Unmarshal(raw, &s) != nil {
		return "", false
	}
	return s, s != ""
}
