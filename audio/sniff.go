package audio

import "asr-backend/audio/internal/mpeg"

// A format is a kind of file, under the name that errors use.
type format string

const (
	formatUnknown format = ""
	formatWAV     format = "WAV"
	formatFLAC    format = "FLAC"
	formatMP3     format = "MP3"
	formatOpus    format = "Ogg Opus"
)

// sniff tells the format from the first bytes of a file.
func sniff(head []byte) format {
	if len(head) >= 12 && string(head[8:12]) == "WAVE" {
		switch string(head[:4]) {
		case "RIFF", "RIFX", "RF64", "BW64":
			return formatWAV
		}
	}
	switch {
	case string(head[:4]) == "fLaC":
		return formatFLAC
	case string(head[:4]) == "OggS" && len(head) >= 36 && string(head[28:36]) == "OpusHead":
		return formatOpus
	}
	if _, ok := mpeg.Looks(head, len(head) < sniffLen); ok || mpeg.TagSize(head) > 0 {
		return formatMP3
	}
	return formatUnknown
}
