package jobs

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// connect dials the server inside the process, or the cluster.
func (q *Queue) connect() error {
	opts := []nats.Option{
		nats.Name("asr-backend jobs"),
		nats.MaxReconnects(-1),
		// What is written while the connection is down fails at once; it must not be sent
		// later, when the caller has long been told otherwise.
		nats.ReconnectBufSize(-1),
		nats.ReconnectHandler(func(*nats.Conn) { q.kick(q.rewatch); q.kick(q.recheck) }),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil { // nil when the queue closes
				q.log.Warn("jobs: the connection is lost", "error", q.scrub(err).Error())
			}
			q.kick(q.recheck)
		}),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			q.log.Warn("jobs: connection", "error", q.scrub(err).Error())
		}),
	}
	if q.engine != nil {
		opts = append(opts, nats.InProcessServer(q.engine), nats.ReconnectWait(20*time.Millisecond), nats.ReconnectJitter(0, 0))
	} else {
		opts = append(opts, nats.ReconnectWait(500*time.Millisecond), nats.Timeout(q.o.attempt))
		if f := q.o.Credentials; f != "" {
			if _, err := os.Stat(f); err != nil {
				return fmt.Errorf("the credentials file: %w", err)
			}
			opts = append(opts, nats.UserCredentials(f))
		}
		if f := q.o.RootCA; f != "" {
			opts = append(opts, nats.RootCAs(f))
		}
	}
	nc, err := nats.Connect(q.o.URL, opts...)
	if err != nil {
		err = q.scrub(err)
		if errors.Is(err, nats.ErrAuthorization) || errors.Is(err, nats.ErrAuthExpired) {
			return &Error{Err: fmt.Errorf("%w: %w", ErrUnavailable, err), Advice: "the server refuses the user, password, token or credentials file"}
		}
		return &Error{Err: fmt.Errorf("%w: %w", ErrUnavailable, err), Advice: "check that the NATS server runs, that its address is right and that it can be reached from here"}
	}
	q.nc = nc
	q.js, err = jetstream.New(nc)
	return err
}

// scrub takes the secrets of the URL out of an error's text. The client library is not
// known to put them there; nothing shall depend on that.
func (q *Queue) scrub(err error) error {
	if err == nil || q.o.URL == "" {
		return err
	}
	clean := err.Error()
	for _, u := range strings.Split(q.o.URL, ",") {
		p, perr := url.Parse(strings.TrimSpace(u))
		if perr != nil || p.User == nil {
			continue
		}
		secret, has := p.User.Password()
		if !has {
			secret = p.User.Username() // a token
		}
		for _, s := range []string{p.User.String(), secret, url.QueryEscape(secret)} {
			if s != "" {
				clean = strings.ReplaceAll(clean, s, "xxxxx")
			}
		}
	}
	if clean == err.Error() {
		return err
	}
	return &scrubbed{clean, err}
}

// scrubbed keeps what an error is and changes how it reads. It does not unwrap, so that
// nobody down the line prints the text underneath.
type scrubbed struct {
	text string
	err  error
}

func (s *scrubbed) Error() string        { return s.text }
func (s *scrubbed) Is(target error) bool { return errors.Is(s.err, target) }

// formatKey is the entry of a stream's metadata that holds the version of its content.
const formatKey = "asr-backend.jobs.format"

// buckets opens the streams, and makes those that are missing.
func (q *Queue) buckets(ctx context.Context) error {
	info, err := q.js.AccountInfo(ctx)
	switch {
	case errors.Is(err, jetstream.ErrJetStreamNotEnabled), errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount):
		return &Error{Err: fmt.Errorf("%w: %w", ErrUnavailable, err), Advice: "enable JetStream on the NATS server and for this account"}
	case err != nil:
		return translate(ctx, q.scrub(err))
	case info.API.Level < 1:
		return &Error{Err: fmt.Errorf("%w: the NATS server is too old", ErrUnavailable), Advice: "use nats-server 2.11 or newer"}
	}
	if q.streams, err = q.admit(ctx); err != nil {
		return err
	}
	if q.streams[bucketProjects] != nil { // before anything is changed
		if _, _, err := q.checkSource(ctx); err != nil {
			return err
		}
	}
	for _, b := range buckets {
		if err := q.openBucket(ctx, b.name, b.description); err != nil {
			return q.bucketError(ctx, b.name, err)
		}
	}
	return q.claimSource(ctx)
}

var buckets = []struct{ name, description string }{
	{bucketJobs, "one record a job"},
	{bucketWindows, "window results of running jobs"},
	{bucketResults, "results"},
	{bucketBlobs, "large results"},
	{bucketProjects, "values of projects"},
}

// admit returns the streams that are there. It refuses those of a newer version, and in a
// data directory that had all of them the absence of one: it was lost, and making it anew
// would hide that.
func (q *Queue) admit(ctx context.Context) (map[string]jetstream.Stream, error) {
	have := make(map[string]jetstream.Stream)
	for _, b := range buckets {
		name := streamName(q.o.Prefix, b.name)
		s, err := q.js.Stream(ctx, name)
		switch {
		case errors.Is(err, jetstream.ErrStreamNotFound):
			if q.engine != nil && !q.engine.fresh {
				return nil, fmt.Errorf("%w: the stream %s is gone", ErrDamaged, name)
			}
		case err != nil:
			return nil, q.bucketError(ctx, b.name, err)
		default:
			if v, err := strconv.Atoi(s.CachedInfo().Config.Metadata[formatKey]); err == nil && v > format {
				return nil, fmt.Errorf("%w: version %d, this program reads %d", ErrFormat, v, format)
			}
			have[b.name] = s
		}
	}
	return have, nil
}

// fits tells whether a stream is as the options want it. One that is, is left alone: the
// server writes the description of a stream in two steps, and a crash between them would
// make it unreadable.
func (q *Queue) fits(s jetstream.Stream, want *jetstream.StreamConfig) bool {
	if s == nil {
		return false
	}
	have := s.CachedInfo().Config
	return have.Replicas == want.Replicas && have.MaxBytes == want.MaxBytes && have.MaxAge == want.MaxAge &&
		(q.engine != nil || have.AllowDirect == want.AllowDirect)
}

// stream describes the stream under a bucket. It is not left to the library's buckets for
// two things that they do not offer: reads by the leader alone, since the copy of a replica
// may be old, and for the jobs no limit in bytes, which would refuse the very writes that
// end them.
func (q *Queue) stream(bucket, description string) *jetstream.StreamConfig {
	cfg := &jetstream.StreamConfig{
		Name: streamName(q.o.Prefix, bucket), Subjects: []string{q.subject(bucket, ">")},
		Description: "asr-backend: " + description, Metadata: map[string]string{formatKey: strconv.Itoa(format)},
		MaxBytes: -1, MaxMsgs: -1, MaxConsumers: -1, MaxMsgSize: -1, MaxMsgsPerSubject: 1,
		Discard: jetstream.DiscardNew, AllowRollup: true, Duplicates: time.Minute, Replicas: q.o.Replicas,
	}
	switch bucket {
	case bucketJobs:
		cfg.AllowMsgTTL = true
	case bucketWindows:
		cfg.MaxBytes, cfg.MaxAge, cfg.DenyDelete = q.o.WindowBytes, q.o.WindowAge, true
		cfg.Duplicates = min(cfg.Duplicates, cfg.MaxAge)
	case bucketProjects:
		cfg.DenyDelete = true
	case bucketResults:
		cfg.DenyDelete, cfg.Compression = true, jetstream.S2Compression
	case bucketBlobs:
		cfg.Subjects = []string{q.subject(bucket, "C.>"), q.subject(bucket, "M.>")}
		cfg.MaxMsgsPerSubject, cfg.Compression = -1, jetstream.S2Compression
	}
	return cfg
}

// openBucket makes the stream of a bucket, or brings it up to date.
func (q *Queue) openBucket(ctx context.Context, bucket, description string) (err error) {
	if want := q.stream(bucket, description); !q.fits(q.streams[bucket], want) {
		if q.streams[bucket], err = q.js.CreateOrUpdateStream(ctx, *want); err != nil {
			return err
		}
	}
	name := q.o.Prefix + bucket
	switch bucket {
	case bucketJobs:
		q.jobs, err = q.js.KeyValue(ctx, name)
	case bucketWindows:
		q.windows, err = q.js.KeyValue(ctx, name)
	case bucketResults:
		q.results, err = q.js.KeyValue(ctx, name)
	case bucketProjects:
		q.projects, err = q.js.KeyValue(ctx, name)
	case bucketBlobs:
		q.blobs, err = q.js.ObjectStore(ctx, name)
	}
	return err
}

func streamName(prefix, bucket string) string {
	if bucket == bucketBlobs {
		return "OBJ_" + prefix + bucket
	}
	return "KV_" + prefix + bucket
}

// subject returns the subject of a name in a bucket, which may hold wildcards.
func (q *Queue) subject(bucket, name string) string {
	kind := "$KV."
	if bucket == bucketBlobs {
		kind = "$O."
	}
	return kind + q.o.Prefix + bucket + "." + name
}

func (q *Queue) bucketError(ctx context.Context, bucket string, err error) error {
	var api *jetstream.APIError
	if errors.As(err, &api) && api.ErrorCode == codeNoPeers {
		return &Error{Err: fmt.Errorf("%w: stream of %s: %w", ErrNoSpace, bucket, err), Advice: "the cluster needs as many servers as Replicas, each with room for WindowBytes"}
	}
	return fmt.Errorf("stream of %s: %w", bucket, translate(ctx, q.scrub(err)))
}
