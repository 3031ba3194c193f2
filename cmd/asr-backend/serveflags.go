package main

import (
	"asr-backend/labelstudio"
	"asr-backend/labelstudio/media"
)

// placeFlags say where the service listens and keeps its data, and who may ask it.
type placeFlags struct {
	Host string `help:"Address to listen on; empty is all." default:"" placeholder:"ADDRESS" group:"Service"`
	Port int    `help:"Port to listen on." short:"p" default:"9090" max:"65535" env:"ASR_BACKEND_PORT,PORT" group:"Service"`

	DataDir string `help:"Folder for jobs, results and fetched recordings." default:"${data_dir}" type:"path" group:"Service"`

	BasicUser     string             `help:"User for HTTP Basic authentication." env:"BASIC_AUTH_USER" placeholder:"USER" group:"Access"`
	BasicPassword labelstudio.Secret `help:"Password for HTTP Basic authentication." env:"BASIC_AUTH_PASS" placeholder:"PASSWORD" group:"Access"`
}

// studioFlags say where Label Studio is and how recordings come from it.
type studioFlags struct {
	LabelStudioURL   string             `help:"Where this program reaches Label Studio, such as http://label-studio:8080." env:"LABEL_STUDIO_URL,LABEL_STUDIO_HOST" group:"Label Studio" name:"label-studio-url" placeholder:"URL"`
	LabelStudioToken labelstudio.Secret `help:"Personal access token or legacy token of a Label Studio user who can see the projects." env:"LABEL_STUDIO_API_KEY,LABEL_STUDIO_ACCESS_TOKEN" group:"Label Studio" name:"label-studio-token" placeholder:"TOKEN"`
	Alias            []string           `help:"Other addresses of the same Label Studio, such as its public one." group:"Label Studio" name:"label-studio-alias" placeholder:"URL"`
	DocumentRoot     string             `help:"Folder from which Label Studio serves local files, if it is mounted here too." env:"LOCAL_FILES_DOCUMENT_ROOT,LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT" type:"path" placeholder:"FOLDER" group:"Label Studio"`
	MediaDir         string             `help:"Label Studio's media folder, which holds its uploads, if it is mounted here too." type:"path" placeholder:"FOLDER" group:"Label Studio"`

	AllowHost    []string `help:"Hosts inside the network from which recordings may be fetched: names, name:port, addresses or prefixes such as 10.1.0.0/16." placeholder:"HOST" group:"Recordings"`
	AllowPrivate bool     `help:"Fetch recordings from any address inside the network." group:"Recordings"`
}

// mediaOptions tell how recordings are fetched.
func (f *studioFlags) mediaOptions() media.Options {
	return media.Options{Aliases: f.Alias, DocumentRoot: f.DocumentRoot, MediaDir: f.MediaDir, AllowHosts: f.AllowHost, AllowPrivate: f.AllowPrivate}
}
