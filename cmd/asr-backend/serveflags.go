package main

import (
	"errors"

	"github.com/asr-backend/asr-backend/internal/cli"
	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/media"
)

// placeFlags say where the service listens and keeps its data, and who may ask it.
type placeFlags struct {
	Host string `help:"Address to listen on. Default: all addresses." default:"" placeholder:"ADDRESS" group:"Service"`
	Port int    `help:"Port to listen on." short:"p" default:"9090" max:"65535" env:"ASR_BACKEND_PORT,PORT" group:"Service"`

	DataDir string `help:"Folder for jobs, results and downloaded recordings." default:"${data_dir}" type:"path" group:"Service"`

	BasicUser     string             `help:"User name for HTTP Basic authentication." env:"BASIC_AUTH_USER" placeholder:"USER" group:"Access"`
	BasicPassword labelstudio.Secret `help:"Password for HTTP Basic authentication." env:"BASIC_AUTH_PASS" placeholder:"PASSWORD" group:"Access"`
}

// studioFlags say where Label Studio is and how recordings come from it.
type studioFlags struct {
	LabelStudioURL   string             `help:"Address of Label Studio as seen from here, such as http://label-studio:8080." env:"LABEL_STUDIO_URL,LABEL_STUDIO_HOST" group:"Label Studio" name:"label-studio-url" placeholder:"URL"`
	LabelStudioToken labelstudio.Secret `help:"Personal access token or legacy token of a Label Studio user with access to the projects." env:"LABEL_STUDIO_API_KEY,LABEL_STUDIO_ACCESS_TOKEN" group:"Label Studio" name:"label-studio-token" placeholder:"TOKEN"`
	Alias            []string           `help:"Other addresses of the same Label Studio, such as its public one." group:"Label Studio" name:"label-studio-alias" placeholder:"URL"`
	BrowserURL       string             `help:"Address of Label Studio in people's browsers, for links at /status. Default: the address as seen from here, or if only this network knows that, the first alias." group:"Label Studio" name:"label-studio-browser-url" placeholder:"URL"`
	DocumentRoot     string             `help:"Folder from which Label Studio serves local files, if it is also mounted here." env:"LOCAL_FILES_DOCUMENT_ROOT,LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT" type:"path" placeholder:"FOLDER" group:"Label Studio"`
	MediaDir         string             `help:"Label Studio's media folder, which contains uploads, if it is also mounted here." type:"path" placeholder:"FOLDER" group:"Label Studio"`

	AllowHost    []string `help:"Private hosts from which recordings may be downloaded: names, name:port, addresses, or prefixes such as 10.1.0.0/16." placeholder:"HOST" group:"Recordings"`
	AllowPrivate bool     `help:"Allow recordings to be downloaded from any private address, except link-local ones and cloud metadata services." group:"Recordings"`
}

// check says which flags mean nothing beside the others.
func (f *studioFlags) check() error {
	if len(f.Alias) > 0 && f.LabelStudioURL == "" {
		return &cli.UsageError{Err: errors.New("--label-studio-alias is given without --label-studio-url (LABEL_STUDIO_URL), the Label Studio of which it is another address")}
	}
	return nil
}

// check says which flags mean nothing beside the others.
func (f *placeFlags) check() error {
	if (f.BasicUser == "") != (f.BasicPassword.Reveal() == "") {
		return &cli.UsageError{Err: errors.New("--basic-user (BASIC_AUTH_USER) and --basic-password (BASIC_AUTH_PASS) go together")}
	}
	return nil
}

// mediaOptions configure how recordings are downloaded.
func (f *studioFlags) mediaOptions() media.Options {
	return media.Options{Aliases: f.Alias, DocumentRoot: f.DocumentRoot, MediaDir: f.MediaDir, AllowHosts: f.AllowHost, AllowPrivate: f.AllowPrivate}
}
