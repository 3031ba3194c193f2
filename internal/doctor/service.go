package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/asr-backend/asr-backend/internal/diskspace"
	"github.com/asr-backend/asr-backend/internal/finding"
	"github.com/asr-backend/asr-backend/labelstudio"
)

// Service says how `asr-backend serve` runs here, or would.
type Service struct {
	Host     string // empty: all addresses
	Port     int
	DataDir  string
	User     string
	Password labelstudio.Secret
}

// running is a service that answers on this machine.
type running struct {
	service *Service
	status  *serviceStatus // nil if it does not report one
}

// serviceStatus is the part that is read of a service's /status.
type serviceStatus struct {
	Version   string `json:"version"`
	NotReady  string `json:"not_ready"`
	Store     string `json:"store"`
	StoreHint string `json:"store_hint"`
	API       string `json:"label_studio_problem"`
	Projects  []struct {
		ID      int64 `json:"id"`
		Problem *struct {
			What string `json:"what"`
			Hint string `json:"hint"`
		} `json:"problem"`
		Page *struct {
			What string `json:"what"`
			Hint string `json:"hint"`
		} `json:"page_problem"`
	} `json:"projects"`
}

// asked reports whether a project has asked the service, and false for known when the
// service does not report its status.
func (r *running) asked(project int64) (asked, known bool) {
	if r == nil || r.status == nil {
		return false, false
	}
	for _, p := range r.status.Projects {
		if p.ID == project {
			return true, true
		}
	}
	return false, true
}

// examine looks at the data folder and the port, and returns the service that answers
// there, or nil.
func (s *Service) examine(ctx context.Context) ([]finding.Finding, *running) {
	port, found := s.port(ctx)
	findings := []finding.Finding{s.folder(), port}
	if found == nil || found.status == nil {
		return findings, found
	}
	if found.status.Store != "" {
		findings = append(findings, finding.New("service", finding.Failure, found.status.Store,
			cmp.Or(found.status.StoreHint, "the service goes on and answers, but keeps nothing until this is mended")))
	}
	if found.status.API != "" {
		findings = append(findings, finding.New("service", finding.Warning, found.status.API, "set both in the environment of the service and restart it"))
	}
	for _, p := range found.status.Projects {
		if p.Problem != nil {
			findings = append(findings, finding.New("service", finding.Warning, fmt.Sprintf("project %d is not served: %s", p.ID, p.Problem.What), p.Problem.Hint))
		}
		if p.Page != nil {
			findings = append(findings, finding.New("page", finding.Warning, fmt.Sprintf("project %d: %s", p.ID, p.Page.What), p.Page.Hint))
		}
	}
	return findings, found
}

// Space of the data folder, in bytes, below which a person should know.
const (
	littleSpace = 2 << 30
	noSpace     = 64 << 20
)

// folder looks whether the data folder can be written and how much goes into it. A folder
// that is not there is not made: serve does that.
func (s *Service) folder() finding.Finding {
	const check = "data folder"
	dir, missing := s.DataDir, false
	for {
		info, err := os.Stat(dir)
		if err == nil && !info.IsDir() {
			return finding.New(check, finding.Failure, dir+" is a file", "choose another folder with --data-dir")
		}
		if err == nil {
			break
		}
		parent := filepath.Dir(dir)
		if !errors.Is(err, os.ErrNotExist) || parent == dir {
			return finding.New(check, finding.Failure, err.Error(), "choose another folder with --data-dir, or let this user reach it")
		}
		dir, missing = parent, true
	}
	if f := writable(dir, check); f.Status != finding.OK {
		return f
	}
	free, err := diskspace.Free(dir)
	if err != nil {
		return finding.New(check, finding.Warning, fmt.Sprintf("cannot find out how much space %s has: %v", dir, err), "")
	}
	detail := fmt.Sprintf("can write to %s, %s are free", s.DataDir, size(free))
	if missing {
		detail = fmt.Sprintf("%s will be made; %s are free", s.DataDir, size(free))
	}
	const hint = "make room, or choose another folder with --data-dir; --cache-size bounds what fetched recordings take"
	switch {
	case free < noSpace:
		return finding.New(check, finding.Failure, detail, hint)
	case free < littleSpace:
		return finding.New(check, finding.Warning, detail, hint)
	}
	return finding.New(check, finding.OK, detail, "")
}

// size writes bytes for people, in units of 1000.
func size(n int64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.1f GB", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	case n >= 1e3:
		return fmt.Sprintf("%.0f kB", float64(n)/1e3)
	}
	return fmt.Sprintf("%d bytes", n)
}

// port looks whether the port is free, and who answers there if it is not.
func (s *Service) port(ctx context.Context) (finding.Finding, *running) {
	const check = "port"
	address := net.JoinHostPort(s.Host, strconv.Itoa(s.Port))
	ln, err := net.Listen("tcp", address)
	switch {
	case err == nil:
		ln.Close()
		return finding.New(check, finding.OK, fmt.Sprintf("%s is free", address), ""), nil
	case errors.Is(err, syscall.EACCES):
		return finding.New(check, finding.Failure, err.Error(), "ports below 1024 are for root; choose another with --port"), nil
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return finding.New(check, finding.Failure, err.Error(), "this machine has no such address; leave --host empty to listen on all"), nil
	case !errors.Is(err, syscall.EADDRINUSE):
		return finding.New(check, finding.Failure, err.Error(), "choose another with --host and --port"), nil
	}
	who, err := ask(ctx, s.base()+"/health")
	const other = "stop it, or choose another port with --port"
	switch {
	case err != nil:
		return finding.New(check, finding.Failure, fmt.Sprintf("%s is taken by a program that does not speak HTTP: %v", address, err), other), nil
	case who.Class != "asr-backend":
		return finding.New(check, finding.Failure, fmt.Sprintf("%s is taken by %s", address, who), other), nil
	}
	return s.answers(ctx, address)
}

// answers reports the state of the service on the port.
func (s *Service) answers(ctx context.Context, address string) (finding.Finding, *running) {
	found := &running{service: s}
	if err := found.refresh(ctx); err != nil {
		return finding.New("port", finding.OK, fmt.Sprintf("asr-backend answers on %s, but does not report its status: %v", address, err), "if it asks for a user and a password, give its own (BASIC_AUTH_USER, BASIC_AUTH_PASS)"), found
	}
	detail := fmt.Sprintf("asr-backend %s answers on %s", found.status.Version, address)
	if why := found.status.NotReady; why != "" {
		return finding.New("port", finding.Warning, detail+", but is not ready: "+why, "wait if it has just started; else see its log"), found
	}
	return finding.New("port", finding.OK, detail+" and is ready", ""), found
}

// base is where the service is asked from here.
func (s *Service) base() string {
	host := s.Host
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, strconv.Itoa(s.Port))
}

// refresh asks the service for its status.
func (r *running) refresh(ctx context.Context) error {
	q, err := http.NewRequest(http.MethodGet, r.service.base()+"/status", nil)
	if err != nil {
		return err
	}
	if r.service.User != "" {
		q.SetBasicAuth(r.service.User, r.service.Password.Reveal())
	}
	var status serviceStatus
	if err := getJSON(ctx, direct(), q, &status); err != nil {
		return err
	}
	r.status = &status
	return nil
}

// patience is how long an answer may take that should take milliseconds.
const patience = 5 * time.Second

// direct asks without a proxy, which would answer for itself, and keeps no connections.
func direct() *http.Client {
	return &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
