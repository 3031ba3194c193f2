package labelconfig

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
)

// A value such as "$audio" names a key of the task's data. Label Studio's editor also takes
// paths into the data, and text around keys and paths:
//
//	$audio             {"audio": "x.wav"}
//	$rec.audio         {"rec": {"audio": "x.wav"}}, or the key "rec.audio" itself, which wins
//	$files[0].url      {"files": [{"url": "x.wav"}]}
//	https://h/$file    {"file": "x.wav"}, with the text around it
//	$dir/$file         the same with two
//
// Values are resolved as Label Studio 1.23 does: parseValue in web/libs/editor/src/utils/data.js,
// with get of es-toolkit/compat. Later versions look paths up as lodash does, which
// differs in paths with an empty step, such as "a..b", only. What JavaScript knows of every
// text and list, such as their length, is not data and cannot be named here.

// variable is what the editor takes for a key or a path inside a value. Everything else is
// text, so that "$audio-url" is the key "audio" followed by "-url".
var variable = regexp.MustCompile(`\$[\w\[\].{}]+`)

// key returns the key or path that a value consists of, or nothing if it is text or has text
// around its keys.
func key(value string) string {
	if v := variable.FindString(value); v != "" && v == value {
		return v[1:]
	}
	return ""
}

// Lookup returns what the data of a task has under a key or at a path, or nil. A key that
// is there as it is written comes before a path.
func Lookup(data map[string]json.RawMessage, key string) json.RawMessage {
	if raw, ok := data[key]; ok {
		return bytes.TrimSpace(raw)
	}
	if !strings.ContainsAny(key, ".[]") {
		return nil
	}
	steps := pathSteps(key)
	if len(steps) == 0 {
		return nil
	}
	raw := bytes.TrimSpace(data[steps[0]])
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

// pathSteps splits a path: "files[0].url" is "files", "0", "url". Names in brackets may be
// quoted. What is unbalanced is read as far as it goes.
func pathSteps(path string) []string {
	var steps []string
	var step []byte
	end := func(keepEmpty bool) {
		if len(step) > 0 || keepEmpty {
			steps = append(steps, string(step))
		}
		step = step[:0]
	}
	if strings.HasPrefix(path, ".") {
		steps, path = append(steps, ""), path[1:]
	}
	var quote byte
	bracket := false
	for i := 0; i < len(path); i++ {
		c := path[i]
		switch {
		case quote != 0 && c == '\\' && i+1 < len(path):
			i++
			step = append(step, path[i])
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			step = append(step, c)
		case bracket && (c == '"' || c == '\''):
			quote = c
		case bracket && c == ']':
			bracket = false
			end(true)
		case !bracket && c == '[':
			bracket = true
			end(false)
		case !bracket && c == '.':
			end(false)
		default:
			step = append(step, c)
		}
	}
	end(false)
	return steps
}

// textOf returns the text that a value stands for in a task, and whether there is one. Where
// the data lacks a key, the editor writes "undefined" into the text; here there is no text
// then, and neither where it writes "null" or "[object Object]".
func textOf(value string, data map[string]json.RawMessage) (string, bool) {
	if k := key(value); k != "" {
		return stringOf(Lookup(data, k))
	}
	complete := true
	s := variable.ReplaceAllStringFunc(value, func(v string) string {
		part, ok := inText(Lookup(data, v[1:]))
		complete = complete && ok
		return part
	})
	return s, complete && s != ""
}

// inText returns a JSON value as JavaScript writes it into a text, and false for what does not
// belong into one.
func inText(raw json.RawMessage) (string, bool) {
	var v any
	if len(raw) == 0 || json.Unmarshal(raw, &v) != nil || v == nil {
		return "", false
	}
	return written(v)
}

func written(v any) (string, bool) {
	switch v := v.(type) {
	case nil: // in a list
		return "", true
	case string:
		return v, true
	case bool:
		return strconv.FormatBool(v), true
	case float64:
		if v == 0 {
			return "0", true // also what JSON writes as -0
		}
		text, err := json.Marshal(v) // writes numbers as JavaScript does
		return string(text), err == nil
	case []any:
		parts := make([]string, len(v))
		for i, item := range v {
			var ok bool
			if parts[i], ok = written(item); !ok {
				return "", false
			}
		}
		return strings.Join(parts, ","), true
	}
	return "", false
}

// stringOf returns a JSON string, and whether it is one with anything in it.
func stringOf(raw json.RawMessage) (s string, ok bool) {
	if len(raw) == 0 || json.Unmarshal(raw, &s) != nil {
		return "", false
	}
	return s, s != ""
}

// text returns the text that the object's value stands for in a task, and whether there is
// one. The audioUrl of Paragraphs is a literal or a key; the editor follows no path in it.
func (o *Object) text(data map[string]json.RawMessage) (string, bool) {
	if !o.Is("Paragraphs") {
		return textOf(o.Value, data)
	}
	if name, ok := strings.CutPrefix(o.Value, "$"); ok {
		return stringOf(data[name])
	}
	return o.Value, o.Value != ""
}
