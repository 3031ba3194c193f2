// Command backend serves a model of your own to Label Studio.
//
// The model is the function transcribe in model.go, which takes a recording and returns a
// transcript. The one there only finds loud passages, so that everything works before you
// replace it. The protocol, labelling configurations, tokens, downloads and checks are in
// asr-backend's packages, mainly labelstudio: read its package comment first.
package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/api"
	"github.com/asr-backend/asr-backend/labelstudio/media"
	"github.com/asr-backend/asr-backend/labelstudio/server"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	if err := serve(ctx, log); err != nil {
		log.Error("stopped", "error", err)
		os.Exit(1)
	}
}

// serve serves until ctx ends.
func serve(ctx context.Context, log *slog.Logger) error {
	cache, err := os.UserCacheDir()
	if err != nil {
		return err
	}
	options := media.Options{CacheDir: filepath.Join(cache, "my-backend")}
	if url := os.Getenv("LABEL_STUDIO_URL"); url != "" {
		client, err := api.New(api.Options{URL: url, Token: labelstudio.NewSecret(os.Getenv("LABEL_STUDIO_API_KEY"))})
		if err != nil {
			return err
		}
		options.Server = client
	} else {
		log.Warn("uploaded recordings cannot be downloaded: set LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY")
	}
	recordings, err := media.New(options)
	if err != nil {
		return err
	}
	defer recordings.Close()
	b, err := server.New(server.Options{Model: &model{recordings, log}, Logger: log, Name: "my-backend"})
	if err != nil {
		return err
	}
	port := os.Getenv("PORT")
	if port == "" {
		port = "9090"
	}
	listener, err := net.Listen("tcp", ":"+port)
	if err != nil {
		return err
	}
	log.Info("serving", "address", listener.Addr())
	served := make(chan error, 1)
	go func() { served <- b.Serve(listener) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	end, cancel := context.WithTimeout(context.Background(), 8*time.Second)
	defer cancel()
	return errors.Join(b.Shutdown(end), <-served)
}
