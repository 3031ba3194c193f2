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
		nats.DisconnectErrHandler(func(*nats.Conn, error) { q.kick(q.recheck) }),
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

// buckets opens the streams, and makes those that are missing when make is set.
func (q *Queue) buckets(ctx context.Context, create bool) error {
	info, err := q.js.AccountInfo(ctx)
	switch {
	case errors.Is(err, jetstream.ErrJetStreamNotEnabled), errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount):
		return &Error{Err: fmt.Errorf("%w: %w", ErrUnavailable, err), Advice: "enable JetStream on the NATS server and for this account"}
	case err != nil:
		return translate(ctx, q.scrub(err))
	case info.API.Level < 1:
		return &Error{Err: fmt.Errorf("%w: the NATS server is too old", ErrUnavailable), Advice: "use nats-server 2.11 or newer"}
	}
	if err := q.admit(ctx, create); err != nil {
		return err
	}
	p, meta := q.o.Prefix, map[string]string{formatKey: strconv.Itoa(format)}
	// The bucket of the jobs is made as a stream, for two things that a bucket's
	// configuration does not offer: reads by the leader alone, since a replica's copy may
	// be old, and no limit in bytes, which would refuse the very writes that end jobs.
	if _, err = q.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name: "KV_" + p + bucketJobs, Subjects: []string{"$KV." + p + bucketJobs + ".>"}, Metadata: meta,
		Description: "asr-backend: one record a job", MaxMsgsPerSubject: 1, Discard: jetstream.DiscardNew,
		MaxBytes: -1, MaxMsgs: -1, MaxConsumers: -1, MaxMsgSize: -1, Duplicates: time.Minute,
		AllowRollup: true, AllowMsgTTL: true, Replicas: q.o.Replicas,
	}); err != nil {
		return q.bucketError(ctx, bucketJobs, err)
	}
	if q.jobs, err = q.js.KeyValue(ctx, p+bucketJobs); err != nil {
		return q.bucketError(ctx, bucketJobs, err)
	}
	for _, b := range []struct {
		kv  *jetstream.KeyValue
		cfg jetstream.KeyValueConfig
	}{
		{&q.windows, jetstream.KeyValueConfig{Bucket: p + bucketWindows, Description: "asr-backend: window results of running jobs", MaxBytes: q.o.WindowBytes, TTL: q.o.WindowAge}},
		{&q.results, jetstream.KeyValueConfig{Bucket: p + bucketResults, Description: "asr-backend: results", Compression: true}},
		{&q.projects, jetstream.KeyValueConfig{Bucket: p + bucketProjects, Description: "asr-backend: values of projects"}},
	} {
		b.cfg.Metadata, b.cfg.Replicas = meta, q.o.Replicas
		if *b.kv, err = q.js.CreateOrUpdateKeyValue(ctx, b.cfg); err != nil {
			return q.bucketError(ctx, b.cfg.Bucket, err)
		}
	}
	q.blobs, err = q.js.CreateOrUpdateObjectStore(ctx, jetstream.ObjectStoreConfig{
		Bucket: p + bucketBlobs, Description: "asr-backend: large results", Compression: true, Metadata: meta, Replicas: q.o.Replicas,
	})
	if err != nil {
		return q.bucketError(ctx, bucketBlobs, err)
	}
	q.streams = make(map[string]jetstream.Stream)
	for _, b := range []string{bucketJobs, bucketWindows, bucketResults, bucketBlobs, bucketProjects} {
		if q.streams[b], err = q.js.Stream(ctx, streamName(p, b)); err != nil {
			return q.bucketError(ctx, b, err)
		}
	}
	return nil
}

// admit refuses streams of a newer version, and in a data directory that had all of them
// the absence of one: it was lost, and making it anew would hide that.
func (q *Queue) admit(ctx context.Context, create bool) error {
	for _, b := range []string{bucketJobs, bucketWindows, bucketResults, bucketBlobs, bucketProjects} {
		s, err := q.js.Stream(ctx, streamName(q.o.Prefix, b))
		switch {
		case errors.Is(err, jetstream.ErrStreamNotFound):
			if !create {
				return fmt.Errorf("%w: the stream %s is gone", ErrDamaged, streamName(q.o.Prefix, b))
			}
		case err != nil:
			return q.bucketError(ctx, b, err)
		default:
			if v, err := strconv.Atoi(s.CachedInfo().Config.Metadata[formatKey]); err == nil && v > format {
				return fmt.Errorf("%w: version %d, this program reads %d", ErrFormat, v, format)
			}
		}
	}
	return nil
}

func streamName(prefix, bucket string) string {
	if bucket == bucketBlobs {
		return "OBJ_" + prefix + bucket
	}
	return "KV_" + prefix + bucket
}

func (q *Queue) bucketError(ctx context.Context, bucket string, err error) error {
	var api *jetstream.APIError
	if errors.As(err, &api) && api.ErrorCode == codeNoPeers {
		return &Error{Err: fmt.Errorf("%w: stream of %s: %w", ErrNoSpace, bucket, err), Advice: "the cluster needs as many servers as Replicas, each with room for WindowBytes"}
	}
	return fmt.Errorf("stream of %s: %w", bucket, translate(ctx, q.scrub(err)))
}
