package main

import (
	"errors"
	"fmt"

	"github.com/asr-backend/asr-backend/jobs"
)

// natsFlags say where jobs are stored if not in the data folder, and how to sign in there.
type natsFlags struct {
	URL         string `help:"Store jobs in this NATS server or cluster (with JetStream) instead of the data folder." name:"nats-url" placeholder:"URL" group:"Jobs"`
	CA          string `help:"Path to a PEM file with the authorities to trust for --nats-url. Default: those of the system." name:"nats-ca" type:"path" placeholder:"FILE" group:"Jobs"`
	Cert        string `help:"Path to a PEM file with the client certificate for --nats-url." name:"nats-cert" type:"path" placeholder:"FILE" group:"Jobs"`
	Key         string `help:"Path to a PEM file with the key of --nats-cert." name:"nats-key" type:"path" placeholder:"FILE" group:"Jobs"`
	NKey        string `help:"Path to a file with the nkey seed of a user for --nats-url." name:"nats-nkey" type:"path" placeholder:"FILE" group:"Jobs"`
	Credentials string `help:"Path to a .creds file for --nats-url." name:"nats-credentials" type:"path" placeholder:"FILE" group:"Jobs"`
	Prefix      string `help:"Prefix of the names under which jobs are stored in NATS. Give each Label Studio its own." name:"nats-prefix" default:"asr" placeholder:"NAME" group:"Jobs"`
	Replicas    int    `help:"Number of NATS servers that store each value." name:"nats-replicas" default:"1" min:"1" max:"5" group:"Jobs"`
}

// defaultPrefix is that of --nats-prefix.
const defaultPrefix = "asr"

// options returns where jobs are stored: in NATS, or in the folder. Errors are of usage.
func (f *natsFlags) options(dir string) (jobs.Options, error) {
	signIn := []struct{ flag, value string }{
		{"--nats-ca", f.CA}, {"--nats-cert", f.Cert}, {"--nats-key", f.Key},
		{"--nats-nkey", f.NKey}, {"--nats-credentials", f.Credentials},
	}
	if f.URL == "" {
		for _, s := range signIn {
			if s.value != "" {
				return jobs.Options{}, fmt.Errorf("%s is given without --nats-url, the NATS server that it is for", s.flag)
			}
		}
		switch {
		case f.Prefix != defaultPrefix:
			return jobs.Options{}, errors.New("--nats-prefix is given without --nats-url, the NATS server that it is for; another --data-dir keeps jobs apart")
		case f.Replicas != 1:
			return jobs.Options{}, errors.New("--nats-replicas is given without --nats-url, the NATS cluster that it is for")
		}
		return jobs.Options{Dir: dir}, nil
	}
	switch {
	case f.Cert != "" && f.Key == "":
		return jobs.Options{}, errors.New("--nats-cert needs --nats-key, the key of the certificate")
	case f.Key != "" && f.Cert == "":
		return jobs.Options{}, errors.New("--nats-key needs --nats-cert, the certificate that it belongs to")
	case f.NKey != "" && f.Credentials != "":
		return jobs.Options{}, errors.New("--nats-nkey and --nats-credentials are two ways to sign in; give one of them")
	}
	return jobs.Options{URL: f.URL, RootCA: f.CA, ClientCert: f.Cert, ClientKey: f.Key, NKey: f.NKey, Credentials: f.Credentials,
		Replicas: f.Replicas, Prefix: f.Prefix}, nil
}
