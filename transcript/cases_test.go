package transcript_test

import (
	"strings"
	"time"

	"github.com/asr-backend/asr-backend/transcript"
)

// at returns s seconds as a time that lies on the sample grid.
func at(s float64) time.Duration {
	return time.Duration(s*16000) * (time.Second / 16000)
}

// words spreads texts evenly over start..end seconds with a tenth of each silent.
func words(start, end float64, texts ...string) []transcript.Word {
	out := make([]transcript.Word, len(texts))
	step := (end - start) / float64(len(texts))
	for i, text := range texts {
		from := start + float64(i)*step
		out[i] = transcript.Word{Text: text, Start: at(from), End: at(from + 0.9*step), Confidence: 0.9 - 0.01*float64(i)}
	}
	return out
}

func segment(channel int, start, end float64, text string) transcript.Segment {
	return transcript.Segment{
		Start: at(start), End: at(end), Text: text, Confidence: 0.875, Channel: channel,
		Words: words(start, end, strings.Fields(text)...),
	}
}

// plain is an ordinary transcript: sentences of ordinary length and one long one.
func plain() *transcript.Transcript {
	return &transcript.Transcript{
		Source: "talks/first hour.wav", Duration: at(31.53125), Language: "en",
		Model: "fastconformer-ctc", ModelVersion: "fc-1a2b3c", Confidence: 0.8642,
		Segments: []transcript.Segment{
			segment(transcript.Mixed, 0, 2.25, "Good evening."),
			segment(transcript.Mixed, 2.5, 6.0625, "It is ten o'clock, and here is the news."),
			segment(transcript.Mixed, 6.5, 19.75, "The river rose by another forty centimetres during the night, so the two bridges "+
				"in the old town stay closed. Buses go round by the station; trains run as planned until further notice."),
			segment(transcript.Mixed, 28, 31, "Good night."),
		},
		Diagnostics: transcript.Diagnostics{
			Warnings: []string{"the file ends in the middle of a frame at 31.5 s"},
			Windows:  2, WindowsSkipped: 1, SeamDisagreement: 0.0125, UnrecognizedSpeech: 250 * time.Millisecond,
		},
	}
}

// odd is everything that breaks writers: two channels that overlap, markup in words,
// control characters, scripts from right to left and without spaces, words that are very
// long or have no length, text without words and words without text, and times beyond a
// hundred hours.
func odd() *transcript.Transcript {
	const far = 123 * 3600.0
	long := strings.Repeat("Donaudampfschifffahrts", 6)
	t := &transcript.Transcript{
		Source: "https://user:secret@host/calls/a b.wav?token=secret", Duration: at(far + 60),
		Model: "m", Confidence: 1,
		Segments: []transcript.Segment{
			segment(0, 0, 9, `He wrote "a <b>" & {\an8} <unk> --> then left, which nobody there had expected him to do at all.`),
			segment(1, 0.5, 2, "yes"),
			segment(1, 3, 4, "tab\there\nline\r\n\x00nul \x1b[31mred\u2028end \xff bad"),
			segment(0, 10, 14, "שלום עולם, איך אתה היום?"),
			segment(1, 12, 13, "مرحبا بالعالم"),
			{Start: at(20), End: at(32), Channel: 0, Confidence: 0.5,
				Text: "今日は天気がとても良いので、友達と一緒に公園へ散歩に行くことにしました。そのあと、駅の近くの新しい喫茶店でコーヒーを飲みながらゆっくり話しました。"},
			{Start: at(33), End: at(36), Channel: 1, Words: words(33, 36, "words", "only")},
			segment(0, 40, 60, long+" "+long),
			{Start: at(61), End: at(61), Text: "nothing", Channel: 0,
				Words: []transcript.Word{{Text: "nothing", Start: at(61), End: at(61), Confidence: 1}}},
			{Start: at(61), End: at(62), Channel: 1},
			segment(0, 36000.5, 36001, "ten hours"),
			segment(11, far, far+1, "a hundred hours"),
			{Start: at(far + 2), End: at(far + 8), Text: "corrected by a person, words do not fit", Channel: 0, Words: words(far+2, far+8, "other", "words")},
		},
	}
	return t
}

func cases() map[string]*transcript.Transcript {
	return map[string]*transcript.Transcript{
		"plain": plain(), "odd": odd(), "empty": {Source: "-", Model: "m", Duration: at(3)}, "nothing": {},
	}
}
