package media_test

import (
	"testing"

	"github.com/asr-backend/asr-backend/labelstudio/media"
)

func TestStoragesOfRecordings(t *testing.T) {
	ls, server := newStudio(t, "")
	f := fetcher(t, media.Options{Server: server})
	for value, want := range map[string]string{
		"s3://bucket/a/b.wav":                        "s3://bucket",
		" gs://bucket/a b.wav":                       "gs://bucket",
		"azure-blob://box/a.wav":                     "azure-blob://box",
		"s3://bucket":                                "s3://bucket",
		"s3:///a.wav":                                "",
		"/tasks/7/resolve/?fileuri=czM6Ly9iL2Eud2F2": "s3://b",
		ls.URL + "/tasks/7/resolve/?fileuri=czM6Ly9iL2Eud2F2":      "s3://b",
		"/projects/7/presign/?fileuri=s3%3A%2F%2Fb%2Fa.wav":        "s3://b",
		"/tasks/7/resolve/?fileuri=x":                              "",
		"/data/local-files/?d=calls/2024/a.wav":                    "local files in calls/2024/",
		"/data/local-files/?d=a.wav":                               "local files in /",
		"/data/local-files/?d=../a.wav":                            "",
		"/data/upload/1/a.wav":                                     "",
		"https://elsewhere.example/tasks/7/resolve/?fileuri=czM6L": "",
		"data:audio/wav;base64,AAAA":                               "",
		"":                                                         "",
	} {
		if got, ok := f.Storage(value); ok != (want != "") || ok && got != want {
			t.Errorf("%q: %q, %v", value, got, ok)
		}
	}
	mounted := fetcher(t, media.Options{Server: server, DocumentRoot: t.TempDir()})
	if got, ok := mounted.Storage("/data/local-files/?d=calls/a.wav"); ok {
		t.Errorf("a mounted folder needs no storage: %q", got)
	}
}
