package labelconfig

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Which label says "speech"? A configuration does not say, so the words of its labels
// decide, and a person can: by the option Label or by the attribute
// predicted_values="speech" on a Label.

// predictedValues is the attribute in which a label names classes of a model.
const predictedValues = "predicted_values"

// The lists below hold beginnings of words, in a few languages.
//
// speech is for labels of speech. A label that is such a word wins over one that contains it
// among others.
var speech = []string{
	"speech", "voice", "talk", "talking", "spoken", "utterance", "transcri", "sentence",
	"phrase", "segment", "dialog", "sprache", "rede", "parole", "voix", "habla", "voz",
	"fala", "parlato", "voce", "речь", "голос", "mowa", "語音", "语音", "音声", "발화", "음성",
}

// other is for labels of anything but clean speech. It wins over speech: "non-speech",
// "background voices" and "speech over music" are not where text goes.
var other = []string{
	"non speech", "nonspeech", "not speech", "no speech", "no voice", "without", "noise",
	"noisy", "silence", "silent", "music", "background", "laugh", "cough", "breath",
	"inaudible", "unintelligible", "overlap", "crosstalk", "beep", "ring", "applause",
	"pause", "garbage", "unknown", "ignore", "skip", "singing", "other", "шум", "тишина",
	"музыка", "geräusch", "stille", "bruit", "silencio", "ruido", "噪", "静音",
}

// speakers is for labels that say who speaks. Which of them it is cannot be known, so
// such regions are left without a label.
var speakers = []string{
	"speaker", "spk", "agent", "customer", "caller", "callee", "client", "operator",
	"interviewer", "interviewee", "host", "guest", "doctor", "patient", "teacher",
	"student", "person", "male", "female", "woman", "child", "sprecher", "locuteur",
	"hablante", "диктор", "спикер",
}

// speechLabel returns the value of the label for speech among those that are allowed
// (all, if none is named), or nothing if none can be justified.
func speechLabel(labels []Label, allowed []string, option string) string {
	for _, l := range labels {
		if option != "" && (l.Value == option || l.Name == option) {
			return l.Value
		}
	}
	candidates := candidates(labels, allowed)
	for _, is := range []func(*candidate) bool{
		(*candidate).hinted,
		func(c *candidate) bool { return slices.ContainsFunc(speech, c.named) },
		func(c *candidate) bool { return c.mentions(speech) && !c.mentions(other) },
	} {
		for i := range candidates {
			if is(&candidates[i]) {
				return candidates[i].Value
			}
		}
	}
	// One label that is not about something else has to be it.
	var only *candidate
	for i := range candidates {
		c := &candidates[i]
		if c.mentions(other) {
			continue
		}
		if only != nil {
			only = nil
			break
		}
		only = c
	}
	if only != nil && !only.mentions(speakers) {
		return only.Value
	}
	// A text that is only kept with one of these labels needs one of them.
	if len(allowed) > 0 && len(candidates) > 0 {
		return candidates[0].Value
	}
	return ""
}

// mostChannels bounds the number of a channel in predicted_values.
const mostChannels = 64

// hintedChannels returns the labels for the channels of a recording, the first channel first:
// those with predicted_values="channel 1" and so on. A channel without one has an empty text.
func hintedChannels(labels []Label, allowed []string) []string {
	var out []string
	for _, c := range candidates(labels, allowed) {
		for _, v := range split(c.Attrs[predictedValues]) {
			number, is := strings.CutPrefix(strings.ToLower(v), "channel ")
			n, err := strconv.Atoi(number)
			if !is || err != nil || n < 1 || n > mostChannels {
				continue
			}
			for len(out) < n {
				out = append(out, "")
			}
			if out[n-1] == "" {
				out[n-1] = c.Value
			}
		}
	}
	return out
}

// candidate is a label with its words, which are compared with many others.
type candidate struct {
	Label
	value, name string // see words
}

// candidates returns the labels that are allowed; all, if none is named.
func candidates(labels []Label, allowed []string) []candidate {
	names := set(allowed)
	out := make([]candidate, 0, len(labels))
	for _, l := range labels {
		if len(allowed) == 0 || names[l.Value] || names[l.Name] {
			out = append(out, candidate{l, words(l.Value), words(l.Name)})
		}
	}
	return out
}

func set(list []string) map[string]bool {
	out := make(map[string]bool, len(list))
	for _, s := range list {
		out[s] = true
	}
	return out
}

// hinted reports whether the label asks for speech by predicted_values, a list of a
// model's classes, as other backends read it.
func (c *candidate) hinted() bool {
	return slices.ContainsFunc(split(c.Attrs[predictedValues]),
		func(v string) bool { return strings.EqualFold(v, "speech") })
}

// named reports whether the label's value or name is the word.
func (c *candidate) named(word string) bool {
	return strings.TrimPrefix(c.value, " ") == word || strings.TrimPrefix(c.name, " ") == word
}

// mentions reports whether one of the label's words begins with one of the list. Scripts
// without spaces match anywhere.
func (c *candidate) mentions(list []string) bool { return mention(c.value+c.name, list) }

func mention(text string, list []string) bool {
	return slices.ContainsFunc(list, func(w string) bool {
		if first, _ := utf8.DecodeRuneInString(w); first < firstUnspaced {
			w = " " + w
		}
		return strings.Contains(text, w)
	})
}

// firstUnspaced is where Chinese, Japanese and Korean characters begin.
const firstUnspaced = '\u3000'

// words returns the words of s in lower case, each with a space before it.
func words(s string) string {
	var b strings.Builder
	for w := range strings.FieldsFuncSeq(strings.ToLower(s), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r)
	}) {
		b.WriteByte(' ')
		b.WriteString(w)
	}
	return b.String()
}

// labelsFrom reads labels out of a task's data: a list of texts or of objects with a
// value and perhaps an alias.
func labelsFrom(raw json.RawMessage) []Label {
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil {
		return nil
	}
	var c Control
	for _, raw := range list {
		var name string
		if json.Unmarshal(raw, &name) == nil {
			c.addLabel(map[string]string{"value": name})
			continue
		}
		var attrs map[string]any
		if json.Unmarshal(raw, &attrs) != nil {
			continue
		}
		texts := map[string]string{}
		for k, v := range attrs {
			if s, ok := v.(string); ok {
				texts[strings.ToLower(k)] = s
			}
		}
		c.addLabel(texts)
	}
	return c.Labels
}
