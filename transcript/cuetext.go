package transcript

import (
	"html"
	"regexp"
)

var (
	lineBreak = regexp.MustCompile(`(?i)<br ?/?>`)
	// What is set beside the characters of a ruby is how they are read, not more text.
	rubyText  = regexp.MustCompile(`(?is)<r[tp](?:[ .][^<>]*)?>.*?(?:</r[tp]>|</ruby>|$)`)
	srtTag    = regexp.MustCompile(`(?i)</?(?:b|i|u|s|font|em|strong|span|c|v|lang|ruby|rb|rt|rp)(?:[ .=][^<>]*)?>|\{\\[^{}]*\}`)
	srtEntity = regexp.MustCompile(`&(?:[a-zA-Z]{2,8}|#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6});`)
	vttTag    = regexp.MustCompile(`<[a-zA-Z0-9/.][^<>]*>?|<>|\{\\an?[0-9]+\}`)
	vttVoice  = regexp.MustCompile(`<v[^ <>]* (?:Channel ([1-9][0-9]{0,3})|Mixed)>`)
)

// srtText returns what a cue of SubRip says.
func srtText(text string) string {
	text = rubyText.ReplaceAllString(lineBreak.ReplaceAllString(text, " "), "")
	text = srtTag.ReplaceAllString(text, "")
	return oneLine(srtUnguard.Replace(srtEntity.ReplaceAllStringFunc(text, html.UnescapeString)))
}

// vttText returns what a cue of WebVTT says.
func vttText(text string) string {
	text = rubyText.ReplaceAllString(lineBreak.ReplaceAllString(text, " "), "")
	text = vttTag.ReplaceAllString(text, "")
	return oneLine(srtUnguard.Replace(html.UnescapeString(text)))
}

// vttChannel returns the channel that writeVTT wrote as a voice, or Mixed.
func vttChannel(text string) int {
	if m := vttVoice.FindStringSubmatch(text); m != nil {
		return parseChannel(m[1])
	}
	return Mixed
}
