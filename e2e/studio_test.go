package e2e

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The one user of the Label Studio under test.
const (
	email    = "admin@example.com"
	password = "admin-password-1"
	legacy   = "0123456789abcdef0123456789abcdef01234567" // legacy token
)

// studio is a running Label Studio.
type studio struct {
	url       string
	env       string // its Python environment
	dir       string // its data
	documents string // the folder that it serves local files from
	personal  string // personal access token of the user, or the legacy one where there are no others
	port      int
	process   *process
	owner     testing.TB // the test with which it ends
}

// startStudio starts a Label Studio with an empty database, or with that of a folder.
func startStudio(t *testing.T, env, dir string) *studio {
	t.Helper()
	s := &studio{env: env, dir: dir, documents: filepath.Join(dir, "documents"), port: freePort(t), owner: t}
	s.url = fmt.Sprintf("http://127.0.0.1:%d", s.port)
	if err := os.MkdirAll(s.documents, 0o755); err != nil {
		t.Fatal(err)
	}
	s.start(t)
	s.personal = s.personalToken(t)
	return s
}

// start starts the server and waits until it answers.
func (s *studio) start(t *testing.T) {
	t.Helper()
	began := time.Now()
	cmd := exec.Command(filepath.Join(s.env, "bin", "label-studio"), "start", "--no-browser", "--log-level", "INFO",
		"--internal-host", "127.0.0.1", "--port", fmt.Sprint(s.port), "--data-dir", s.dir,
		"--username", email, "--password", password, "--user-token", legacy)
	if s.knows(t, "--enable-legacy-api-token") {
		cmd.Args = append(cmd.Args, "--enable-legacy-api-token")
	}
	cmd.Env = append(cleanEnv("LABEL_STUDIO_", "HEARTEX_", "DJANGO_", "HOST", "PORT", "USERNAME", "PASSWORD"),
		// Nothing outside this machine.
		"LATEST_VERSION_CHECK=false", "COLLECT_ANALYTICS=false", "SENTRY_DSN=", "FRONTEND_SENTRY_DSN=", "FEATURE_FLAGS_OFFLINE=true",
		// The backend is at a private address.
		"ML_BLOCK_LOCAL_IP=false", "SSRF_PROTECTION_ENABLED=false",
		// One that Label Studio makes up may begin with a $, which it cannot read again: tokens are
		// invalid after a restart then.
		"SECRET_KEY=of-tests-only",
		"LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN=true",
		"LOCAL_FILES_SERVING_ENABLED=true", "LOCAL_FILES_DOCUMENT_ROOT="+s.documents,
		"fflag_feat_utc_210_prediction_validation_15082025=true",
		"PYTHONUNBUFFERED=1")
	s.process = start(t, s.owner, cmd, filepath.Join(s.dir, "server.log"))
	s.process.until(t, "Label Studio answers", 10*time.Minute, func() bool { return answers(s.url + "/health") })
	t.Logf("Label Studio answers after %.1f s", time.Since(began).Seconds())
}

// knows reports whether the server knows an option: those before 1.17 have no kinds of tokens.
func (s *studio) knows(t *testing.T, option string) bool {
	t.Helper()
	help, err := exec.Command(filepath.Join(s.env, "bin", "label-studio"), "start", "--help").Output()
	if err != nil {
		t.Fatalf("label-studio start --help: %v", err)
	}
	return bytes.Contains(help, []byte(option))
}

// personalToken makes the user's personal access token, or returns the legacy one where there are none.
func (s *studio) personalToken(t *testing.T) string {
	t.Helper()
	if status, _, err := s.send("GET", "/api/token/", "", nil); err != nil || status == http.StatusNotFound {
		return legacy
	}
	s.call(t, "POST", "/api/jwt/settings", object{"api_tokens_enabled": true, "legacy_api_tokens_enabled": true}, nil)
	var old []struct{ Token string }
	s.call(t, "GET", "/api/token/", nil, &old)
	for _, o := range old { // of a folder that was kept; there may be one, and it is shown once
		s.call(t, "POST", "/api/token/blacklist/", object{"refresh": o.Token}, nil)
	}
	var made struct{ Token string }
	s.call(t, "POST", "/api/token/", object{}, &made)
	return made.Token
}

// process is a child that ends with a test.
type process struct {
	cmd  *exec.Cmd
	log  string // path
	done chan struct{}
	err  error // of the end, once done is closed
}

// start starts a program in a group of its own, with its output in a file. It is ended
// when the test that owns it ends.
func start(t *testing.T, owner testing.TB, cmd *exec.Cmd, log string) *process {
	t.Helper()
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = out, out, &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: cmd, log: log, done: make(chan struct{})}
	go func() { p.err = cmd.Wait(); close(p.done) }()
	owner.Cleanup(func() { p.end(syscall.SIGTERM) })
	return p
}

// end sends a signal to the group and waits; what does not end in time is killed.
func (p *process) end(sig syscall.Signal) {
	_ = syscall.Kill(-p.cmd.Process.Pid, sig) // it may have ended
	select {
	case <-p.done:
	case <-time.After(20 * time.Second):
	}
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) // and whatever it left
	<-p.done
}

// until waits until something is so. A process that ends before fails the test.
func (p *process) until(t *testing.T, what string, within time.Duration, so func() bool) {
	t.Helper()
	for end := time.Now().Add(within); !so(); {
		select {
		case <-p.done:
			t.Fatalf("before %s: %s ended with %v\n%s", what, filepath.Base(p.cmd.Path), p.err, p.tail())
		case <-time.After(50 * time.Millisecond):
		}
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s\n%s", within, what, p.tail())
		}
	}
}

// tail returns the end of the log.
func (p *process) tail() string {
	raw, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	lines := bytes.Split(bytes.TrimSpace(raw), []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-30):], []byte("\n")))
}

// eventually waits until something is so.
func eventually(t *testing.T, what string, within time.Duration, so func() bool) {
	t.Helper()
	for end := time.Now().Add(within); !so(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", within, what)
		}
	}
}

// answers reports whether a page is there.
func answers(url string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, "GET", url, nil)
	if err != nil {
		return false
	}
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		return false
	}
	w.Body.Close()
	return w.StatusCode == http.StatusOK
}

// cleanEnv is the environment without what would configure a program in another way.
func cleanEnv(prefixes ...string) []string {
	var out []string
	for _, e := range os.Environ() {
		name, _, _ := strings.Cut(e, "=")
		keep := true
		for _, p := range prefixes {
			if name == p || strings.HasSuffix(p, "_") && strings.HasPrefix(name, p) {
				keep = false
			}
		}
		if keep {
			out = append(out, e)
		}
	}
	return out
}

// freePort returns a port that nothing listened on a moment ago.
func freePort(t *testing.T) int {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port
}
