package jobs

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"asr-backend/internal/diskspace"
)

// What a zero field of Options stands for.
const (
	DefaultPrefix      = "asr"
	DefaultLease       = 30 * time.Second
	DefaultMaxDeliver  = 5
	DefaultMaxJobs     = 1_000_000
	DefaultKeepDone    = 30 * 24 * time.Hour
	DefaultKeepDead    = 90 * 24 * time.Hour
	DefaultKeepJobs    = 200_000
	DefaultKeepBytes   = 8 << 30
	DefaultWindowBytes = 4 << 30
	DefaultWindowAge   = 14 * 24 * time.Hour
	DefaultReserve     = 128 << 20
	DefaultCloseWait   = 10 * time.Second
)

// Options say where the jobs are stored and how much is kept. Zero fields take the defaults
// above; exactly one of Dir and URL must be set.
type Options struct {
	// Dir is the data directory of the server inside this process. It belongs to one
	// process at a time, and is made if it does not exist.
	Dir string
	// URL is a NATS server or cluster with JetStream, version 2.11 or newer, such as
	// tls://user:password@nats.example:4222; several are separated by commas.
	URL string
	// Credentials is the path of a .creds file for URL; empty for none.
	Credentials string
	// RootCA is the path of a PEM file with the authorities to trust for URL; empty for
	// those of the system.
	RootCA string
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

	// Lease is how long a job stays with a worker of which nothing is heard. Workers say
	// that they live three times as often.
	Lease time.Duration
	// MaxDeliver is how many hand-outs in a row may end without a word and without a new
	// window result before the job is dead.
	MaxDeliver int

	// MaxJobs limits the jobs that have not ended; Enqueue answers ErrFull beyond it.
	MaxJobs int
	// KeepDone and KeepDead are how long ended jobs are kept, KeepJobs how many of them,
	// and KeepBytes how much their results may take together. The longest ended go first.
	KeepDone, KeepDead time.Duration
	KeepJobs           int
	KeepBytes          int64
	// WindowBytes limits the window results of all jobs together; beyond it PutWindow
	// answers ErrFull. WindowAge is how long they stay if their job does not end.
	WindowBytes int64
	WindowAge   time.Duration
	// Reserve is the space on the disk of Dir that is left alone: below it nothing new is
	// accepted, and below a quarter of it nothing is written at all.
	Reserve int64

	// CloseWait bounds Close.
	CloseWait time.Duration
	// Logger receives what the queue and the server inside this process have to say;
	// nil discards it.
	Logger *slog.Logger

	// Short intervals and a measure of free space for tests.
	attempt   time.Duration // limit of one request to the server
	check     time.Duration // between two checks of the store's health
	tidy      time.Duration // between two rounds of retention
	rest      time.Duration // of a job after its third loss in a row
	loadStall time.Duration // silence after which loading the index is given up
	free      func(dir string) (int64, error)
}

// Validate reports the first option that Open would refuse. It opens nothing.
func (o Options) Validate() error {
	_, err := o.withDefaults()
	return err
}

func (o Options) withDefaults() (Options, error) {
	def(&o.Replicas, 1)
	def(&o.Prefix, DefaultPrefix)
	def(&o.Lease, DefaultLease)
	def(&o.MaxDeliver, DefaultMaxDeliver)
	def(&o.MaxJobs, DefaultMaxJobs)
	def(&o.KeepDone, DefaultKeepDone)
	def(&o.KeepDead, DefaultKeepDead)
	def(&o.KeepJobs, DefaultKeepJobs)
	def(&o.KeepBytes, DefaultKeepBytes)
	def(&o.WindowBytes, DefaultWindowBytes)
	def(&o.WindowAge, DefaultWindowAge)
	def(&o.Reserve, DefaultReserve)
	def(&o.CloseWait, DefaultCloseWait)
	def(&o.attempt, 5*time.Second)
	def(&o.check, 2*time.Second)
	def(&o.tidy, time.Minute)
	def(&o.loadStall, 15*time.Second)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	def(&o.rest, 30*time.Second)
	if o.free == nil {
		o.free = diskspace.Free
	}
	switch {
	case (o.Dir == "") == (o.URL == ""):
		return o, errors.New("exactly one of Dir and URL must be set")
	case o.Dir != "" && (o.Credentials != "" || o.RootCA != "" || o.Replicas != 1):
		return o, errors.New("the options Credentials, RootCA and Replicas belong to URL")
	case !validURL(o.URL):
		// Without the text: where a password begins and ends in it cannot be told.
		return o, errors.New("the NATS URL is not a list of addresses such as nats://user:password@host:4222")
	case o.Replicas < 1 || o.Replicas > 5:
		return o, fmt.Errorf("the number of NATS replicas is %d; it takes 1 to 5", o.Replicas)
	case !token(o.Prefix) || len(o.Prefix) > 32:
		return o, fmt.Errorf("the NATS prefix %q is not 1 to 32 letters, digits, - and _", o.Prefix)
	case o.Lease < 10*time.Millisecond:
		return o, fmt.Errorf("the Lease %v is too short", o.Lease)
	case min(o.MaxDeliver, o.MaxJobs, o.KeepJobs) < 0 || min(o.KeepBytes, o.WindowBytes, o.Reserve) < 0 ||
		min(o.KeepDone, o.KeepDead, o.WindowAge, o.CloseWait) < 0:
		return o, errors.New("a limit is negative")
	}
	return o, nil
}

func validURL(list string) bool {
	for _, u := range strings.Split(list, ",") {
		if _, err := url.Parse(strings.TrimSpace(u)); err != nil {
			return false
		}
	}
	return true
}

func def[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}
