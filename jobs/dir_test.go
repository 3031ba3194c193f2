package jobs

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestADirectoryBelongsToOneProcess(t *testing.T) {
	dir := t.TempDir()
	q := open(t, Options{Dir: dir})
	_, err := Open(t.Context(), quick(Options{Dir: dir}))
	wantErr(t, err, ErrLocked)
	if msg := err.Error(); !strings.Contains(msg, dir) || !strings.Contains(msg, fmt.Sprint(os.Getpid())) || err.(*Error).Hint() == "" {
		t.Errorf("the message names neither directory nor process, or has no hint: %v", err)
	}
	// Another process is refused just so.
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "ASR_BACKEND_JOBS_CHILD=open", "ASR_BACKEND_JOBS_DIR="+dir)
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), ErrLocked.Error()) {
		t.Errorf("another process: %v, %s", err, out)
	}
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, Options{Dir: dir})
}

func TestTheServerInsideSyncsEveryWriteAndListensToNobody(t *testing.T) {
	q := open(t, Options{Dir: t.TempDir()})
	if c := q.embedded.srv.JetStreamConfig(); !c.SyncAlways {
		t.Error("acknowledged writes are lost with the power")
	}
	if a := q.embedded.srv.Addr(); a != nil {
		t.Errorf("it listens at %v", a)
	}
}

func TestJobsSurviveAnOrderlyStop(t *testing.T) {
	dir, ctx := t.TempDir(), t.Context()
	q := open(t, Options{Dir: dir})
	enqueue(t, q, spec("done"))
	if err := take(t, q, "asr").Finish(ctx, []byte("text")); err != nil {
		t.Fatal(err)
	}
	enqueue(t, q, spec("running"))
	l := take(t, q, "asr")
	if err := l.PutWindow(ctx, 2, []byte("window")); err != nil {
		t.Fatal(err)
	}
	enqueue(t, q, Spec{Key: "later", Project: "p", Kind: "asr", NotBefore: time.Now().Add(time.Hour)})
	if err := q.Values("p").Set(ctx, "k", "v"); err != nil {
		t.Fatal(err)
	}
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}

	q = open(t, Options{Dir: dir})
	if got, err := q.Result(ctx, "done"); err != nil || string(got) != "text" {
		t.Errorf("Result: %q, %v", got, err)
	}
	if got, _, err := q.Values("p").Get(ctx, "k"); err != nil || got != "v" {
		t.Errorf("value: %q, %v", got, err)
	}
	if s := state(t, q, "later"); s != Queued {
		t.Errorf("the waiting job is %s", s)
	}
	l = take(t, q, "asr")
	if j := l.Job(); j.Key != "running" || j.Crashes != 0 || j.Attempts != 2 {
		t.Errorf("taken again: %+v", j)
	}
	if w, err := l.Windows(ctx); err != nil || string(w[2]) != "window" {
		t.Errorf("windows: %v, %v", w, err)
	}
}

// Files that a process and the server in it leave when they are killed at a bad moment.
func TestWhatAKilledProcessLeavesLyingAroundDoesNoHarm(t *testing.T) {
	dir := t.TempDir()
	q := open(t, Options{Dir: dir})
	enqueue(t, q, spec("k"))
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	left := []string{"probe-123", "." + markFile + ".123.part", filepath.Join(serverDir, "_test_123"), filepath.Join(serverDir, "something else")}
	for _, name := range left {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	q = open(t, Options{Dir: dir})
	if state(t, q, "k") != Queued || q.Health() != nil {
		t.Errorf("the job is %s, Health says %v", state(t, q, "k"), q.Health())
	}
	for _, name := range left[:3] {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			t.Errorf("%s is still there", name)
		}
	}
}

func TestADirectoryOfANewerVersionIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	q := open(t, Options{Dir: dir})
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	if err := writeFile(dir, stampFile, stamp{Format: format + 1, Prefix: DefaultPrefix}); err != nil {
		t.Fatal(err)
	}
	before := tree(t, dir)
	_, err := Open(t.Context(), quick(Options{Dir: dir}))
	wantErr(t, err, ErrFormat)
	if err.(*Error).Hint() == "" {
		t.Error("no hint")
	}
	if after := tree(t, dir); after != before {
		t.Errorf("the directory was changed:\n%s\n%s", before, after)
	}
}

func TestADirectoryWhoseCreationWasInterruptedIsCreatedAgain(t *testing.T) {
	dir := t.TempDir()
	if err := writeFile(dir, stampFile, stamp{Format: format, Prefix: DefaultPrefix, Making: true}); err != nil {
		t.Fatal(err)
	}
	half := filepath.Join(dir, serverDir, "$G", "streams", "KV_asr-jobs")
	if err := os.MkdirAll(half, 0o755); err != nil {
		t.Fatal(err)
	}
	q := open(t, Options{Dir: dir})
	enqueue(t, q, spec("k"))
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	if state(t, open(t, Options{Dir: dir}), "k") != Queued {
		t.Error("the directory was created again once too often")
	}
}

func TestAFolderOfAnotherServerIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	other := filepath.Join(dir, serverDir, "somebody's")
	if err := os.MkdirAll(other, 0o755); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), quick(Options{Dir: dir}))
	wantErr(t, err, ErrDamaged)
	if _, err := os.Stat(other); err != nil {
		t.Error(err)
	}
}

func TestAClusterOfANewerVersionIsLeftAlone(t *testing.T) {
	s := serve(t)
	q := open(t, Options{URL: s.ClientURL()})
	info, err := q.streams[bucketResults].Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	info.Config.Metadata[formatKey] = fmt.Sprint(format + 1)
	if _, err := q.js.UpdateStream(t.Context(), info.Config); err != nil {
		t.Fatal(err)
	}
	_, err = Open(t.Context(), quick(Options{URL: s.ClientURL()}))
	wantErr(t, err, ErrFormat)
}

func TestADirectoryKeepsItsPrefix(t *testing.T) {
	dir := t.TempDir()
	q := open(t, Options{Dir: dir, Prefix: "one"})
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), quick(Options{Dir: dir, Prefix: "two"}))
	wantErr(t, err, ErrState)
}

func TestInvalidOptionsAreRejected(t *testing.T) {
	for name, o := range map[string]Options{
		"neither directory nor URL":    {},
		"both":                         {Dir: "d", URL: "nats://h"},
		"replicas of a directory":      {Dir: "d", Replicas: 3},
		"a key without certificate":    {URL: "nats://h", ClientKey: "k"},
		"two ways to sign in":          {URL: "nats://h", NKey: "n", Credentials: "c"},
		"a user and an nkey":           {URL: "nats://u:p@h", NKey: "n"},
		"an authority for a directory": {Dir: "d", RootCA: "ca"},
		"six replicas":                 {URL: "nats://h", Replicas: 6},
		"prefix with a dot":            {Dir: "d", Prefix: "a.b"},
		"a lease of nothing":           {Dir: "d", Lease: time.Nanosecond},
		"negative limit":               {Dir: "d", KeepBytes: -1},
	} {
		_, err := Open(t.Context(), o)
		if err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := os.Stat("d"); err == nil {
		t.Error("a refused directory was made")
	}
	_, err := Open(t.Context(), quick(Options{URL: "nats://127.0.0.1:1", Credentials: filepath.Join(t.TempDir(), "none.creds")}))
	if err == nil || !strings.Contains(err.Error(), "credentials file") {
		t.Errorf("missing credentials: %v", err)
	}
}

// tree lists all files of a directory with their sizes and times, but for the lock.
func tree(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == lockFile {
			return err
		}
		i, err := d.Info()
		if err == nil {
			fmt.Fprintln(&b, path, i.Size(), i.ModTime())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}
