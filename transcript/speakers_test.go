package transcript_test

import (
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/transcript"
)

// call is a conversation on two channels.
func call() *transcript.Transcript {
	at := func(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
	return &transcript.Transcript{Source: "call.wav", Duration: at(6), Segments: []transcript.Segment{
		{Start: at(0), End: at(1), Text: "How may I help?", Channel: 0},
		{Start: at(2), End: at(3), Text: "My line is dead.", Channel: 1},
		{Start: at(4), End: at(5), Text: "A third voice.", Channel: 2},
	}}
}

func TestSpeakersAreNamedInEveryFormat(t *testing.T) {
	o := transcript.WriteOptions{Speakers: []string{"Agent", "A & B <\n>"}}
	for f, want := range map[transcript.Format][]string{
		transcript.Text:         {"Agent: How may I help?\nA & B < >: My line is dead.\nChannel 3: A third voice.\n"},
		transcript.Timed:        {"]  Agent: How", "]  A & B < >: My", "]  Channel 3: A"},
		transcript.SRT:          {"\nAgent: How", ": My line is dead.", "\nChannel 3: A"},
		transcript.VTT:          {"\n<v Agent>How", "\n<v A &amp; B &lt; &gt;>My", "\n<v Channel 3>A"},
		transcript.TSV:          {"\tAgent: How", "\tA & B < >: My", "\tChannel 3: A"},
		transcript.Audacity:     {"\tAgent: How", "\tA & B < >: My", "\tChannel 3: A"},
		transcript.TextGrid:     {`"Agent - words"`, `"A & B < > - regions"`, `"Channel 3 - regions"`},
		transcript.JSON:         {`"channel": 0, "speaker": "Agent", "words"`, `"channel": 1, "speaker": "A & B < >", "words"`, `"channel": 2, "words"`},
		transcript.NeMoManifest: {`"channel": 0, "speaker": "Agent"}`, `"channel": 1, "speaker": "A & B < >"}`, `"channel": 2}`},
		transcript.CTM:          {"call 1 ", "call 2 ", "call 3 "},
	} {
		got := write(t, f, call(), o)
		for _, part := range want {
			if !strings.Contains(got, part) {
				t.Errorf("%s: no %q in\n%s", f, part, got)
			}
		}
	}
	if len(transcript.Formats()) != 10 {
		t.Error("a format is missing above")
	}
	one := call()
	one.Segments = one.Segments[:1]
	if got := write(t, transcript.Text, one, o); got != "How may I help?\n" {
		t.Errorf("one speaker alone is named: %q", got)
	}
}

// What was written with names is read with them.
func TestNamesOfSpeakersAreTakenOff(t *testing.T) {
	names := []string{"Agent", "Ann", "Anna (1)"}
	for _, f := range []transcript.Format{transcript.Text, transcript.Timed, transcript.SRT, transcript.TSV, transcript.Audacity} {
		text := write(t, f, call(), transcript.WriteOptions{Speakers: names})
		got, err := transcript.Read(strings.NewReader(text), f)
		if err != nil {
			t.Fatal(err)
		}
		if got.TakeSpeakers([]string{"Bob"}); got.Segments[0].Channel != transcript.Mixed {
			t.Errorf("%s: channel %d of a text of other speakers", f, got.Segments[0].Channel)
		}
		got.TakeSpeakers(names)
		for i, want := range call().Segments {
			if s := got.Segments[i]; s.Text != want.Text || s.Channel != want.Channel {
				t.Errorf("%s: channel %d, %q; want %d, %q", f, s.Channel, s.Text, want.Channel, want.Text)
			}
		}
	}
	// A name before some of the texts is part of them.
	mixed, err := transcript.Read(strings.NewReader("Ann: hello\nyes\nAgent: no\n"), transcript.Text)
	if err != nil {
		t.Fatal(err)
	}
	if mixed.TakeSpeakers(names); mixed.Segments[0].Text != "Ann: hello" {
		t.Errorf("%+v", mixed.Segments)
	}
}
