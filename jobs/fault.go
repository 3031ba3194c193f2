package jobs

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"syscall"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
)

// What can fail between this process and a NATS server. Each has a remedy of its own, and
// often a person of its own who knows it.
const (
	failedAddress = "no NATS server was reached"
	failedTrust   = "the NATS server is not trusted"
	failedSignIn  = "signing in to NATS failed"
	failedRight   = "NATS permissions are missing"
)

// fault is why the queue cannot use a NATS server. It is an ErrUnavailable: the remedy may be
// on the server, so the caller tries again.
type fault struct {
	failed string // one of the above
	err    error  // without secrets
	hint   string
}

func (f *fault) Error() string        { return f.failed + ": " + f.err.Error() }
func (f *fault) Unwrap() error        { return f.err }
func (f *fault) Is(target error) bool { return target == ErrUnavailable }

// connectFault explains why there is no connection.
func (o *Options) connectFault(err error) *fault {
	f := &fault{failed: failedTrust, err: o.scrub(err)}
	var (
		authority x509.UnknownAuthorityError
		hostname  x509.HostnameError
		invalid   x509.CertificateInvalidError
		plain     tls.RecordHeaderError
		dns       *net.DNSError
	)
	switch {
	case errors.As(err, &authority) && o.RootCA == "":
		f.hint = "the server's certificate is signed by an authority that this machine does not know; give the certificate of that authority with --nats-ca"
	case errors.As(err, &authority):
		f.hint = "the server's certificate is not signed by an authority in the file of --nats-ca; ask who runs the server for the right one"
	case errors.As(err, &hostname):
		f.hint = "give an address in --nats-url that the server's certificate is valid for, or have a certificate issued for this one"
	case errors.As(err, &invalid):
		f.hint = "renew the server's certificate if it has expired, and check the clock of this machine"
	case errors.Is(err, nats.ErrSecureConnWanted):
		f.hint = "the server offers no TLS: enable it there, or use nats:// without --nats-ca and --nats-cert"
	case errors.As(err, &plain):
		f.hint = "what answers at this address does not speak TLS; check the port in --nats-url"
	case rejectsCertificate(err):
		f.failed, f.hint = failedSignIn, "the server rejects the client certificate of --nats-cert: it must be in date, for client authentication, and signed by an authority that the server trusts"
		if o.ClientCert == "" {
			f.hint = "the server wants a client certificate; give one with --nats-cert and --nats-key"
		}
	case isSignIn(err):
		f.failed, f.hint = failedSignIn, o.signInHint()
	case errors.Is(err, nats.ErrNkeysNotSupported):
		f.failed, f.hint = failedSignIn, "the server has no users with nkeys: add one there, or sign in another way"
	case errors.Is(err, nats.ErrTLS):
		f.hint = "the server and this client agree on no TLS version or cipher; the log of the server says why"
	case errors.Is(err, nats.ErrMaxConnectionsExceeded), errors.Is(err, nats.ErrMaxAccountConnectionsExceeded):
		f.failed, f.hint = failedRight, "raise the limit of connections of the server or the account"
	default:
		f.failed, f.err = failedAddress, fmt.Errorf("%s: %w", o.addresses(), f.err)
		f.hint = "check that the NATS server is running, that the address and the port in --nats-url are right, and that no firewall is in between"
		if errors.As(err, &dns) {
			f.hint = "the name in --nats-url is not known here; check its spelling and the DNS of this machine"
		} else if errors.Is(err, nats.ErrNoInfoReceived) {
			f.hint = "what answers at this address is not a NATS server; check the port in --nats-url"
		}
	}
	return f
}

// rejectsCertificate reports whether the server ended TLS for lack of a client certificate that
// it accepts. With TLS 1.3 that comes after the handshake: as an alert, or, if this side was
// writing, as a closed connection.
func rejectsCertificate(err error) bool {
	if alert, ok := errors.AsType[*net.OpError](err); ok && alert.Op == "remote error" {
		return true
	}
	return errors.Is(err, nats.ErrTLS) && (errors.Is(err, io.EOF) || errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET))
}

func isSignIn(err error) bool {
	for _, target := range []error{nats.ErrAuthorization, nats.ErrAuthExpired, nats.ErrAuthRevoked, nats.ErrAccountAuthExpired} {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}

// signInHint says what to check about the way of signing in that is configured.
func (o *Options) signInHint() string {
	switch {
	case o.Credentials != "":
		return "the server rejects the user of --nats-credentials: it has expired, was revoked, or is of an operator or account that the server does not know"
	case o.NKey != "":
		return "the server has no user with the nkey" + publicKey(o.NKey) + " of --nats-nkey"
	case o.signsInByURL():
		return "the server rejects the user and password, or the token, in --nats-url; in an address, characters such as @ : / # % are written as %40 %3A %2F %23 %25"
	case o.ClientCert != "":
		return "the server maps the client certificate of --nats-cert to no user, or wants a password, nkey or credentials besides"
	}
	return "the server requires a way to sign in: --nats-credentials, --nats-nkey, --nats-cert, or a user and password or a token in --nats-url"
}

// publicKey returns a space and the public key of a seed file, which an administrator adds to
// the server, or nothing.
func publicKey(file string) string {
	opt, err := nats.NkeyOptionFromSeed(file)
	if err != nil {
		return ""
	}
	var o nats.Options
	if opt(&o) != nil || !nkeys.IsValidPublicUserKey(o.Nkey) {
		return ""
	}
	return " " + o.Nkey
}

// scrub removes the secrets of the URL from the text of an error. The client library is not
// known to put them there, but that is not for certain.
func (o *Options) scrub(err error) error {
	if err == nil || o.URL == "" {
		return err
	}
	clean := err.Error()
	list, _ := o.servers()
	for _, u := range list {
		if u.User == nil {
			continue
		}
		secret, has := u.User.Password()
		if !has {
			secret = u.User.Username() // a token
		}
		for _, s := range []string{u.User.String(), secret, url.QueryEscape(secret)} {
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

// scrubbed replaces the text of an error. It does not unwrap, so that nobody can print the
// original.
type scrubbed struct {
	text string
	err  error
}

func (s *scrubbed) Error() string        { return s.text }
func (s *scrubbed) Is(target error) bool { return errors.Is(s.err, target) }
