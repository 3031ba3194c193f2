package cli_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/asr-backend/asr-backend/internal/cli"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func TestResultsOfEqualNamesAreKeptApart(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for _, path := range []string{"day1/call.wav", "day1/x/call.wav", "day2/call.wav", "day2/call.mp3", "day2/talk.wav", "other/day1/call.wav"} {
		touch(t, path)
	}
	for name, test := range map[string]struct {
		args []string
		want map[string]string // path to name
	}{
		"a folder keeps its tree": {[]string{"day1"}, map[string]string{"day1/call.wav": "call", "day1/x/call.wav": "x/call"}},
		"several folders are kept apart": {[]string{"day1", "day2"}, map[string]string{
			"day1/call.wav": "day1/call", "day1/x/call.wav": "day1/x/call",
			"day2/call.wav": "day2/call.wav", "day2/call.mp3": "day2/call.mp3", "day2/talk.wav": "day2/talk"}},
		"files in folders": {[]string{"day1/call.wav", "day2/call.wav", "day2/talk.wav"}, map[string]string{
			"day1/call.wav": "day1/call", "day2/call.wav": "day2/call", "day2/talk.wav": "talk"}},
		"folders of one name": {[]string{"day1", "other/day1"}, map[string]string{
			"day1/call.wav": "day1/call", "day1/x/call.wav": "day1/x/call", "other/day1/call.wav": "other/day1/call"}},
		"by their suffix":        {[]string{"day2/call.wav", "day2/call.mp3"}, map[string]string{"day2/call.wav": "call.wav", "day2/call.mp3": "call.mp3"}},
		"what is missing is one": {[]string{"nowhere.wav", "-"}, map[string]string{"nowhere.wav": "nowhere", "-": "stdin"}},
	} {
		found, err := cli.Find(test.args)
		if err != nil || len(found.Skipped) > 0 {
			t.Fatalf("%s: %v, %v", name, err, found)
		}
		got := map[string]string{}
		for _, in := range found.Inputs {
			got[in.Path] = in.Name
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
}

func TestInFoldersOnlyRegularFilesAreRecordings(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	touch(t, "in/a.wav")
	touch(t, "in/.hidden.wav")
	touch(t, "in/notes.txt")
	touch(t, "elsewhere/b.wav")
	if err := unix.Mkfifo("in/pipe.wav", 0o600); err != nil {
		t.Fatal(err)
	}
	for link, target := range map[string]string{"in/good.wav": "a.wav", "in/broken.wav": "nowhere", "in/null.wav": "/dev/null", "in/folder.wav": "../elsewhere"} {
		if err := os.Symlink(target, link); err != nil {
			t.Fatal(err)
		}
	}
	found, err := cli.Find([]string{"in"})
	if err != nil {
		t.Fatal(err)
	}
	wantInputs := []cli.Input{{Path: "in/a.wav", Name: "a"}, {Path: "in/good.wav", Name: "good"}}
	wantSkipped := []cli.Skipped{{Path: "in/broken.wav", Why: "a link that leads nowhere", Failed: true}, {Path: "in/folder.wav", Why: "a link to a folder"},
		{Path: "in/null.wav", Why: "a device"}, {Path: "in/pipe.wav", Why: "a named pipe"}}
	if diff := cmp.Diff(wantInputs, found.Inputs); diff != "" {
		t.Errorf("inputs (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(wantSkipped, found.Skipped); diff != "" {
		t.Errorf("skipped (-want +got)\n%s", diff)
	}
}

func TestWhatIsNamedTwiceIsTranscribedOnce(t *testing.T) {
	t.Chdir(t.TempDir())
	touch(t, "in/a.wav")
	found, err := cli.Find([]string{"in", "./in/a.wav"})
	if err != nil || len(found.Inputs) != 1 || len(found.Skipped) != 1 || found.Skipped[0].Why != "named before" {
		t.Errorf("got %v (%v)", found, err)
	}
}

func TestArgumentsThatNameNothingAreWrongUsage(t *testing.T) {
	t.Chdir(t.TempDir())
	touch(t, "in/notes.txt")
	for _, arg := range []string{"", "in"} {
		_, err := cli.Find([]string{arg})
		if cli.ExitCode(err) != cli.ExitUsage {
			t.Errorf("%q: got %v", arg, err)
		}
	}
}

func touch(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
}
