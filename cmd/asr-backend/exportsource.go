package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/asr-backend/asr-backend/internal/cli"
	"github.com/asr-backend/asr-backend/internal/pollread"
	"github.com/asr-backend/asr-backend/internal/visible"
	"github.com/asr-backend/asr-backend/labelstudio/api"
	"github.com/asr-backend/asr-backend/labelstudio/labelconfig"
	"github.com/asr-backend/asr-backend/labelstudio/manifest"
)

// client returns a client of Label Studio, or nil if there is no address.
func (c *exportManifestCommand) client() (*api.Client, error) {
	if c.LabelStudioURL == "" {
		if c.Project != 0 {
			return nil, &cli.UsageError{Err: errors.New("--project needs LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY")}
		}
		return nil, nil
	}
	return api.New(api.Options{URL: c.LabelStudioURL, Token: c.LabelStudioToken, UserAgent: "asr-backend/" + version})
}

// reader returns what reads tasks by the labelling configuration, if there is one.
func (c *exportManifestCommand) reader(ctx context.Context, client *api.Client) (*manifest.Reader, error) {
	config, err := c.config(ctx, client)
	if err != nil {
		return nil, err
	}
	reader, err := manifest.New(manifest.Options{Config: config, All: c.Annotations == "all"})
	if err != nil && c.Config != "" {
		return nil, &cli.UsageError{Err: fmt.Errorf("%s: %w", visible.Text(c.Config), err)}
	}
	return reader, err
}

func (c *exportManifestCommand) config(ctx context.Context, client *api.Client) (*labelconfig.Config, error) {
	var xml string
	switch {
	case c.Config != "":
		raw, err := os.ReadFile(c.Config)
		if err != nil {
			return nil, &cli.UsageError{Err: fmt.Errorf("read the labelling configuration: %w", visible.Error(err))}
		}
		config, err := labelconfig.Parse(string(raw))
		if err != nil {
			return nil, &cli.UsageError{Err: fmt.Errorf("%s: %w", visible.Text(c.Config), err)}
		}
		return config, nil
	case c.Project != 0:
		p, err := client.Project(ctx, c.Project)
		if err != nil {
			return nil, err
		}
		xml = p.LabelConfig
	default:
		return nil, nil
	}
	return labelconfig.Parse(xml)
}

// open returns the export. One that comes from Label Studio is written aside first, since
// it may take long to make use of.
func (c *exportManifestCommand) open(ctx context.Context, client *api.Client, std streams) (io.ReadCloser, error) {
	switch {
	case c.Export == cli.Stdin:
		return io.NopCloser(pollread.New(ctx, std.in)), nil
	case c.Export != "":
		return cli.OpenInput(ctx, c.Export)
	}
	f, err := os.CreateTemp("", "asr-backend-export-*.json")
	if named := new(fs.PathError); errors.As(err, &named) {
		err = fmt.Errorf("make a temporary file in %s: %w", visible.Text(os.TempDir()), named.Err)
	}
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil { // it lives as long as it is open
		return nil, errors.Join(err, f.Close())
	}
	if err := client.Export(ctx, c.Project, false, f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
