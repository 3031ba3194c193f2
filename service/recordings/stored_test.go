package recordings_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/audio"
	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/models"
	"github.com/asr-backend/asr-backend/priority"
	"github.com/asr-backend/asr-backend/service/internal/servicetest"
	"github.com/asr-backend/asr-backend/service/modelpool"
	"github.com/asr-backend/asr-backend/service/projects"
	"github.com/asr-backend/asr-backend/service/recordings"
	"github.com/asr-backend/asr-backend/timeline"
	"github.com/asr-backend/asr-backend/transcribe"
	"github.com/asr-backend/asr-backend/transcript"

	"github.com/google/go-cmp/cmp"
)

// speech returns a clip of speech as 16-bit samples at 16 kHz.
func speech(t *testing.T) []byte {
	t.Helper()
	paths, err := filepath.Glob(oracle.Data(t, "speech", "ljspeech", "*.flac"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no clips: %v", err)
	}
	s, err := audio.Open(t.Context(), paths[0], audio.Options{FFmpeg: audio.NoFFmpeg})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var pcm []byte
	for {
		b, err := s.Next()
		if errors.Is(err, io.EOF) {
			return pcm
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range b.Channels[0] {
			pcm = binary.LittleEndian.AppendUint16(pcm, uint16(int16(32767*min(max(x, -1), 1))))
		}
	}
}

// transcribed returns the transcript of an upload, by way of its job.
func (f *fixture) transcribed(p *projects.Project, value string) *transcript.Transcript {
	f.t.Helper()
	rec := recordings.Of(p, 10, value)
	if _, err := f.Enqueue(f.t.Context(), rec, priority.Batch); err != nil {
		f.t.Fatal(err)
	}
	if err := f.work(); err != nil {
		f.t.Fatal(err)
	}
	got, err := f.Transcript(f.t.Context(), p.ID, rec.Key())
	if err != nil {
		f.t.Fatal(err)
	}
	return got
}

func TestAStoredTranscriptIsTheOneThatWasMade(t *testing.T) {
	f := newFixtureWith(t, servicetest.Options{Model: models.EmbeddedName})
	p, value := f.project(segments), f.Upload("a.wav", nil)
	path := filepath.Join(f.Studio.MediaDir, "upload", "1", "a.wav")
	silentBut(t, path, speech(t), timeline.SampleRate, 30*timeline.SampleRate)
	got := f.transcribed(p, value)
	recognizer, release, err := f.Models.Use(t.Context(), modelpool.Key{Name: models.EmbeddedName})
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	tr, err := transcribe.New(recognizer, p.Transcription)
	if err != nil {
		t.Fatal(err)
	}
	want, err := tr.Transcribe(t.Context(), transcribe.Source{Path: path}, transcribe.Request{})
	if err != nil {
		t.Fatal(err)
	}
	want.Source = "a.wav"
	if diff := cmp.Diff(want, got); diff != "" { // no tolerance of any kind
		t.Errorf("made (-), stored (+):\n%s", diff)
	}
	if len(got.Segments) == 0 || got.Segments[0].Words[0].SpikeEnd == 0 {
		t.Errorf("%+v", got)
	}
}

// copyDataDir copies the queue's part of the data directory of an earlier program.
func copyDataDir(t *testing.T, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS("../testdata/datadir/jobs")); err != nil {
		t.Fatal(err)
	}
}

// The results of earlier programs are in the JSON format. This one stands in the data
// directory of commit 2a1880f.
func TestResultsOfEarlierProgramsAreRead(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "jobs")
	copyDataDir(t, dir)
	f := newFixtureWith(t, servicetest.Options{JobsDir: dir})
	var read []string
	for job := range f.Jobs.Jobs(jobs.Filter{Kind: recordings.Kind, States: []jobs.State{jobs.Done}}) {
		project := projects.ParseName(job.Project)
		got, err := f.Transcript(t.Context(), project, job.Key)
		if err != nil {
			t.Fatal(err)
		}
		s := &got.Segments[0]
		read = append(read, fmt.Sprint(got.Source, " ", got.Duration, " ", got.Text(), ": ", s.Words[1].Text, " ", s.Words[1].Start, " ", s.Words[1].Confidence))
		p := f.project(segments)
		p.ID = project
		out, err := f.Build(t.Context(), p, p.Plans, []string{job.Key}, nil, nil)
		if err != nil || len(out.Items) != 2*len(got.Segments) {
			t.Errorf("built %+v, %v", out, err)
		}
	}
	slices.Sort(read)
	want := []string{
		"r0.wav 5s one two three four one: two 1.71s 0.9977",
		"r0.wav 5s one two three four one: two 1.71s 0.9977", // of the project with a password
		"r1.wav 5s two three four one two: three 1.71s 0.9996",
	}
	if diff := cmp.Diff(want, read); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// silentBut makes a recording of silence with a clip in it. Silence takes no room on the disk.
func silentBut(t *testing.T, path string, clip []byte, at, length timeline.Sample) {
	t.Helper()
	size := uint32(2 * length)
	var header bytes.Buffer
	for _, field := range []any{[]byte("RIFF"), 36 + size, []byte("WAVEfmt "), uint32(16), uint16(1), uint16(1),
		uint32(timeline.SampleRate), uint32(2 * timeline.SampleRate), uint16(2), uint16(16), []byte("data"), size} {
		if err := binary.Write(&header, binary.LittleEndian, field); err != nil {
			t.Fatal(err)
		}
	}
	begin := int64(header.Len())
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Write(header.Bytes())
	_, err2 := f.WriteAt(clip, begin+2*int64(at))
	if err := errors.Join(err, err2, f.Truncate(begin+int64(size)), f.Close()); err != nil {
		t.Fatal(err)
	}
}

// A clip of speech comes to lie a whole number of windows later, so that the model sees the
// same: each word must lie exactly so many samples later.
func TestWordsAtHourTenAreExactToTheSample(t *testing.T) {
	f := newFixtureWith(t, servicetest.Options{Model: models.EmbeddedName})
	p, clip := f.project(segments), speech(t)
	step := (asr.DefaultWindow.Rows - 2*asr.DefaultWindow.Context).Sample()
	const early, tail = 40 * timeline.SampleRate, 60 * timeline.SampleRate
	later := 36000 * timeline.SampleRate / step * step
	if testing.Short() {
		later = 600 * timeline.SampleRate / step * step
	}
	transcribed := func(name string, at timeline.Sample) *transcript.Transcript {
		t.Helper()
		value := f.Upload(name, nil)
		silentBut(t, filepath.Join(f.Studio.MediaDir, "upload", "1", name), clip, at, at+tail)
		return f.transcribed(p, value)
	}
	first, last := transcribed("first.wav", early), transcribed("last.wav", early+later)
	coarse, words := 0, 0
	for i := range first.Segments {
		s := &first.Segments[i]
		s.Start, s.End = s.Start+later.Duration(), s.End+later.Duration()
		for j := range s.Words {
			w := &s.Words[j]
			for _, d := range []*time.Duration{&w.Start, &w.End, &w.SpikeStart, &w.SpikeEnd} {
				*d += later.Duration()
			}
			words++
			if w.Start%time.Millisecond != 0 {
				coarse++
			}
		}
	}
	if diff := cmp.Diff(first.Segments, last.Segments); diff != "" {
		t.Errorf("the words, and later (-want +got):\n%s", diff)
	}
	if words < 5 || coarse == 0 {
		t.Errorf("%d words, %d of them not on a millisecond", words, coarse)
	}
	t.Logf("%d words at %v, %d of them not on a millisecond", words, first.Segments[0].Start, coarse)
}
