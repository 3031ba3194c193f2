package main

import (
	"io"
	"os"
	"testing"

	"github.com/asr-backend/asr-backend/jobs"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"
)

func TestJobsKnowTheirLabelStudio(t *testing.T) {
	for name, c := range map[string]struct {
		address string
		want    string
	}{
		"a port":             {"http://label-studio:8080", "label-studio:8080"},
		"a slash at the end": {"http://label-studio:8080/", "label-studio:8080"},
		"a path":             {"https://example.org/studio/", "example.org/studio"},
		"TLS":                {"https://Example.org", "example.org"},
		"no TLS":             {"http://example.org", "example.org"},
		"the port of TLS":    {"https://example.org:443", "example.org"},
		"the port of HTTP":   {"http://example.org:80", "example.org"},
		"IPv6":               {"http://[::80]:8080", "[::80]:8080"},
		"nothing":            {"", ""},
		"no address":         {"label-studio:8080", ""},
		"a password":         {"http://user:secret@label-studio", ""},
	} {
		if got := jobSource(c.address); got != c.want {
			t.Errorf("%s: %q became %q, want %q", name, c.address, got, c.want)
		}
	}
}

func TestFlagsOfNATSReachTheQueue(t *testing.T) {
	var c serveCommand
	parser, err := kong.New(&c, kong.Vars{"data_dir": t.TempDir()}, kong.Writers(io.Discard, io.Discard))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parser.Parse([]string{"--nats-url", "nats://127.0.0.1:1", "--nats-prefix", "two", "--label-studio-url", "http://new:8080", "--label-studio-alias", "http://old:8080,https://public.example.org", "--label-studio-browser-url", "https://browsers.example.org"}); err != nil {
		t.Fatal(err)
	}
	o, err := c.options(streams{err: os.Stderr})
	if err != nil {
		t.Fatal(err)
	}
	if o.StudioForBrowsers != "https://browsers.example.org" || len(o.StudioAliases) != 2 {
		t.Errorf("browsers %q, aliases %q", o.StudioForBrowsers, o.StudioAliases)
	}
	c.BrowserURL = "studio"
	if _, err := c.options(streams{err: os.Stderr}); err == nil {
		t.Error("links lead to no address")
	}
	if o.Jobs.Prefix != "two" || o.Jobs.Source != "new:8080" {
		t.Errorf("prefix %q, source %q", o.Jobs.Prefix, o.Jobs.Source)
	}
	if d := cmp.Diff([]string{"old:8080", "public.example.org"}, o.Jobs.Aliases); d != "" {
		t.Errorf("aliases, want (-), got (+):\n%s", d)
	}
}

func TestKeptRowsHaveRoomBesideJobsUnderWay(t *testing.T) {
	for flag, want := range map[string]jobs.Options{
		"--keep-rows=1024": {KeptWindowBytes: 1 << 30}, // nothing changes in a store of an earlier version
		"--keep-rows=1":    {KeptWindowBytes: 1 << 20},
		"--keep-rows=0":    {KeptWindowBytes: -1},
		"--keep-rows=5120": {KeptWindowBytes: 5 << 30, WindowBytes: 8 << 30},
	} {
		var c serveCommand
		parser, err := kong.New(&c, kong.Vars{"data_dir": t.TempDir()}, kong.Writers(io.Discard, io.Discard))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parser.Parse([]string{flag}); err != nil {
			t.Fatal(err)
		}
		o, err := c.options(streams{err: os.Stderr})
		if err != nil || o.Jobs.KeptWindowBytes != want.KeptWindowBytes || o.Jobs.WindowBytes != want.WindowBytes {
			t.Errorf("%s: %d of %d bytes, %v", flag, o.Jobs.KeptWindowBytes, o.Jobs.WindowBytes, err)
		}
	}
}
