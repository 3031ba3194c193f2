package jobs

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/asr-backend/asr-backend/internal/diskspace"
)

// Defaults of Options.
const (
	DefaultPrefix        = "asr"
	DefaultLease         = 30 * time.Second
	DefaultMaxCrashes    = 5
	DefaultMaxJobs       = 1_000_000
	DefaultKeepDone      = 30 * 24 * time.Hour
	DefaultKeepDiscarded = 90 * 24 * time.Hour
	DefaultKeepJobs      = 200_000
	DefaultKeepBytes     = 8 << 30
	DefaultWindowBytes   = 4 << 30
	DefaultKeptWindows   = 1 << 30
	DefaultWindowAge     = 14 * 24 * time.Hour
	DefaultReserve       = 128 << 20
	DefaultCloseWait     = 10 * time.Second
)

// Options choose the store and its limits. Zero fields take the defaults above; exactly one
// of Dir and URL must be set.
type Options struct {
	// Dir is the data directory of the embedded server. It is created if missing and
	// belongs to one process at a time.
	Dir string
	// URL is a NATS server or cluster with JetStream, version 2.11 or newer, such as
	// tls://user:password@nats.example:4222; several are separated by commas.
	URL string
	// Credentials is the path of a .creds file for URL, and NKey that of a file with the seed
	// of a user. At most one of the two may be set, and neither if URL has a user or token.
	Credentials, NKey string
	// RootCA is the path of a PEM file with the authorities to trust for URL; empty for
	// those of the system.
	RootCA string
	// ClientCert and ClientKey are the paths of PEM files with the certificate that this
	// client presents to URL, and its key; both or neither must be set.
	ClientCert, ClientKey string
	// Replicas is how many servers of the cluster store every value, 1 to 5; 0 means 1.
	Replicas int
	// Prefix begins the name of every stream and bucket: 1 to 32 letters, digits, - and _.
	Prefix string

	// Source is the server whose projects the jobs are for, such as host:port. A store
	// keeps the one it was first opened for, since a project number means nothing on
	// another server: Open answers ErrSource to any other. Empty is not compared.
	Source string
	// Aliases are other names of Source. A store that has one of them takes over Source.
	Aliases []string

	// Lease is how long a job stays with a worker that sends no heartbeat. Workers send
	// three in that time.
	Lease time.Duration
	// MaxCrashes is how many attempts in a row may crash, without a new window result,
	// before the job is dead.
	MaxCrashes int

	// GivenUp is called with each job that is dead after MaxCrashes; nil: nobody.
	GivenUp func(Job)
	// Tireless are the kinds of jobs that no number of crashes ends: what they do cannot be
	// what crashes the process.
	Tireless []string

	// MaxJobs limits the jobs that have not ended; beyond it Enqueue returns ErrFull.
	MaxJobs int
	// KeepDone and KeepDiscarded are how long ended jobs are kept, KeepJobs is how many of them,
	// and KeepBytes is the total size of their results. The jobs that ended first go first. Cancelled ones stay.
	KeepDone, KeepDiscarded time.Duration
	KeepJobs                int
	KeepBytes               int64
	// WindowBytes limits the window results of all jobs together; beyond it PutWindow
	// returns ErrFull. WindowAge is how long they are kept if their job does not end.
	WindowBytes int64
	WindowAge   time.Duration
	// KeptWindowBytes limits those that done jobs keep, see Note.Keep: beyond it the jobs that ended
	// first lose theirs. It is less than WindowBytes; by default it is DefaultKeptWindows, but no
	// more than a quarter of WindowBytes. If it is negative, none are kept.
	KeptWindowBytes int64
	// Reserve is the space to leave free on the disk of Dir: below it no new work is
	// accepted, and below a quarter of it nothing is written.
	Reserve int64

	// CloseWait bounds Close.
	CloseWait time.Duration
	// Logger receives the log of the queue and of the embedded server; nil discards it.
	Logger *slog.Logger

	// For tests: short intervals, and a fake measure of free space.
	attempt   time.Duration // limit of one request to the server
	check     time.Duration // between two health checks
	tidy      time.Duration // between two rounds of retention
	cooldown  time.Duration // of a job after its third crash in a row
	loadStall time.Duration // silence after which loading the index is given up
	free      func(dir string) (int64, error)
}

// Validate reports the first option that Open would refuse. It opens nothing.
func (o Options) Validate() error {
	_, err := o.withDefaults()
	return err
}

func (o Options) withDefaults() (Options, error) {
	o.Replicas = cmp.Or(o.Replicas, 1)
	o.Prefix = cmp.Or(o.Prefix, DefaultPrefix)
	o.Lease = cmp.Or(o.Lease, DefaultLease)
	o.MaxCrashes = cmp.Or(o.MaxCrashes, DefaultMaxCrashes)
	o.MaxJobs = cmp.Or(o.MaxJobs, DefaultMaxJobs)
	o.KeepDone = cmp.Or(o.KeepDone, DefaultKeepDone)
	o.KeepDiscarded = cmp.Or(o.KeepDiscarded, DefaultKeepDiscarded)
	o.KeepJobs = cmp.Or(o.KeepJobs, DefaultKeepJobs)
	o.KeepBytes = cmp.Or(o.KeepBytes, DefaultKeepBytes)
	o.WindowBytes = cmp.Or(o.WindowBytes, DefaultWindowBytes)
	o.KeptWindowBytes = cmp.Or(o.KeptWindowBytes, min(DefaultKeptWindows, o.WindowBytes/4))
	o.WindowAge = cmp.Or(o.WindowAge, DefaultWindowAge)
	o.Reserve = cmp.Or(o.Reserve, DefaultReserve)
	o.CloseWait = cmp.Or(o.CloseWait, DefaultCloseWait)
	o.attempt = cmp.Or(o.attempt, 5*time.Second)
	o.check = cmp.Or(o.check, 2*time.Second)
	o.tidy = cmp.Or(o.tidy, time.Minute)
	o.loadStall = cmp.Or(o.loadStall, 15*time.Second)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	o.cooldown = cmp.Or(o.cooldown, 30*time.Second)
	if o.free == nil {
		o.free = diskspace.Free
	}
	_, invalid := o.servers()
	switch {
	case (o.Dir == "") == (o.URL == ""):
		return o, errors.New("exactly one of Dir and URL must be set")
	case o.Dir != "" && (o.Replicas != 1 || o.Credentials+o.NKey+o.RootCA+o.ClientCert+o.ClientKey != ""):
		return o, errors.New("the options Replicas, Credentials, NKey, RootCA, ClientCert and ClientKey are for URL only")
	case (o.ClientCert == "") != (o.ClientKey == ""):
		return o, errors.New("the options ClientCert and ClientKey go together")
	case o.Credentials != "" && o.NKey != "":
		return o, errors.New("the options Credentials and NKey are two ways to sign in; only one can be used")
	case o.Credentials+o.NKey != "" && o.signsInByURL():
		return o, errors.New("the NATS URL has a user or token, and a file to sign in with is given too; only one can be used")
	case invalid != nil:
		// Without the URL: it cannot be parsed, so its password cannot be removed.
		return o, errors.New("the NATS URL is not a list of addresses such as nats://user:password@host:4222")
	case o.Replicas < 1 || o.Replicas > 5:
		return o, fmt.Errorf("the number of NATS replicas is %d; it takes 1 to 5", o.Replicas)
	case !token(o.Prefix) || len(o.Prefix) > 32:
		return o, fmt.Errorf("the NATS prefix %q is not 1 to 32 letters, digits, - and _", o.Prefix)
	case o.Lease < 10*time.Millisecond:
		return o, fmt.Errorf("the Lease %v is too short", o.Lease)
	case min(o.MaxCrashes, o.MaxJobs, o.KeepJobs) < 0 || min(o.KeepBytes, o.WindowBytes, o.Reserve) < 0 ||
		min(o.KeepDone, o.KeepDiscarded, o.WindowAge, o.CloseWait) < 0:
		return o, errors.New("a limit is negative")
	case o.KeptWindowBytes >= o.WindowBytes:
		return o, fmt.Errorf("windows of %d bytes that done jobs keep leave no room for jobs under way: both together have %d bytes", o.KeptWindowBytes, o.WindowBytes)
	}
	return o, nil
}

// servers returns the addresses in URL. The client takes one without a scheme, such as
// user:password@host:4222, for nats://.
func (o *Options) servers() ([]*url.URL, error) {
	var list []*url.URL
	for u := range strings.SplitSeq(o.URL, ",") {
		u = strings.TrimSpace(u)
		p, err := url.Parse(u)
		if err == nil && !strings.Contains(u, "://") {
			p, err = url.Parse("nats://" + u)
		}
		if err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	return list, nil
}

// signsInByURL reports whether an address carries a user, a password or a token.
func (o *Options) signsInByURL() bool {
	list, _ := o.servers() // checked by withDefaults
	return slices.ContainsFunc(list, func(u *url.URL) bool { return u.User != nil })
}

// addresses lists the servers of URL without what may be secret.
func (o *Options) addresses() string {
	var hosts []string
	list, _ := o.servers()
	for _, u := range list {
		hosts = append(hosts, u.Host)
	}
	return strings.Join(hosts, ", ")
}
