package doctor

import (
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/internal/finding"
	"github.com/asr-backend/asr-backend/labelstudio/labelstudiotest"
)

// TestSeenFromTheService meets the cases that only the service's own memory shows.
func TestSeenFromTheService(t *testing.T) {
	for _, c := range []struct {
		name   string
		asked  []int
		change func(s studio, here string)
		want   []string
	}{
		{"nothing ever asked, and Label Studio says why", nil, func(s studio, here string) {
			s.connect(here, "DI", "")
			s.DeleteWebhooks(3)
			s.refuse(addresses, 403, reserved)
		}, []string{
			"FAILURE private addresses: refuses to ask",
			"FAILURE backend: not reached, and the service here was never asked for this project -> ML_BLOCK_LOCAL_IP=false and SSRF_PROTECTION_ENABLED=false",
			"WARNING webhook: there is no webhook", connected[3],
			"WARNING service: no Label Studio has asked this service yet -> set ML_BLOCK_LOCAL_IP=false and SSRF_PROTECTION_ENABLED=false"}},
		{"nothing ever asked, and nothing is connected", nil, func(s studio, here string) { s.DeleteBackends(3) }, []string{
			"OK private addresses: takes",
			"WARNING backend: no project is connected", connected[3],
			"WARNING service: no Label Studio has asked this service yet -> a firewall is between, or Label Studio refuses private addresses"}},
		{"another backend answers in its place", []int{8}, func(s studio, here string) {
			s.connect(here, "CO", "")
		}, []string{"OK private addresses: takes",
			"WARNING backend: connected, and the service here was never asked for this project -> another backend answers at that address",
			"OK webhook: events are sent", connected[3]}},
		{"it was asked", []int{8, 3}, func(s studio, here string) {
			s.connect(here, "CO", "")
		}, []string{"OK private addresses: takes", "OK backend: connected, version small-1", "OK webhook: events are sent", connected[3]}},
	} {
		t.Run(c.name, func(t *testing.T) {
			here := backendServer(t, "asr-backend", "", "", c.asked...)
			findings, found := at(t, here).examine(t.Context())
			expect(t, findings, "OK data folder: can write", "OK port: asr-backend 2.0 answers on 127.0.0.1:")
			s := newStudio(t)
			c.change(s, here)
			l := &LabelStudio{URL: s.URL, Token: secret(legacy), BackendURL: here}
			expect(t, l.examine(t.Context(), found), after(well, c.want...)...)
		})
	}
	t.Run("nothing ever asked, and Label Studio is not known", func(t *testing.T) {
		_, found := at(t, backendServer(t, "asr-backend", "", "")).examine(t.Context())
		expect(t, (&LabelStudio{}).examine(t.Context(), found), "OK label studio: not looked at",
			"WARNING service: no Label Studio has asked this service yet -> connect it in Label Studio")
	})
}

func TestPorts(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	freeAddress := "http://" + free.Addr().String()
	free.Close()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	go func() { // ends with the listener
		for {
			conn, err := silent.Accept()
			if err != nil {
				return
			}
			conn.Write([]byte("SSH-2.0-x\r\n"))
			conn.Close()
		}
	}()
	for _, c := range []struct{ name, address, user, password, want string }{
		{"free", freeAddress, "", "", "OK port: is free"},
		{"the service", backendServer(t, "asr-backend", "", ""), "", "", "OK port: asr-backend 2.0 answers on 127.0.0.1"},
		{"the service, not ready", backendServer(t, "asr-backend", "", "the model loads"), "", "", "WARNING port: is not ready: the model loads -> wait"},
		{"the service behind a password", backendServer(t, "asr-backend", "hush", ""), "operator", "hush", "OK port: asr-backend 2.0 answers"},
		{"the service behind another password", backendServer(t, "asr-backend", "hush", ""), "operator", "guess", "OK port: does not report its status: 401 -> BASIC_AUTH_USER"},
		{"another backend", backendServer(t, "SomeModel", "", ""), "", "", `FAILURE port: taken by a machine learning backend ("SomeModel") -> another port`},
		{"Label Studio", newStudio(t).URL, "", "", "FAILURE port: taken by a Label Studio -> another port"},
		{"no HTTP", "http://" + silent.Addr().String(), "", "", "FAILURE port: does not speak HTTP -> another port"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := at(t, c.address)
			s.User, s.Password = c.user, secret(c.password)
			port, _ := s.port(t.Context())
			expect(t, []finding.Finding{port}, c.want)
		})
	}
	t.Run("no such address", func(t *testing.T) {
		port, _ := (&Service{Host: "192.0.2.1", Port: 9090}).port(t.Context())
		expect(t, []finding.Finding{port}, "FAILURE port: 192.0.2.1:9090 -> leave --host empty")
	})
}

func TestPagesThatMayNotOpenRecordings(t *testing.T) {
	status := `{"version":"2.0","projects":[{"id":1},{"id":2,"page_problem":{"what":"recordings over 30 minutes, Audio tag without decoder=...","hint":"change the tag to <Audio decoder=\"none\"/>"}}]}`
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", labelstudiotest.Answer(200, `{"status":"UP","model_class":"asr-backend"}`))
	mux.HandleFunc("GET /status", labelstudiotest.Answer(200, status))
	server := httptest.NewServer(mux)
	defer server.Close()
	s := at(t, server.URL)
	s.DataDir = t.TempDir()
	findings, _ := s.examine(t.Context())
	expect(t, findings[1:], "OK port: asr-backend 2.0 answers",
		`WARNING page: project 2: recordings over 30 minutes, Audio tag without decoder=... -> change the tag to <Audio decoder="none"/>`)
}

func TestDataFolders(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, dir, want string }{
		{"a folder", dir, "OK data folder: can write to " + dir},
		{"one that is not there yet", filepath.Join(dir, "a", "b"), "OK data folder: b will be made"},
		{"a file", file, "FAILURE data folder: is a file -> --data-dir"},
		{"below a file", filepath.Join(file, "a"), "FAILURE data folder: not a directory -> --data-dir"},
		{"a folder that takes no files", "/proc", "FAILURE data folder: cannot write to /proc -> writable"},
	} {
		t.Run(c.name, func(t *testing.T) {
			expect(t, []finding.Finding{(&Service{DataDir: c.dir}).folder()}, c.want)
		})
	}
	if _, err := os.Stat(filepath.Join(dir, "a")); err == nil {
		t.Error("the examination made a folder")
	}
	if strings.Contains(size(123), ".") || size(1_500_000) != "1.5 MB" {
		t.Errorf("sizes: %s, %s", size(123), size(1_500_000))
	}
}
