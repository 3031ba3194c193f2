package projects

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/asr-backend/asr-backend/align"
	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/beam"
	"github.com/asr-backend/asr-backend/audio"
	"github.com/asr-backend/asr-backend/internal/jsonerr"
	"github.com/asr-backend/asr-backend/labelstudio/labelconfig"
	"github.com/asr-backend/asr-backend/labelstudio/results"
	"github.com/asr-backend/asr-backend/service/modelpool"
	"github.com/asr-backend/asr-backend/transcribe"
)

// Settings are what a project may choose: the JSON object typed under "Any extra params
// to pass during model connection". Every field may be missing.
type Settings struct {
	// Model is the name of a model, as `asr-backend models list` shows it.
	Model string `json:"model"`
	// Decoder is the head of the model that finds texts, one of asr.Decoders; empty is asr.Auto.
	Decoder asr.Decoder `json:"decoder"`
	// Channels is "mix", "split" or the number of a channel. Without it, channels are kept
	// apart if the page shows them apart.
	Channels string `json:"channels"`
	// MaxRegion and MinPause shape regions, in seconds.
	MaxRegion float64 `json:"max_region"`
	MinPause  float64 `json:"min_pause"`
	// Sentences says whether regions end with sentences.
	Sentences *bool `json:"sentences"`
	// Label is the label that speech gets, Text the TextArea that text goes into.
	Label string `json:"label"`
	Text  string `json:"text"`
	// Words says whether word times are stored with the text.
	Words *bool `json:"words"`
	// Author names the speaker in Paragraphs.
	Author string `json:"author"`
	// Speakers name who speaks on the channels, from the first.
	Speakers []string `json:"speakers"`
	// Overwrite replaces task data that people or other programs filled.
	Overwrite bool `json:"overwrite"`
	// Reconcile says whether tasks that nobody has opened, and whose import was missed, are
	// looked for; missing means yes.
	Reconcile *bool `json:"reconcile"`
	// SelectVersion says whether Label Studio is set to use predictions of the project's version;
	// missing means yes.
	SelectVersion *bool `json:"select_version"`
	// Repredict says which tasks get a new prediction when the model or the settings change:
	// one of the constants below. Empty is RepredictUnlabelled.
	Repredict string `json:"repredict"`
	// Partial is in minutes: a longer recording gets a prediction of what has been transcribed so
	// far, until all of it is. 0 is never.
	Partial float64 `json:"partial"`
	// Hotwords are words and phrases that are expected, as beam.ParsePhrase reads them, and
	// HotwordWeight is the bonus of those that have none of their own; 0 means
	// beam.DefaultPhraseWeight.
	Hotwords      []string `json:"hotwords"`
	HotwordWeight float64  `json:"hotword_weight"`
	// NBest is how many texts a region has at most, see transcribe.Options.
	NBest int `json:"nbest"`
	// Learn says whether the project learns from its corrections: LearnOn or empty, LearnOff, or a
	// version that was learnt, which is then used whatever is learnt later.
	Learn string `json:"learn"`
	// TextURL is the address of a text of the project, such as a glossary, from which it learns
	// too.
	TextURL string `json:"text_url"`
}

// ModelKey names the model and its decoder.
func (s *Settings) ModelKey() modelpool.Key { return modelpool.Key{Name: s.Model, Decoder: s.Decoder} }

// Values of Settings.Learn beside versions.
const (
	LearnOn  = "on"
	LearnOff = "off"
)

// Learns reports whether the project learns from its corrections, and uses what it has learnt.
func (s *Settings) Learns() bool { return s.Learn != LearnOff }

// Chosen returns the version of what was learnt that the settings choose, or empty.
func (s *Settings) Chosen() string {
	if s.Learn == LearnOn || s.Learn == LearnOff {
		return ""
	}
	return s.Learn
}

var learntVersion = regexp.MustCompile(`^[0-9a-f]{12}$`)

// Values of Settings.Repredict.
const (
	RepredictUnlabelled = "unlabelled" // tasks without an annotation
	RepredictAll        = "all"
	RepredictOff        = "off"
)

// ParseSettings reads what was typed at connection, over the defaults. An empty string
// counts as nothing; a string may hold the object. An error is a sentence for whoever typed.
func ParseSettings(raw json.RawMessage, defaults Settings) (Settings, error) {
	s := defaults
	raw = bytes.TrimSpace(raw)
	var text string
	if json.Unmarshal(raw, &text) == nil {
		raw = bytes.TrimSpace([]byte(text))
	}
	if len(raw) == 0 || string(raw) == "null" || string(raw) == "{}" {
		return s, nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return s, fmt.Errorf("extra params: %w", explainSettings(err))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return s, errors.New("extra params: want one JSON object and nothing after it")
	}
	if err := s.Validate(); err != nil {
		return s, fmt.Errorf("extra params: %w", err)
	}
	// Paths are for whoever runs the service, not for whoever may connect to it.
	if s.Model != defaults.Model && !modelName.MatchString(s.Model) {
		return s, fmt.Errorf("extra params: model: %q is not the name of a model", s.Model)
	}
	return s, nil
}

var modelName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

func explainSettings(err error) error {
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && wrong.Field != "" {
		return jsonerr.Explain(err)
	}
	if field, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return fmt.Errorf("%s is not known; known are %s", field, strings.Join(SettingNames(), ", "))
	}
	return fmt.Errorf(`want a JSON object such as {"channels": "split"}: %w`, jsonerr.Explain(err))
}

// SettingNames returns the names that settings have in JSON.
func SettingNames() []string {
	var names []string
	for f := range reflect.TypeFor[Settings]().Fields() {
		names = append(names, f.Tag.Get("json"))
	}
	return names
}

// Validate returns what is wrong with the settings, or nil.
func (s *Settings) Validate() error {
	if s.Channels != "" {
		if _, err := audio.ParseChannels(s.Channels); err != nil {
			return err
		}
	}
	if d := s.Decoder; d != "" && !slices.Contains(asr.Decoders, d) {
		return fmt.Errorf("decoder: %q; want one of %s", d, asr.DecoderNames())
	}
	if m := s.MaxRegion; m != 0 && (m < 1 || m > 600) {
		return fmt.Errorf("max_region: %g seconds; want 1 to 600", m)
	}
	if m := s.MinPause; m != 0 && (m < 0.1 || m > 60) {
		return fmt.Errorf("min_pause: %g seconds; want 0.1 to 60", m)
	}
	if len(s.Speakers) > mostSpeakers {
		return fmt.Errorf("speakers: %d names; want at most %d", len(s.Speakers), mostSpeakers)
	}
	for i, name := range s.Speakers {
		if n := utf8.RuneCountInString(name); n > longestSpeaker || strings.ContainsFunc(name, unicode.IsControl) {
			return fmt.Errorf("speakers: name %d: want one line of at most %d characters", i+1, longestSpeaker)
		}
	}
	if m := s.Partial; m != 0 && (m < 1 || m > 24*60) {
		return fmt.Errorf("partial: %g minutes; want 1 to 1440, or 0 for never", m)
	}
	if n := s.NBest; n < 0 || n > transcribe.MostAlternatives {
		return fmt.Errorf("nbest: %d; want 1 to %d", n, transcribe.MostAlternatives)
	}
	if err := s.validateHotwords(); err != nil {
		return err
	}
	if v := s.Chosen(); v != "" && !learntVersion.MatchString(v) {
		return fmt.Errorf("learn: %q; want %q, %q or a version of twelve hex digits that was learnt", s.Learn, LearnOn, LearnOff)
	}
	if err := checkTextURL(s.TextURL); err != nil {
		return fmt.Errorf("text_url: %w", err)
	}
	switch s.Repredict {
	case "", RepredictUnlabelled, RepredictAll, RepredictOff:
	default:
		return fmt.Errorf("repredict: %q; want %q, %q or %q", s.Repredict, RepredictUnlabelled, RepredictAll, RepredictOff)
	}
	return nil
}

// checkTextURL returns what is wrong with the address of a text. Whether it may be opened is found
// out when it is.
func checkTextURL(text string) error {
	if text == "" {
		return nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return errors.New("want an address that begins with http:// or https://")
	}
	return nil
}

func (s *Settings) validateHotwords() error {
	if w := s.HotwordWeight; w != 0 && !(w >= 0.1 && w <= beam.MaxPhraseWeight) {
		return fmt.Errorf("hotword_weight: %g; want 0.1 to %d", w, beam.MaxPhraseWeight)
	}
	if len(s.Hotwords) > mostHotwords {
		return fmt.Errorf("hotwords: %d phrases; want at most %d", len(s.Hotwords), mostHotwords)
	}
	phrases, err := s.phrases()
	for i := 0; err == nil && i < len(phrases); i++ {
		err = phrases[i].Check()
	}
	if err != nil {
		return fmt.Errorf("hotwords: %w", err)
	}
	return nil
}

// phrases returns the hotwords with their weights.
func (s *Settings) phrases() ([]beam.Phrase, error) {
	out := make([]beam.Phrase, len(s.Hotwords))
	for i, text := range s.Hotwords {
		var err error
		if out[i], err = beam.ParsePhrase(text); err != nil {
			return nil, err
		}
		if out[i].Weight == 0 {
			out[i].Weight = float32(s.HotwordWeight)
		}
	}
	return out, nil
}

// mostHotwords bounds Settings.Hotwords.
const mostHotwords = 10_000

// Limits of Settings.Speakers.
const (
	mostSpeakers   = 64
	longestSpeaker = 100
)

// Transcription returns what of the settings changes a transcript; split is for a page that
// shows channels apart.
func (s *Settings) Transcription(split bool, ffmpeg string) transcribe.Options {
	o := transcribe.Options{FFmpeg: ffmpeg, Regions: align.RegionOptions{
		MaxLength:   time.Duration(s.MaxRegion * float64(time.Second)),
		MinPause:    time.Duration(s.MinPause * float64(time.Second)),
		NoSentences: s.Sentences != nil && !*s.Sentences,
	}}
	o.Hotwords, _ = s.phrases() // validated
	o.NBest = s.NBest
	switch {
	case s.Channels != "":
		o.Channels, _ = audio.ParseChannels(s.Channels) // validated
	case split:
		o.Channels = audio.Split
	}
	return o
}

func (s *Settings) plans() labelconfig.Options {
	return labelconfig.Options{Label: s.Label, Text: s.Text, Speakers: s.Speakers}
}

// Results returns what of the settings changes the results built of a transcript.
func (s *Settings) Results() results.Options {
	return results.Options{NoWords: s.Words != nil && !*s.Words, Author: s.Author, Speakers: s.Speakers, Overwrite: s.Overwrite}
}

// Fingerprint is a digest of values in twelve hex digits, for versions and keys. The values
// are those that encoding/json can write.
func Fingerprint(values ...any) string {
	h := sha256.New()
	e := json.NewEncoder(h)
	for _, v := range values {
		if err := e.Encode(v); err != nil {
			panic(err) // only plain values are given
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:6])
}
