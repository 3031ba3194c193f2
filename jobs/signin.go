package jobs

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
)

// signIn returns the options with which the client trusts the server and signs in. The files
// are read here, so that an error names the one at fault. The client reads them again for
// each connection and so picks up renewed ones.
func (o *Options) signIn() ([]nats.Option, error) {
	var opts []nats.Option
	if f := o.RootCA; f != "" {
		if err := checkCA(f); err != nil {
			return nil, &fault{failedTrust, fmt.Errorf("the file of authorities %s: %w", f, err),
				"give a file of PEM certificates, readable for this user, with --nats-ca"}
		}
		opts = append(opts, nats.RootCAs(f))
	}
	if f := o.ClientCert; f != "" {
		if _, err := tls.LoadX509KeyPair(f, o.ClientKey); err != nil {
			return nil, &fault{failedSignIn, fmt.Errorf("the client certificate %s with the key %s: %w", f, o.ClientKey, unsecret(err)),
				"--nats-cert and --nats-key take PEM files, readable for this user, of a certificate and its own key without a passphrase"}
		}
		opts = append(opts, nats.ClientCert(f, o.ClientKey))
	}
	switch {
	case o.Credentials != "":
		if err := checkCredentials(o.Credentials); err != nil {
			return nil, &fault{failedSignIn, fmt.Errorf("the credentials file %s: %w", o.Credentials, err),
				"give a .creds file, as `nsc generate creds` writes it, readable for this user, with --nats-credentials"}
		}
		opts = append(opts, nats.UserCredentials(o.Credentials))
	case o.NKey != "":
		nkey, err := nats.NkeyOptionFromSeed(o.NKey)
		if err != nil {
			return nil, &fault{failedSignIn, fmt.Errorf("the nkey file %s: %w", o.NKey, unsecret(err)),
				"give a file with the seed of a user (SU...), as `nk -gen user` writes it, readable for this user, with --nats-nkey"}
		}
		opts = append(opts, nkey)
	}
	return opts, nil
}

func checkCA(file string) error {
	pem, err := os.ReadFile(file)
	if err != nil {
		return unsecret(err)
	}
	if !x509.NewCertPool().AppendCertsFromPEM(pem) {
		return errors.New("it contains no PEM certificate")
	}
	return nil
}

func checkCredentials(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return unsecret(err)
	}
	if _, err := nkeys.ParseDecoratedJWT(text); err != nil || !strings.Contains(string(text), "BEGIN NATS USER JWT") {
		return errors.New("it contains no user JWT")
	}
	key, err := nkeys.ParseDecoratedUserNKey(text)
	if err != nil {
		return errors.New("it contains no seed of a user")
	}
	key.Wipe()
	return nil
}

// unsecret shortens an error about a file, which may be a secret, to its reason; the caller
// adds the name of the file. Library errors about its content do not quote it.
func unsecret(err error) error {
	if p, ok := errors.AsType[*os.PathError](err); ok {
		return p.Err
	}
	return err
}
