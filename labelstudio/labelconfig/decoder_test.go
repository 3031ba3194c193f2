package labelconfig_test

import (
	"testing"

	"github.com/asr-backend/asr-backend/labelstudio/labelconfig"

	"github.com/google/go-cmp/cmp"
)

func TestTheDecoderOfAudioTags(t *testing.T) {
	for _, c := range []struct{ name, config, want string }{
		{"none is given", `<View><Audio name="a" value="$a"/></View>`, `<Audio name="a" value="$a" decoder="none"/>`},
		{"the default is given", `<View><Audio decoder="webaudio" name="a" value="$a"/></View>`, `<Audio decoder="none" name="a" value="$a"/>`},
		{"nothing is given", `<View><Audio name="a" decoder='' value="$a"/></View>`, `<Audio name="a" decoder="none" value="$a"/>`},
		{"in another case, twice", `<View><Audio name="a" DECODER="webaudio" value="$a" decoder="webaudio"></Audio></View>`, `<Audio name="a" decoder="none" value="$a">`},
		{"the older name of the tag", `<View><audioplus name="a" value="$a" /></View>`, `<audioplus name="a" value="$a" decoder="none" />`},
		{"over lines", "<View>\r\n<Audio name = \"a\"\r\n  value='$a'\r\n/></View>", "<Audio name = \"a\"\r\n  value='$a' decoder=\"none\"\r\n/>"},
		{"signs in values", `<View><Audio name="a" value="https://x/?a=1&amp;decoder=/>" hotkey='"'/></View>`, `<Audio name="a" value="https://x/?a=1&amp;decoder=/>" hotkey='"' decoder="none"/>`},
		{"letters of several bytes before", `<View>ä€<Audio name="ö" value="$ü"/></View>`, `<Audio name="ö" value="$ü" decoder="none"/>`},
		{"ffmpeg decodes in pieces", `<View><Audio name="a" value="$a" decoder="ffmpeg"/></View>`, ""},
		{"nothing is decoded", `<View><Audio name="a" value="$a" Decoder="none"/></View>`, ""},
		{"no recording", `<View><Text name="a" value="$a"/></View>`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			config, err := labelconfig.Parse(c.config)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			for _, o := range config.DecodesWhole() {
				got += o.WithDecoder("none")
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("the corrected tag, as it should be (-) and is (+):\n%s", d)
			}
		})
	}
}

func FuzzWithDecoder(f *testing.F) {
	f.Add(`name="a" value="$a"`)
	f.Add("Decoder='webaudio'\n name = \"a>\" decoder=\"\" value='$a=' ")
	f.Fuzz(func(t *testing.T, attributes string) {
		config, err := labelconfig.Parse(`<View><Audio ` + attributes + `/></View>`)
		if err != nil {
			return
		}
		for _, o := range config.DecodesWhole() {
			again, err := labelconfig.Parse(`<View>` + o.WithDecoder("none") + `</View>`)
			if err != nil {
				again, err = labelconfig.Parse(`<View>` + o.WithDecoder("none") + `</Audio></View>`)
			}
			if err != nil || len(again.Objects) != 1 {
				t.Fatalf("%q became %q: %v", o.Source, o.WithDecoder("none"), err)
			}
			want := o.Attrs
			want["decoder"] = "none"
			if d := cmp.Diff(want, again.Objects[0].Attrs); d != "" {
				t.Errorf("%q became %q: attributes as they were (-) and are (+):\n%s", o.Source, o.WithDecoder("none"), d)
			}
		}
	})
}
