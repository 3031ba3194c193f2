package service_test

import (
	"context"
	"encoding/json"
	"html"
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/labelstudio/labelstudiotest"
	"github.com/asr-backend/asr-backend/service"
)

// Label Studio's page decodes a recording whole unless the Audio tag says otherwise. Which tags
// do is known from the configuration, how long recordings are from their transcripts.
func TestStatusShowsThatThePageMayNotOpenLongRecordings(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		w.ready()
		long := w.connected(`<View><Audio name="audio" value="$audio" hotkey='space' /><TextArea name="t" toName="audio"/></View>`)
		short := w.connected("")
		for project, length := range map[int64]time.Duration{long: 31 * time.Minute, short: 30 * time.Minute} {
			for _, measured := range []time.Duration{length, time.Second} {
				if err := w.service.Measured(context.Background(), project, measured); err != nil {
					t.Fatal(err)
				}
			}
		}
		_, body := w.call("GET", "/status", nil)
		var s service.Status
		if err := json.Unmarshal(body, &s); err != nil {
			t.Fatal(err)
		}
		const tag = `<Audio name="audio" value="$audio" hotkey='space' decoder="none" />`
		for _, p := range s.Projects {
			if p.ID != long {
				if p.Page != nil {
					t.Errorf("project %d: %+v", p.ID, p.Page)
				}
				continue
			}
			if p.Page == nil || !strings.Contains(p.Page.What, "recordings over 30 minutes (the longest has 31:00), Audio tag without decoder=") || !strings.HasSuffix(p.Page.Hint, tag) {
				t.Errorf("%+v", p.Page)
			}
		}
		if page := html.UnescapeString(w.page()); strings.Count(page, "over 30 minutes") != 1 || !strings.Contains(page, tag) {
			t.Errorf("the page:\n%s", page)
		}
		w.ChangeProject(long, func(p *labelstudiotest.Project) {
			p.Config = `<View><Audio name="audio" value="$audio" decoder="ffmpeg"/><TextArea name="t" toName="audio"/></View>`
		})
		if err := w.connect(long, ""); err != nil {
			t.Fatal(err)
		}
		if got := w.page(); strings.Contains(got, "over 30 minutes") {
			t.Errorf("after the configuration was corrected:\n%s", got)
		}
	})
}
