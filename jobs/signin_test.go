package jobs

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/internal/testlog"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"
)

// identity makes the nkey of a user, and writes its seed to a file.
func identity(t *testing.T) (public, seedFile string) {
	t.Helper()
	key, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	public, _ = key.PublicKey()
	seed, _ := key.Seed()
	return public, written(t, "user.nk", string(seed)+"\n")
}

func written(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// operator sets a server up for users with a JWT, as nsc does, and returns the credentials
// of one that is valid until a time.
func operator(t *testing.T, o *server.Options, until time.Time) (credentials string) {
	t.Helper()
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	okey, err := nkeys.CreateOperator()
	must(err)
	opub, _ := okey.PublicKey()
	oclaims := jwt.NewOperatorClaims(opub)
	ojwt, err := oclaims.Encode(okey)
	must(err)
	o.TrustedOperators = []*jwt.OperatorClaims{oclaims}
	if o.TrustedOperators[0], err = jwt.DecodeOperatorClaims(ojwt); err != nil {
		t.Fatal(err)
	}
	resolver := &server.MemAccResolver{}
	account := func(js bool) (nkeys.KeyPair, string) {
		key, err := nkeys.CreateAccount()
		must(err)
		pub, _ := key.PublicKey()
		claims := jwt.NewAccountClaims(pub)
		if js {
			claims.Limits.JetStreamLimits = jwt.JetStreamLimits{MemoryStorage: -1, DiskStorage: -1, Streams: -1, Consumer: -1}
		}
		text, err := claims.Encode(okey)
		must(err)
		must(resolver.Store(pub, text))
		return key, pub
	}
	_, o.SystemAccount = account(false)
	akey, _ := account(true)
	o.AccountResolver = resolver
	ukey, err := nkeys.CreateUser()
	must(err)
	upub, _ := ukey.PublicKey()
	uclaims := jwt.NewUserClaims(upub)
	uclaims.Expires = until.Unix()
	ujwt, err := uclaims.Encode(akey)
	must(err)
	seed, _ := ukey.Seed()
	creds, err := jwt.FormatUserConfig(ujwt, seed)
	must(err)
	return written(t, "user.creds", string(creds))
}

// Every way to sign in that the documentation names, against a server that accepts no other.
func TestEveryWayToSignInWorks(t *testing.T) {
	ca := newAuthority(t, "ca")
	cert, key := ca.client(t, "asr")
	nkey, seed := identity(t)
	later := time.Now().Add(time.Hour)
	var creds string
	for name, c := range map[string]struct {
		server  func(*server.Options)
		url     string // %s: host and port
		options func() Options
	}{
		"user and password": {func(o *server.Options) { o.Username, o.Password = "asr", "p@ss:w/rd" }, "nats://asr:p%%40ss%%3Aw%%2Frd@%s", nil},
		"token":             {func(o *server.Options) { o.Authorization = "token77" }, "nats://token77@%s", nil},
		"nkey": {func(o *server.Options) { o.Nkeys = []*server.NkeyUser{{Nkey: nkey}} }, "nats://%s",
			func() Options { return Options{NKey: seed} }},
		"credentials": {func(o *server.Options) { creds = operator(t, o, later) }, "nats://%s",
			func() Options { return Options{Credentials: creds} }},
		"an authority of its own": {func(o *server.Options) { o.TLSConfig = ca.tlsConfig(t, later, nil) }, "tls://%s",
			func() Options { return Options{RootCA: ca.file} }},
		"a client certificate": {func(o *server.Options) { o.TLSConfig, o.TLSVerify = ca.tlsConfig(t, later, ca), true }, "tls://%s",
			func() Options { return Options{RootCA: ca.file, ClientCert: cert, ClientKey: key} }},
		"a client certificate that names the user": {func(o *server.Options) {
			o.TLSConfig, o.TLSVerify, o.TLSMap = ca.tlsConfig(t, later, ca), true, true
			o.Users = []*server.User{{Username: "CN=asr"}}
		}, "nats://%s", func() Options { return Options{RootCA: ca.file, ClientCert: cert, ClientKey: key} }},
		"TLS and nkey": {func(o *server.Options) {
			o.TLSConfig, o.Nkeys = ca.tlsConfig(t, later, nil), []*server.NkeyUser{{Nkey: nkey}}
		}, "tls://%s", func() Options { return Options{RootCA: ca.file, NKey: seed} }},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, c.server)
			var o Options
			if c.options != nil {
				o = c.options()
			}
			o.URL = fmt.Sprintf(c.url, s.Addr())
			q := open(t, o)
			enqueue(t, q, spec("k"))
			if err := take(t, q, "asr").Finish(t.Context(), []byte("text")); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// An error says which of address, trust, sign-in and permissions failed and what to do, and
// keeps the secrets.
func TestErrorsOfNATSSayWhatFailed(t *testing.T) {
	ca, other := newAuthority(t, "ca"), newAuthority(t, "other")
	cert, key := ca.client(t, "asr")
	foreignCert, foreignKey := other.client(t, "foreign")
	nkey, seed := identity(t)
	foreignNKey, foreignSeed := identity(t)
	later := time.Now().Add(time.Hour)
	withTLS := func(o *server.Options) { o.TLSConfig = ca.tlsConfig(t, later, nil) }
	withClients := func(o *server.Options) { o.TLSConfig, o.TLSVerify = ca.tlsConfig(t, later, ca), true }
	withPassword := func(o *server.Options) { o.Username, o.Password = "asr", "Right77" }
	permitted := func(publish ...string) func(*server.Options) {
		return func(o *server.Options) {
			o.Users = []*server.User{{Username: "asr", Password: "Right77", Permissions: &server.Permissions{
				Publish: &server.SubjectPermission{Allow: publish}, Subscribe: &server.SubjectPermission{Allow: []string{"_INBOX.>"}},
			}}}
		}
	}
	var expired string
	missing := filepath.Join(t.TempDir(), "none")
	empty := written(t, "empty", "nothing\n")
	account, err := nkeys.CreateAccount()
	if err != nil {
		t.Fatal(err)
	}
	accountText, _ := account.Seed()
	accountSeed := written(t, "account.nk", string(accountText))

	for name, c := range map[string]struct {
		server  func(*server.Options) // nil: none
		url     string                // %s: host and port
		options func() Options
		failed  string
		text    string // in the error
		hint    string
	}{
		"nothing listens":        {nil, "nats://127.0.0.1:1", nil, failedAddress, "127.0.0.1:1: nats: no servers available", "port in --nats-url"},
		"neither of two listens": {nil, "nats://asr:Wrong88@127.0.0.1:1,nats://127.0.0.1:2", nil, failedAddress, "127.0.0.1:1, 127.0.0.1:2:", "--nats-url"},
		"the name is not known":  {nil, "nats://asr:Wrong88@nats.invalid:4222", nil, failedAddress, "nats.invalid", "DNS"},

		"an authority of its own":      {withTLS, "tls://%s", nil, failedTrust, "unknown authority", "with --nats-ca"},
		"TLS that nobody asked for":    {withTLS, "nats://%s", nil, failedTrust, "unknown authority", "with --nats-ca"},
		"the wrong authority":          {withTLS, "tls://%s", func() Options { return Options{RootCA: other.file} }, failedTrust, "unknown authority", "in the file of --nats-ca"},
		"another name":                 {withTLS, "tls://localhost:%s", func() Options { return Options{RootCA: ca.file} }, failedTrust, "localhost", "certificate is valid for"},
		"an expired certificate":       {func(o *server.Options) { o.TLSConfig = ca.tlsConfig(t, time.Now().Add(-time.Hour), nil) }, "tls://%s", func() Options { return Options{RootCA: ca.file} }, failedTrust, "expired", "renew the server's certificate"},
		"no TLS":                       {func(*server.Options) {}, "tls://%s", nil, failedTrust, "secure connection not available", "offers no TLS"},
		"no TLS, and an authority":     {func(*server.Options) {}, "nats://%s", func() Options { return Options{RootCA: ca.file} }, failedTrust, "secure connection not available", "--nats-ca"},
		"no file of authorities":       {withTLS, "tls://%s", func() Options { return Options{RootCA: missing} }, failedTrust, "no such file", "--nats-ca"},
		"no authority in the file":     {withTLS, "tls://%s", func() Options { return Options{RootCA: empty} }, failedTrust, "no PEM certificate", "--nats-ca"},
		"a key as a certificate":       {withClients, "tls://%s", func() Options { return Options{RootCA: ca.file, ClientCert: key, ClientKey: key} }, failedSignIn, "PEM", "--nats-cert and --nats-key"},
		"the key of another":           {withClients, "tls://%s", func() Options { return Options{RootCA: ca.file, ClientCert: cert, ClientKey: foreignKey} }, failedSignIn, "does not match", "its own key"},
		"no client certificate file":   {withClients, "tls://%s", func() Options { return Options{RootCA: ca.file, ClientCert: missing, ClientKey: missing} }, failedSignIn, "no such file", "--nats-cert"},
		"no client certificate":        {withClients, "tls://%s", func() Options { return Options{RootCA: ca.file} }, failedSignIn, "tls", "give one with --nats-cert"},
		"a foreign client certificate": {withClients, "tls://%s", func() Options { return Options{RootCA: ca.file, ClientCert: foreignCert, ClientKey: foreignKey} }, failedSignIn, "tls", "rejects the client certificate"},

		"no sign-in":             {withPassword, "nats://%s", nil, failedSignIn, "uthorization", "--nats-credentials, --nats-nkey, --nats-cert"},
		"a wrong password":       {withPassword, "nats://asr:Wrong88@%s", nil, failedSignIn, "uthorization", "user and password"},
		"a wrong token":          {func(o *server.Options) { o.Authorization = "Right77" }, "nats://Wrong88@%s", nil, failedSignIn, "uthorization", "the token"},
		"an nkey, no nkeys":      {withPassword, "nats://%s", func() Options { return Options{NKey: seed} }, failedSignIn, "nkeys not supported", "no users with nkeys"},
		"a foreign nkey":         {func(o *server.Options) { o.Nkeys = []*server.NkeyUser{{Nkey: nkey}} }, "nats://%s", func() Options { return Options{NKey: foreignSeed} }, failedSignIn, "uthorization", foreignNKey},
		"no nkey file":           {withPassword, "nats://%s", func() Options { return Options{NKey: missing} }, failedSignIn, "no such file", "--nats-nkey"},
		"the nkey of an account": {withPassword, "nats://%s", func() Options { return Options{NKey: accountSeed} }, failedSignIn, "user", "seed of a user"},
		"no credentials file":    {withPassword, "nats://%s", func() Options { return Options{Credentials: missing} }, failedSignIn, "no such file", "--nats-credentials"},
		"no JWT in the file":     {withPassword, "nats://%s", func() Options { return Options{Credentials: seed} }, failedSignIn, "no user JWT", ".creds file"},
		"expired credentials":    {func(o *server.Options) { expired = operator(t, o, time.Now().Add(-time.Hour)) }, "nats://%s", func() Options { return Options{Credentials: expired} }, failedSignIn, "uth", "expired"},
		"no permission to ask":   {permitted("nothing"), "nats://asr:Right77@%s", nil, failedRight, `"$JS.API.INFO"`, "doc/nats.md"},
		"no permission to store": {permitted("$JS.API.>"), "nats://asr:Right77@%s", func() Options { return Options{Source: "ls:8080"} }, failedRight, `"$KV.asr-projects.source"`, "doc/nats.md"},
		"no JetStream":           {func(o *server.Options) { o.JetStream = false }, "nats://%s", nil, "", "jetstream not enabled", "enable JetStream"},
		"replicas on one server": {func(*server.Options) {}, "nats://%s", func() Options { return Options{Replicas: 3} }, "", "replicas", "--nats-replicas 1"},
	} {
		t.Run(name, func(t *testing.T) {
			url, secrets := c.url, []string{"Right77", "Wrong88"}
			if c.server != nil {
				s := serve(t, c.server)
				at := s.Addr().String()
				if strings.Contains(url, "localhost") {
					at = fmt.Sprint(s.Addr().(*net.TCPAddr).Port)
				}
				url = fmt.Sprintf(url, at)
			}
			var o Options
			if c.options != nil {
				o = c.options()
			}
			log := new(testlog.Buffer)
			o.URL, o.Logger = url, bufferLog(log)
			q, err := Open(t.Context(), quick(o))
			if err == nil {
				q.Close()
				t.Fatal("it opened")
			}
			wantErr(t, err, ErrUnavailable)
			hint := err.(*Error).Hint()
			t.Logf("%v; %s", err, hint)
			if !strings.Contains(err.Error(), c.failed) || !strings.Contains(err.Error(), c.text) || !strings.Contains(hint, c.hint) {
				t.Errorf("got %v (hint: %s), want %q, %q and the hint %q", err, hint, c.failed, c.text, c.hint)
			}
			for _, f := range []string{o.NKey, o.Credentials, o.ClientKey} {
				if text, err := os.ReadFile(f); err == nil && f != empty {
					secrets = append(secrets, strings.Split(strings.TrimSpace(string(text)), "\n")...)
				}
			}
			for _, s := range secrets {
				if s != "" && strings.Contains(err.Error()+hint+log.String(), s) {
					t.Errorf("the secret %q is in the error or the log: %v; %s", s, err, log)
				}
			}
		})
	}
}

// Something else listens at the address, as when the port is that of another program.
func TestAServerThatIsNotNATSIsAnAddressError(t *testing.T) {
	h := httptest.NewServer(http.NotFoundHandler())
	defer h.Close()
	for _, scheme := range []string{"nats://", "tls://"} {
		_, err := Open(t.Context(), quick(Options{URL: scheme + h.Listener.Addr().String(), attempt: 500 * time.Millisecond}))
		wantErr(t, err, ErrUnavailable)
		if !strings.Contains(err.Error(), failedAddress) || !strings.Contains(err.Error(), h.Listener.Addr().String()) {
			t.Errorf("%s: %v", scheme, err)
		}
	}
}

// The user is removed from the server while the queue is open, and comes back. The client
// library would give up for ever at the second refusal.
func TestASignInThatIsRefusedForAWhileIsTriedAgain(t *testing.T) {
	dir := t.TempDir()
	start := func(port int, password string) *server.Server {
		return serve(t, func(o *server.Options) {
			o.StoreDir, o.Port, o.Username, o.Password = dir, port, "asr", password
		})
	}
	s := start(server.RANDOM_PORT, "right")
	port := s.Addr().(*net.TCPAddr).Port
	q := open(t, Options{URL: fmt.Sprintf("nats://asr:right@127.0.0.1:%d", port)})
	stop := func() { s.Shutdown(); s.WaitForShutdown() }
	stop()
	s = start(port, "other")
	until(t, "the refusal is reported", func() bool {
		err := q.Health()
		return err != nil && strings.Contains(err.Error(), failedSignIn) && strings.Contains(err.(*Error).Hint(), "--nats-url")
	})
	time.Sleep(2 * time.Second) // several attempts
	stop()
	start(port, "right")
	until(t, "the store is healthy again", func() bool { return q.Health() == nil })
	enqueue(t, q, spec("k"))
}

// Certificates are renewed in place.
func TestRenewedFilesAreReadAgain(t *testing.T) {
	ca, next := newAuthority(t, "ca"), newAuthority(t, "next")
	dir := t.TempDir()
	start := func(port int, a *authority) *server.Server {
		return serve(t, func(o *server.Options) {
			o.StoreDir, o.Port, o.TLSConfig = dir, port, a.tlsConfig(t, time.Now().Add(time.Hour), nil)
		})
	}
	s := start(server.RANDOM_PORT, ca)
	port := s.Addr().(*net.TCPAddr).Port
	q := open(t, Options{URL: fmt.Sprintf("tls://127.0.0.1:%d", port), RootCA: ca.file})
	s.Shutdown()
	s.WaitForShutdown()
	start(port, next)
	until(t, "the new authority is not trusted", func() bool {
		err := q.Health()
		return err != nil && strings.Contains(err.Error(), failedTrust)
	})
	pem, err := os.ReadFile(next.file)
	if err == nil {
		err = os.WriteFile(ca.file, pem, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	until(t, "it is trusted", func() bool { return q.Health() == nil })
}

// A write that the server refuses only times out; the refusal comes apart from it.
func TestAMissingPermissionIsNamedByTheWrite(t *testing.T) {
	s := serve(t, func(o *server.Options) {
		o.Users = []*server.User{{Username: "asr", Password: "pw", Permissions: &server.Permissions{
			Publish: &server.SubjectPermission{Deny: []string{"$KV.asr-jobs.>"}},
		}}}
	})
	q := open(t, Options{URL: "nats://asr:pw@" + s.Addr().String()})
	_, _, err := q.Enqueue(t.Context(), spec("k"))
	wantErr(t, err, ErrUnavailable)
	if !strings.Contains(err.Error(), failedRight) || !strings.Contains(err.Error(), "$KV.asr-jobs.k") {
		t.Error(err)
	}
}

// The client takes an address without a scheme, so its secrets are secrets too.
func TestAddressesWithoutASchemeHideTheirSecrets(t *testing.T) {
	for _, list := range []string{"user:Secret77@nats.example:4222", "nats://one.example, user:Secret77@two.example", "nats://Secret77@nats.example"} {
		o := Options{URL: list}
		if !o.signsInByURL() || strings.Contains(o.addresses(), "Secret77") {
			t.Errorf("%s: signs in %v, at %s", list, o.signsInByURL(), o.addresses())
		}
		if err := o.scrub(errors.New("Secret77 was refused")); strings.Contains(err.Error(), "Secret77") {
			t.Errorf("%s: %v", list, err)
		}
		o.NKey = "user.nk"
		if _, err := o.withDefaults(); err == nil || strings.Contains(err.Error(), "Secret77") {
			t.Errorf("%s with an nkey: %v", list, err)
		}
	}
}
