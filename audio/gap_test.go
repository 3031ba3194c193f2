package audio_test

import (
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/asr-backend/asr-backend/audio"
	"github.com/asr-backend/asr-backend/timeline"
)

// gapped makes a recording of the codec and container that name asks for. Its second second
// comes so many seconds later than it should.
func gapped(t testing.TB, name, codec, seconds string) string {
	t.Helper()
	return makeFile(t, name, "-t", "3", "-f", "lavfi", "-i", "sine=f=300:r=48000",
		"-af", "asetpts=PTS+gt(T\\,1)*"+seconds+"/TB", "-c:a", codec)
}

var gapContainers = []struct{ name, codec string }{
	{"x.mka", "flac"}, {"x.nut", "flac"}, {"x.ts", "aac"}, {"x.mp4", "aac"}, {"x.webm", "libopus"},
}

// loudParts reads a recording without keeping it, and returns where it turns loud or quiet,
// to a tenth of a second.
func loudParts(t testing.TB, path string, o audio.Options) (turns []timeline.Sample, length timeline.Sample, diagnostics []audio.Diagnostic) {
	t.Helper()
	s, err := audio.Open(t.Context(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	loud := false
	for {
		b, err := s.Next()
		if err == io.EOF {
			return turns, s.Length(), s.Diagnostics()
		}
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(b.Channels[0]); i += 1600 {
			part := b.Channels[0][i:min(i+1600, len(b.Channels[0]))]
			if is := slices.Max(part) > 0.01; is != loud {
				turns, loud = append(turns, b.Start+timeline.Sample(i)), is
			}
		}
	}
}

func TestAGapIsSilenceWhateverTheContainer(t *testing.T) {
	o := options(t)
	for _, c := range gapContainers {
		turns, length, diagnostics := loudParts(t, gapped(t, c.name, c.codec, "1200"), o)
		const second = timeline.SampleRate
		want := []timeline.Sample{0, 1 * second, 1201 * second}
		ok := len(turns) >= 3
		for i := range want {
			ok = ok && turns[i] > want[i]-second/5 && turns[i] < want[i]+second/5
		}
		if !ok || length < 1202.9*second || length > 1203.2*second {
			t.Errorf("%s: turns at %v, length %d", c.name, turns, length)
		}
		if len(diagnostics) == 0 || diagnostics[0].Kind != audio.Partial || !strings.Contains(diagnostics[0].Text, "no sound for 20:0") {
			t.Errorf("%s: got %v", c.name, diagnostics)
		}
	}
}

// A gap that no recording has is closed up, and said.
func TestAGapOfDaysIsClosedUpAndSaid(t *testing.T) {
	o := options(t)
	for _, days := range []string{"10", "10950"} {
		for _, c := range gapContainers {
			if c.name == "x.ts" {
				continue // its clock begins anew after 26 hours
			}
			path := gapped(t, c.name, c.codec, days+"*86400")
			got := mustOpen(t, path, o)
			if got.length < 2.9*timeline.SampleRate || got.length > 3.1*timeline.SampleRate {
				t.Errorf("%s days in %s: %d samples", days, c.name, got.length)
			}
			if k := got.kinds(); len(k) == 0 || k[0] != audio.Damaged && c.name != "x.mp4" {
				t.Errorf("%s days in %s: got %v", days, c.name, got.diagnostics)
			}
			if slices.Contains(got.kinds(), audio.Truncated) {
				t.Errorf("%s days in %s: called cut off: %v", days, c.name, got.diagnostics)
			}
		}
	}
}

// Neither this process nor ffmpeg holds the silence of a gap in memory.
func TestAGapTakesNoMemory(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("reads what Linux counts")
	}
	o := options(t)
	path := gapped(t, "x.mp4", "aac", "3600")
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	loudParts(t, path, o)
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapSys) - int64(before.HeapSys); grown > 64<<20 {
		t.Errorf("the heap grew by %d MB", grown>>20)
	}
	var children syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_CHILDREN, &children); err != nil {
		t.Fatal(err)
	}
	// The greatest of all children so far; an hour at 48 kHz is 691 MB.
	if children.Maxrss > 400<<10 {
		t.Errorf("ffmpeg took %d MB", children.Maxrss>>10)
	}
}

// Files that were joined, or whose clock is wrong, lose no sound.
func TestTimestampsThatGoBackLoseNoSound(t *testing.T) {
	o := options(t)
	jfk := data(t, "formats-jfk", "jfk.wav")
	for _, c := range []struct {
		name  string
		codec string
		said  bool
	}{{"x.ts", "aac", true}, {"x.ogg", "libvorbis", false}} {
		b, err := os.ReadFile(makeFile(t, c.name, "-i", jfk, "-c:a", c.codec))
		if err != nil {
			t.Fatal(err)
		}
		twice := filepath.Join(t.TempDir(), c.name)
		if err := os.WriteFile(twice, slices.Concat(b, b), 0o600); err != nil {
			t.Fatal(err)
		}
		got := mustOpen(t, twice, o)
		if got.length < 2*176000 || got.length > 2*178200 {
			t.Errorf("%s: %d samples, want twice 176000", c.name, got.length)
		}
		if said := slices.Contains(got.kinds(), audio.Mislabelled); said != c.said {
			t.Errorf("%s: got %v", c.name, got.diagnostics)
		}
	}
}

// A clock that is slow by two in a thousand must not move the end of a recording.
func TestAClockThatDriftsKeepsItsTime(t *testing.T) {
	o := options(t)
	for _, factor := range []string{"0.998", "1.002"} {
		path := makeFile(t, "x.mka", "-f", "lavfi", "-i", "sine=f=300:r=16000:d=300", "-af", "asetpts=PTS*"+factor, "-c:a", "flac")
		got := mustOpen(t, path, o)
		want := 300 * timeline.SampleRate * 998 / 1000
		if factor == "1.002" {
			want = 300 * timeline.SampleRate * 1002 / 1000
		}
		if diff := int(got.length) - want; diff < -1700 || diff > 1700 {
			t.Errorf("clock of %s: %d samples, want %d to a tenth of a second", factor, got.length, want)
		}
		if cut := slices.Contains(got.kinds(), audio.Mislabelled); cut != (factor == "0.998") {
			t.Errorf("clock of %s: got %v", factor, got.diagnostics)
		}
	}
}

func TestSoundBeginsWhereTheFileSays(t *testing.T) {
	o := options(t)
	jfk := data(t, "formats-jfk", "jfk.wav")
	want := mustOpen(t, jfk, o).channels[0]
	video := []string{"-f", "lavfi", "-i", "testsrc=d=11:s=64x64:r=25"}
	wma := makeFile(t, "x.wma", "-i", jfk, "-c:a", "wmav2")
	for _, c := range []struct {
		name string
		path string
		late int
	}{
		{"two seconds into a video", makeFile(t, "x.mkv", append(video, "-itsoffset", "2", "-i", jfk, "-c:v", "mpeg4", "-c:a", "aac")...), 32000},
		{"two seconds into a Windows video", makeFile(t, "x.wmv", append(video, "-itsoffset", "2", "-i", jfk, "-c:v", "wmv2", "-c:a", "wmav2")...), 32000},
		{"a broadcast that begins at 1.4 s", makeFile(t, "x.ts", "-i", jfk, "-c:a", "aac"), 0},
		{"a broadcast that begins at an hour", makeFile(t, "x.ts", "-i", jfk, "-c:a", "aac", "-output_ts_offset", "3600"), 0},
		{"a year on its clock", makeFile(t, "x.mka", "-i", jfk, "-af", "asetpts=PTS+86400*365/TB", "-c:a", "flac", "-avoid_negative_ts", "disabled"), 0},
		{"Windows Media", wma, 0},
		// The first packet alone gives no sound, so that the first sound is stamped late.
		{"Windows Media behind a gap of its codec", makeFile(t, "x.wma", "-i", wma, "-c", "copy", "-bsf:a", "setts=ts=TS+gt(N\\,0)*1900"), 0},
	} {
		r := mustOpen(t, c.path, o)
		got := r.channels[0]
		for _, d := range r.diagnostics {
			if d.Kind == audio.Truncated {
				t.Errorf("%s: %s", c.name, d.Text)
			}
		}
		if len(got) < c.late+170000 {
			t.Errorf("%s: %d samples", c.name, len(got))
			continue
		}
		if l := lag(got[c.late:], want); l < -800 || l > 1100 {
			t.Errorf("%s: off by %d samples", c.name, l)
		}
	}
}
