package jobs

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// connect dials the embedded server, or the cluster.
func (q *Queue) connect() error {
	opts := []nats.Option{
		nats.Name("asr-backend jobs"),
		nats.MaxReconnects(-1),
		// Writes fail at once while the connection is down. Sent later, they would contradict
		// the error that the caller got.
		nats.ReconnectBufSize(-1),
		nats.ReconnectHandler(func(*nats.Conn) { q.kick(q.rewatch); q.kick(q.recheck) }),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil { // nil when the queue closes
				q.log.Warn("jobs: the connection is lost", "error", q.o.scrub(err).Error())
			}
			q.kick(q.recheck)
		}),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			if errors.Is(err, nats.ErrPermissionViolation) {
				q.denied.Store(&denial{q.o.scrub(err), time.Now()})
			}
			q.log.Warn("jobs: connection", "error", q.o.scrub(err).Error())
		}),
	}
	if q.embedded != nil {
		opts = append(opts, nats.InProcessServer(q.embedded), nats.ReconnectWait(20*time.Millisecond), nats.ReconnectJitter(0, 0))
	} else {
		// A sign-in that is refused now may be accepted later, as when a user is renewed.
		opts = append(opts, nats.ReconnectWait(500*time.Millisecond), nats.Timeout(q.o.attempt), nats.IgnoreAuthErrorAbort())
		signIn, err := q.o.signIn()
		if err != nil {
			return err
		}
		opts = append(opts, signIn...)
	}
	nc, err := nats.Connect(q.o.URL, opts...)
	if err != nil && q.embedded != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if err != nil {
		return q.o.connectFault(err)
	}
	q.nc = nc
	q.js, err = jetstream.New(nc)
	return err
}

// formatKey is the key of the format version in the metadata of a stream.
const formatKey = "asr-backend.jobs.format"

// buckets opens the streams, and creates those that are missing.
func (q *Queue) buckets(ctx context.Context) error {
	actx, cancel := q.attempt(ctx)
	defer cancel()
	info, err := q.js.AccountInfo(actx)
	switch {
	case errors.Is(err, jetstream.ErrJetStreamNotEnabled), errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount):
		return &Error{Err: fmt.Errorf("%w: %w", ErrUnavailable, err), Advice: "enable JetStream on the NATS server and for this account"}
	case err != nil:
		return translate(ctx, q.o.scrub(err))
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

const windowsDescription = "window results of running jobs"

var buckets = []struct{ name, description string }{
	{bucketJobs, "one record per job"},
	{bucketWindows, windowsDescription},
	{bucketResults, "results"},
	{bucketBlobs, "large results"},
	{bucketProjects, "values of projects"},
}

// admit returns the existing streams. It refuses those of a newer version. A stream that is
// missing from a complete data directory was lost, and creating it again would hide that,
// unless all in it can be computed again.
func (q *Queue) admit(ctx context.Context) (map[string]jetstream.Stream, error) {
	have := make(map[string]jetstream.Stream)
	for _, b := range buckets {
		name := streamName(q.o.Prefix, b.name)
		s, err := q.js.Stream(ctx, name)
		switch {
		case errors.Is(err, jetstream.ErrStreamNotFound):
			if q.embedded == nil || q.embedded.fresh {
				continue
			}
			if b.name != bucketWindows {
				return nil, fmt.Errorf("%w: the stream %s is gone", ErrDamaged, name)
			}
			q.log.Warn("jobs: the window results are gone; recordings that were in progress are transcribed from their beginning", "stream", name)
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

// fits reports whether a stream already has the configuration of the options. It must not be
// updated needlessly: the server writes the configuration in two steps, and a crash between
// them makes the stream unreadable.
func (q *Queue) fits(s jetstream.Stream, want *jetstream.StreamConfig) bool {
	if s == nil {
		return false
	}
	have := s.CachedInfo().Config
	return have.Replicas == want.Replicas && have.MaxBytes == want.MaxBytes && have.MaxAge == want.MaxAge &&
		(q.embedded != nil || have.AllowDirect == want.AllowDirect)
}

// stream returns the configuration of the stream of a bucket. Buckets made by the library
// differ in two points: they may be read from replicas, which may be out of date, and they
// limit the bytes of the jobs too, so that a full bucket refuses the very writes that end
// jobs.
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

// openBucket opens a bucket. It creates or updates the stream if necessary.
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

// subject returns the subject of a name, which may contain wildcards, in a bucket.
func (q *Queue) subject(bucket, name string) string {
	kind := "$KV."
	if bucket == bucketBlobs {
		kind = "$O."
	}
	return kind + q.o.Prefix + bucket + "." + name
}

func (q *Queue) bucketError(ctx context.Context, bucket string, err error) error {
	if api, ok := errors.AsType[*jetstream.APIError](err); ok && api.ErrorCode == codeNoPeers {
		return &Error{Err: fmt.Errorf("%w: stream of %s: %w", ErrNoSpace, bucket, err), Advice: "--nats-replicas needs as many servers in the cluster, each with room for the window results"}
	}
	if api, ok := errors.AsType[*jetstream.APIError](err); ok && api.ErrorCode == codeNoReplicas {
		return &Error{Err: fmt.Errorf("%w: stream of %s: %w", ErrUnavailable, bucket, err), Advice: "this NATS server is not part of a cluster: use --nats-replicas 1"}
	}
	return fmt.Errorf("stream of %s: %w", bucket, translate(ctx, q.o.scrub(err)))
}
