package audio

// A format is a kind of file, under the name that errors use.
type format string

const (
	formatUnknown format = ""
	formatWAV     format = "WAV"
)

// sniff tells the format from the first bytes of a file.
func sniff(head []byte) format {
	if len(head) >= 12 && string(head[8:12]) == "WAVE" {
		switch string(head[:4]) {
		case "RIFF", "RIFX", "RF64", "BW64":
			return formatWAV
		}
	}
	return formatUnknown
}
