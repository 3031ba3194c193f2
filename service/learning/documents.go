package learning

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/asr-backend/asr-backend/learn"
	"github.com/asr-backend/asr-backend/service/knowledge"
	"github.com/asr-backend/asr-backend/service/projects"
	"github.com/asr-backend/asr-backend/transcript"
)

// read is the note of a document that was learnt from.
const read = "read"

// documents adds the texts of a project to what it learns from: those that were sent, those in its
// folder, and the one at its address. One that cannot be read stops nothing, and is noted.
func (l *Learning) documents(ctx context.Context, p *projects.Project, m *material) error {
	sent, err := l.Knowledge.Documents(ctx, p.ID)
	if err != nil {
		return err
	}
	m.documents = map[string]string{}
	left := knowledge.MostTextBytes
	add := func(name, text string, err error) {
		text = strings.TrimPrefix(text, "\ufeff")
		switch {
		case err != nil:
			m.documents[name] = err.Error()
		case !utf8.ValidString(text):
			m.documents[name] = "it is not UTF-8"
		case strings.TrimSpace(text) == "":
			m.documents[name] = "it is empty"
		case len(text) > left:
			m.documents[name] = fmt.Sprintf("the texts of a project may have %d MB together", knowledge.MostTextBytes>>20)
		default:
			m.documents[name] = read
			m.Documents = append(m.Documents, learn.Document{Name: name, Text: text})
			left -= len(text)
		}
	}
	before := "" // what was at the address
	for _, d := range sent {
		if d.Name == atAddress {
			before = d.Text
			continue
		}
		add(d.Name, d.Text, nil)
	}
	for name, text := range l.inFolder(p.ID) {
		add(name, text.text, text.err)
	}
	text, err := l.atAddress(ctx, p, before)
	if text != "" || err != nil {
		add(atAddress, text, nil)
	}
	if err != nil {
		m.documents[atAddress] = err.Error()
	}
	return context.Cause(ctx)
}

// texts returns the names of the documents that are learnt from.
func (m *material) texts() (names []string) {
	for i := range m.Documents {
		names = append(names, m.Documents[i].Name)
	}
	return names
}

// atAddress is the name of the text at the address in a project's settings. It is kept as others are,
// so that what was learnt from it stays while the address does not answer.
const atAddress = "text_url"

// atAddress returns the text at the address in a project's settings, or the one that was there before and
// why.
func (l *Learning) atAddress(ctx context.Context, p *projects.Project, before string) (text string, err error) {
	address := p.Settings.TextURL
	if address == "" {
		if before != "" {
			err = l.Knowledge.DeleteText(ctx, p.ID, atAddress)
		}
		return "", err
	}
	raw, err := l.Recordings.Text(ctx, p.Project, address, knowledge.MostTextBytes)
	if err == nil {
		text, err = plain(address, raw)
	}
	if err == nil && text != before {
		err = l.Knowledge.PutText(ctx, p.ID, atAddress, text)
	}
	switch {
	case err == nil:
		return text, nil
	case before == "":
		return "", err
	}
	return before, fmt.Errorf("%w; the text that was there before is learnt from", err)
}

// file is a file of a project's folder.
type file struct {
	text string
	err  error
}

// inFolder reads the files in the folder of a project.
func (l *Learning) inFolder(project int64) map[string]file {
	out := map[string]file{}
	if l.Folder == "" {
		return out
	}
	folder := filepath.Join(l.Folder, projects.Name(project))
	entries, err := os.ReadDir(folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		out[folder] = file{err: err}
	}
	for _, e := range entries {
		if !e.Type().IsRegular() || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		var f file
		f.text, f.err = readFile(filepath.Join(folder, e.Name()))
		out[e.Name()] = f
	}
	return out
}

func readFile(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if info.Size() > knowledge.MostTextBytes {
		return "", fmt.Errorf("it has more than %d MB", knowledge.MostTextBytes>>20)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	return plain(path, raw)
}

// timed are the endings of files in which times stand beside the text.
var timed = []string{".srt", ".vtt", ".json", ".ctm", ".textgrid", ".tsv", ".csv"}

// plain returns the text of a file: of one with times, such as subtitles, the text alone.
func plain(name string, raw []byte) (string, error) {
	if !slices.Contains(timed, strings.ToLower(filepath.Ext(name))) {
		return string(raw), nil
	}
	format, err := transcript.FormatOfFile(name)
	if err != nil {
		return "", err
	}
	t, err := transcript.Read(bytes.NewReader(raw), format)
	if err != nil {
		return "", err
	}
	var lines []string
	for i := range t.Segments {
		lines = append(lines, t.Segments[i].Text)
	}
	return strings.Join(lines, "\n"), nil
}
