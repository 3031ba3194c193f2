package audio

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/asr-backend/asr-backend/audio/internal/nut"
	"github.com/asr-backend/asr-backend/audio/internal/resample"
)

// Formats without a decoder in this program go through ffmpeg (4.4 or newer), one process
// for each recording. It gets the recording by path and writes samples of 32-bit float with
// their timestamps to its standard output, at the rate and with the channels of the file.
// Placing them on the time line and resampling are ours, for every format alike.
//
// A recording comes from strangers. ffmpeg may open files and pipes only, no addresses,
// and only formats that hold their content themselves: a playlist would make it open
// what the playlist names.

// demuxers are the formats that ffmpeg may recognise where we do not.
const demuxers = "aac,ac3,adx,aiff,amr,amrnb,amrwb,ape,asf,au,avi,caf,dsf,dts,dtshd,dv,eac3," +
	"flac,flv,gxf,iff,loas,matroska,mlp,mmf,mov,mp3,mpc,mpc8,mpeg,mpegts,mxf,nistsphere," +
	"nut,ogg,oma,pva,qcp,rm,rso,sds,sol,sox,tak,truehd,tta,vag,voc,vqf,w64,wav,wsd,wtv,wv,xa,xwma"

// headerless are formats that only their file name identifies.
var headerless = map[string]format{
	".g722": {name: "G.722", demuxer: "g722"},
	".gsm":  {name: "GSM 06.10", demuxer: "gsm"},
}

// waitDelay is how long a process that has ended its output, or was killed, may hold on
// to its standard error.
const waitDelay = 2 * time.Second

// An ffmpegDecoder reads what an ffmpeg process writes.
type ffmpegDecoder struct {
	notes
	ctx    context.Context
	path   string   // of ffmpeg
	source string   // of the recording, as ffmpeg knows it
	spool  *os.File // a copy of the recording that has no name, or nil
	// scrambled says that some of a broadcast is encrypted; what matters may be clear.
	scrambled bool

	// The present process.
	cancel context.CancelFunc
	cmd    *exec.Cmd
	report *ffmpegReport
	done   bool  // the process was waited for
	exit   error // its end

	sound *placer
	facts Info
}

// FindFFmpeg returns the path and version of the ffmpeg that Options.FFmpeg means, or an
// error with ErrNoFFmpeg.
func FindFFmpeg(ctx context.Context, option string) (path, version string, err error) {
	path, err = lookFFmpeg(option)
	if err != nil {
		return "", "", err
	}
	out, err := exec.CommandContext(ctx, path, "-version").Output()
	if err != nil {
		return "", "", fmt.Errorf("%w: %s does not run: %w", ErrNoFFmpeg, path, err)
	}
	first, _, _ := strings.Cut(string(out), "\n")
	return path, ffmpegVersion(first), nil
}

// ffmpegVersion takes the version out of "ffmpeg version 7.1 Copyright ...".
func ffmpegVersion(line string) string {
	rest, ok := strings.CutPrefix(line, "ffmpeg version ")
	if !ok {
		return ""
	}
	version, _, _ := strings.Cut(rest, " ")
	return version
}

func lookFFmpeg(option string) (string, error) {
	switch option {
	case NoFFmpeg:
		return "", fmt.Errorf("%w: it is switched off", ErrNoFFmpeg)
	case "":
		option = "ffmpeg"
	}
	path, err := exec.LookPath(option)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrNoFFmpeg, err)
	}
	return path, nil
}

// openFFmpeg starts ffmpeg on an input of format f.
func openFFmpeg(ctx context.Context, in *input, f format, o Options) (decoder, error) {
	path, err := lookFFmpeg(o.FFmpeg)
	if err != nil {
		return nil, needsFFmpeg(f, err)
	}
	d := &ffmpegDecoder{ctx: ctx, path: path, source: "file:" + in.path}
	if in.path == "" {
		// Many formats need seeking, which a pipe cannot give.
		if d.spool, err = in.spool(ctx, o.spoolLimit()); err != nil {
			return nil, err
		}
		d.source = "file:/dev/fd/3"
	}
	locked, err := d.encrypted(in, f)
	if err != nil {
		return nil, closeAfter(d, err)
	}
	if locked && f.demuxer == "mov" {
		return nil, closeAfter(d, protected(f))
	}
	d.scrambled = locked
	if err := d.open(f, o.Track); err != nil {
		return nil, closeAfter(d, err)
	}
	return d, nil
}

func needsFFmpeg(f format, err error) error {
	if f.name == "" {
		return &Error{
			Err:  fmt.Errorf("%w: nothing that is known here; asking ffmpeg: %w", ErrNotAudio, err),
			Hint: "if it plays elsewhere, install ffmpeg (apt install ffmpeg) or give its path",
		}
	}
	return &Error{
		Err:  fmt.Errorf("%s needs ffmpeg: %w", f.name, err),
		Hint: "install ffmpeg (apt install ffmpeg), give its path, or convert the recording to WAV, FLAC, MP3 or Opus",
	}
}

// open runs ffmpeg up to its first sound. Which tracks there are, ffmpeg says only once it
// runs; where another than the first is wanted, it starts again.
func (d *ffmpegDecoder) open(f format, track int) error {
	stdout, err := d.start(f, "0:a:0")
	if err != nil {
		return err
	}
	select {
	case <-d.report.opened:
	case <-d.ctx.Done():
		return context.Cause(d.ctx)
	}
	r := d.report.head()
	taken := 0
	if len(r.tracks) > 0 {
		if taken, err = r.pick(track); err != nil {
			return err
		}
		r.protected = r.protected || r.tracks[taken].protected
	}
	if r.protected {
		return protected(f)
	}
	if taken > 0 {
		d.stop()
		if stdout, err = d.start(f, fmt.Sprintf("0:%d", r.tracks[taken].index)); err != nil {
			return err
		}
	}
	in, err := nut.NewReader(stdout)
	if err == io.ErrUnexpectedEOF {
		return d.failed(f)
	}
	if err != nil {
		return fmt.Errorf("output of ffmpeg: %w", err)
	}
	if in.Channels > maxChannels {
		return &Error{Err: fmt.Errorf("%w: %d channels", ErrUnsupported, in.Channels)}
	}
	if in.Rate < resample.MinRate || in.Rate > resample.MaxRate {
		return &Error{Err: fmt.Errorf("%w: a sample rate of %d Hz", ErrUnsupported, in.Rate)}
	}
	d.sound = newPlacer(&d.notes, in)
	if len(r.tracks) > taken {
		d.sound.ownStart = !r.video && len(r.tracks) == 1 && reservoir(r.tracks[taken].codec)
	}
	d.sound.chained = r.container == "ogg"
	d.describe(f, r, taken)
	if len(r.tracks) > 1 && track == 0 {
		d.note(Partial, 0, r.describeTracks(taken))
	}
	return nil
}

// start runs ffmpeg on a stream of the recording and returns its output.
func (d *ffmpegDecoder) start(f format, stream string) (io.Reader, error) {
	args := []string{"-nostdin", "-nostats", "-loglevel", "level+info", "-threads", "1"}
	args = append(args, "-protocol_whitelist", "file,pipe")
	if f.demuxer != "" {
		args = append(args, "-f", f.demuxer)
	} else {
		args = append(args, "-format_whitelist", demuxers)
	}
	args = append(args,
		// Timestamps as they are but for the start of the file: ffmpeg would close some
		// gaps and drop some leaps, without a word.
		"-copyts", "-start_at_zero", "-i", d.source,
		"-map", stream, "-vn", "-sn", "-dn", "-map_metadata", "-1", "-c:a", "pcm_f32le",
		// The order of decoding just counts, so that timestamps may go back.
		"-bsf:a", fmt.Sprintf("setts=dts=N:pts=if(eq(PTS\\,NOPTS)\\,NOPTS\\,PTS+%d)", int64(ptsOffset)),
		"-write_index", "0", "-f", "nut", "pipe:1")
	ctx, cancel := context.WithCancel(d.ctx)
	cmd := exec.CommandContext(ctx, d.path, args...)
	if d.spool != nil {
		if _, err := d.spool.Seek(0, io.SeekStart); err != nil {
			cancel()
			return nil, err
		}
		cmd.ExtraFiles = []*os.File{d.spool}
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		cancel()
		return nil, err
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		cancel()
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		cancel()
		return nil, fmt.Errorf("%w: %w", ErrNoFFmpeg, err)
	}
	d.cancel, d.cmd, d.done = cancel, cmd, false
	d.report = readReport(stderr, d.source+": ")
	// A wrapper script that was killed may leave a child with the pipe behind, too.
	context.AfterFunc(ctx, func() { stdout.Close() })
	return stdout, nil
}

// describe joins what the report says with what the sound is.
func (d *ffmpegDecoder) describe(f format, r ffmpegFacts, taken int) {
	d.facts = Info{
		Container: f.name, Decoder: "ffmpeg " + r.version,
		SampleRate: d.sound.in.Rate, Channels: d.sound.in.Channels, Declared: -1, Estimate: r.duration,
	}
	if len(r.tracks) > taken {
		d.facts.Codec = r.tracks[taken].codec
	}
	if f.length {
		d.facts.Declared = r.duration
	}
	if d.facts.Container == "" {
		d.facts.Container = r.container
	}
}

func protected(f format) error {
	what := f.name
	if what == "" {
		what = "the recording"
	}
	return &Error{
		Err:  fmt.Errorf("%w: %s is encrypted", ErrProtected, what),
		Hint: "only the shop's own player can play it; get a copy without protection",
	}
}

// failed says why there is no sound at all.
func (d *ffmpegDecoder) failed(f format) error {
	d.wait()
	if err := d.ctx.Err(); err != nil {
		return context.Cause(d.ctx)
	}
	said := d.report.said()
	switch {
	case strings.Contains(said, "matches no streams"):
		return &Error{Err: fmt.Errorf("%w: the file has no audio track", ErrEmpty)}
	case strings.Contains(said, "setts"):
		return &Error{
			Err:  fmt.Errorf("%w: it is older than 4.4; ffmpeg says: %s", ErrNoFFmpeg, said),
			Hint: "install ffmpeg 4.4 or newer",
		}
	case f.demuxer == "mpegts" && d.scrambled:
		return protected(f)
	case f.name == "":
		return &Error{
			Err:  fmt.Errorf("%w: neither this program nor ffmpeg knows what it is", ErrNotAudio),
			Hint: "sound without a header cannot be distinguished from other data; convert it to WAV",
		}
	case strings.Contains(said, "Decoder") && strings.Contains(said, "not found"),
		strings.Contains(said, "Unknown input format"):
		return &Error{
			Err:  fmt.Errorf("%w: %s; ffmpeg says: %s", ErrUnsupported, f.name, said),
			Hint: "this ffmpeg was built without the decoder; install a full one",
		}
	}
	return &Error{Err: fmt.Errorf("%w: %s; ffmpeg says: %s", ErrDamaged, f.name, said)}
}

func (d *ffmpegDecoder) info() Info { return d.facts }

func (d *ffmpegDecoder) next() (frames, error) {
	f, err := d.sound.next()
	if err == nil {
		return f, nil
	}
	// A process that was stopped ends its output like one that is done, or within a packet.
	d.wait()
	if d.ctx.Err() != nil {
		return frames{}, context.Cause(d.ctx)
	}
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		d.end()
		err = io.EOF
	}
	return frames{}, err
}

// end compares what came with what was announced.
func (d *ffmpegDecoder) end() {
	rate := d.sound.in.Rate
	at, r := at16k(rate, d.sound.at), d.report.head()
	said := d.report.said()
	const rounding = time.Second / 2 // containers round, and estimate
	switch declared := d.facts.Declared; {
	case declared >= 0 && !r.video && span(rate, d.sound.at-d.sound.shift)+rounding < declared.Duration():
		d.note(Truncated, at, fmt.Sprintf("The file is cut off or damaged: it announces %s of sound, it ends at %s.",
			declared.Clock(), at.Clock()))
	case d.exit != nil:
		d.note(Truncated, at, fmt.Sprintf("Decoding by ffmpeg failed at %s: %s.", at.Clock(), said))
		return
	}
	if said != "" {
		d.note(Damaged, at, fmt.Sprintf("While decoding, ffmpeg said: %s.", said))
	}
}

// wait waits for the process, once all of its output was read or is not wanted.
func (d *ffmpegDecoder) wait() {
	if d.cmd == nil || d.done {
		return
	}
	d.done = true
	// Wait closes the pipe that the report reads, so the report comes first; but not for
	// ever, as a wrapper script that was killed may leave a child with the pipe behind.
	select {
	case <-d.report.finished:
	case <-time.After(waitDelay):
	}
	d.exit = d.cmd.Wait()
	<-d.report.finished
}

// stop ends the process and waits for it.
func (d *ffmpegDecoder) stop() {
	if d.cancel != nil {
		d.cancel()
	}
	d.wait()
}

func (d *ffmpegDecoder) close() error {
	d.stop()
	if d.spool == nil {
		return nil
	}
	spool := d.spool
	d.spool = nil
	return spool.Close()
}
