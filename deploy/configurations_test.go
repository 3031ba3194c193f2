package deploy_test

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/labelstudio/labelconfig"
)

func TestReadyConfigurationsAreServedAndOpenLongRecordings(t *testing.T) {
	readme := read(t, "doc/configurations/README.md")
	files, err := filepath.Glob(filepath.Join(oracle.Root(t), "doc/configurations/*.xml"))
	if err != nil || len(files) < 5 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		text := read(t, filepath.Join("doc/configurations", name))
		c, err := labelconfig.Parse(text)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		plans, why := c.Plans(labelconfig.Options{})
		if len(plans) != 1 {
			t.Fatalf("%s: %d plans; %s", name, len(plans), why)
		}
		for _, note := range plans[0].Notes {
			t.Errorf("%s: %s", name, note)
		}
		if len(c.DecodesWhole()) > 0 {
			t.Errorf("%s: its page decodes recordings whole", name)
		}
		if strings.Contains(text, "<!--") {
			t.Errorf("%s has a comment", name)
		}
		if !strings.Contains(readme, "("+name+")") {
			t.Errorf("the page does not name %s", name)
		}
	}
}

// Whoever copies a configuration from a page must be able to open long recordings with it.
func TestAudioTagsOfPagesNameADecoder(t *testing.T) {
	all := pages(t)
	for _, path := range []string{"scripts/demo.py", "scripts/screenshots.mjs"} {
		all[path] = read(t, path)
	}
	seen := 0
	for path, text := range all {
		for _, tag := range regexp.MustCompile(`<Audio [^>]*>`).FindAllString(text, -1) {
			if seen++; !strings.Contains(tag, `decoder="none"`) && !strings.Contains(tag, `decoder="ffmpeg"`) {
				t.Errorf("%s: %s", path, tag)
			}
		}
	}
	if seen < 4 {
		t.Errorf("%d tags were found", seen)
	}
}
