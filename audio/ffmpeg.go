package audio

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Formats without a decoder in this program go through ffmpeg, one process for each
// recording. It gets the recording by path and writes WAV with samples of 32-bit float
// to its standard output, at the rate and with the channels of the file; resampling is
// ours for every format alike.
//
// A recording comes from strangers. ffmpeg may open files and pipes only, no addresses,
// and only formats that hold their content themselves: a playlist would make it open
// what the playlist names.

// demuxers are the formats that ffmpeg may recognise where we do not.
const demuxers = "aac,ac3,adx,aiff,amr,amrnb,amrwb,ape,asf,au,avi,caf,dsf,dts,dtshd,dv,eac3," +
	"flac,flv,gxf,iff,loas,matroska,mlp,mmf,mov,mp3,mpc,mpc8,mpeg,mpegts,mxf,nistsphere," +
	"nut,ogg,oma,pva,qcp,rm,rso,sds,sol,sox,tak,truehd,tta,vag,voc,vqf,w64,wav,wsd,wtv,wv,xa,xwma"

// headerless are formats that nothing but their name tells.
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
	cancel context.CancelFunc
	cmd    *exec.Cmd
	spool  string // a temporary file to remove, or ""
	report *ffmpegReport
	done   bool  // the process was waited for
	exit   error // its end

	wav   *wavDecoder
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
	d := &ffmpegDecoder{}
	source := in.path
	if source == "" {
		// Many formats need seeking, which a pipe cannot give.
		if source, err = in.spool(ctx); err != nil {
			return nil, err
		}
		d.spool = source
	}
	d.ctx, d.cancel = context.WithCancel(ctx)
	if err := d.start(path, source, f); err != nil {
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

// start runs ffmpeg up to its first sound.
func (d *ffmpegDecoder) start(path, source string, f format) error {
	args := []string{"-nostdin", "-nostats", "-loglevel", "level+info", "-threads", "1"}
	args = append(args, "-protocol_whitelist", "file,pipe")
	if f.demuxer != "" {
		args = append(args, "-f", f.demuxer)
	} else {
		args = append(args, "-format_whitelist", demuxers)
	}
	args = append(args, "-i", "file:"+source,
		"-map", "0:a:0", "-vn", "-sn", "-dn", "-map_metadata", "-1",
		// Sound that begins later than the file, or pauses by its timestamps, stays in
		// its place; less than a tenth of a second is rounding or a codec's delay.
		"-af", "aresample=async=1:min_comp=0.1:first_pts=0",
		"-f", "wav", "-c:a", "pcm_f32le", "pipe:1")
	d.cmd = exec.CommandContext(d.ctx, path, args...)
	stdout, err := d.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	stderr, err := d.cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := d.cmd.Start(); err != nil {
		d.cmd = nil
		return fmt.Errorf("%w: %w", ErrNoFFmpeg, err)
	}
	d.report = readReport(stderr, "file:"+source+": ")
	// A wrapper script that was killed may leave a child with the pipe behind, too.
	context.AfterFunc(d.ctx, func() { stdout.Close() })

	pipe, err := newInput(stdout, "ffmpeg")
	if err != nil {
		return err
	}
	head, err := pipe.peek(1)
	if err != nil || len(head) == 0 {
		return d.failed(f)
	}
	dec, err := openWAV(pipe)
	if err != nil {
		return fmt.Errorf("output of ffmpeg: %w", err)
	}
	d.wav = dec.(*wavDecoder)
	d.facts = d.describe(f)
	return nil
}

// describe joins what the report says with what the sound is.
func (d *ffmpegDecoder) describe(f format) Info {
	r := d.report.head()
	info := d.wav.info()
	info.Container, info.Codec, info.Declared, info.Estimate = f.name, r.codec, -1, r.duration
	info.Decoder, info.BitsPerSample = "ffmpeg "+r.version, 0
	if f.length {
		info.Declared = r.duration
	}
	if info.Container == "" {
		info.Container = r.container
	}
	if r.tracks > 1 {
		d.note(Partial, 0, fmt.Sprintf("The file has %d audio tracks; the first was taken.", r.tracks))
	}
	return info
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
	case f.name == "":
		return &Error{
			Err:  fmt.Errorf("%w: neither this program nor ffmpeg knows what it is", ErrNotAudio),
			Hint: "sound without a header cannot be told from other data; convert it to WAV",
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
	f, err := d.wav.next()
	if err == nil {
		return f, nil
	}
	// A process that was stopped ends its output like one that is done.
	d.wait()
	if d.ctx.Err() != nil {
		return frames{}, context.Cause(d.ctx)
	}
	if err == io.EOF {
		d.end()
	}
	return frames{}, err
}

// end compares what came with what was announced.
func (d *ffmpegDecoder) end() {
	at, r := at16k(d.wav.facts.SampleRate, d.wav.at), d.report.head()
	said := d.report.said()
	const rounding = 8000 // half a second: containers round, and estimate
	switch declared := d.facts.Declared; {
	case declared >= 0 && !r.video && at+rounding < declared:
		d.note(Truncated, at, fmt.Sprintf("The file is cut off or damaged: it announces %v of sound, it ends at %v.",
			declared.Duration(), at.Duration()))
	case d.exit != nil:
		d.note(Truncated, at, fmt.Sprintf("Decoding by ffmpeg failed at %v: %s.", at.Duration(), said))
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

func (d *ffmpegDecoder) close() error {
	if d.cancel != nil {
		d.cancel()
	}
	d.wait()
	if d.spool == "" {
		return nil
	}
	spool := d.spool
	d.spool = ""
	return os.Remove(spool)
}

// spool copies the recording to a temporary file and returns its path.
func (in *input) spool(ctx context.Context) (path string, err error) {
	f, err := os.CreateTemp("", "asr-backend-*"+filepath.Ext(filepath.Base(in.name)))
	if err != nil {
		return "", err
	}
	_, err = io.Copy(f, readerFunc(func(p []byte) (int, error) {
		if ctx.Err() != nil {
			return 0, context.Cause(ctx)
		}
		return in.Read(p)
	}))
	if err = errors.Join(err, f.Close()); err != nil {
		return "", errors.Join(fmt.Errorf("copy to a temporary file: %w", err), os.Remove(f.Name()))
	}
	return f.Name(), nil
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
