package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/asr-backend/asr-backend/internal/without"
)

// Input is one recording to work on.
type Input struct {
	// Path is the file, or Stdin.
	Path string
	// Name is where the result goes below an output folder, without its suffix.
	Name string
}

// Stdin is the Path that means standard input.
const Stdin = "-"

// Skipped is something that an argument named or a folder held and that is not worked on.
type Skipped struct {
	Path, Why string
	// Failed says that there may be recordings that cannot be reached.
	Failed bool
}

// suffixes are the file names that a folder is searched for. What a file holds is found
// out from its content; this only keeps texts and pictures out.
var suffixes = strings.Fields(".wav .wave .rf64 .w64 .mp3 .mp2 .flac .ogg .oga .opus .spx .m4a .m4b .mp4 .m4v .mov .aac .ac3 .amr .awb .3gp .aif .aiff .aifc .au .snd .caf .wma .wmv .asf .webm .mka .mkv .avi .mpg .mpeg .ts .sph .gsm .g722 .ape .tta .wv .dts")

// Recordings are what the arguments of a command name.
type Recordings struct {
	Inputs  []Input
	Skipped []Skipped
	// Several says that results need a folder: there are several recordings, or an
	// argument is a folder, which may hold several next time.
	Several bool
}

// Find expands arguments: "-" is standard input, a folder stands for every recording in
// it and below, anything else is a file, whether it exists or not. In folders only regular
// files are recordings, and links to them; a pipe or a device could keep the program for
// ever.
func Find(args []string) (*Recordings, error) {
	var found []named
	r := &Recordings{}
	for _, arg := range args {
		info, err := os.Stat(arg)
		switch {
		case arg == "":
			return nil, &UsageError{errors.New("a recording without a name: an argument is empty")}
		case arg == Stdin:
			found = append(found, named{path: Stdin, name: "stdin"})
		case err != nil || !info.IsDir():
			found = append(found, named{path: arg, name: filepath.Base(arg)})
		default:
			f, s := folder(arg)
			if len(f) == 0 && len(s) == 0 {
				return nil, &UsageError{fmt.Errorf("folder %s holds no recordings (looked for %s)", arg, strings.Join(suffixes, " "))}
			}
			if len(args) > 1 {
				base := folderName(arg)
				for i := range f {
					f[i].name = filepath.Join(base, f[i].name)
				}
			}
			found, r.Skipped = append(found, f...), append(r.Skipped, s...)
			r.Several = true
		}
	}
	found, again := unique(found)
	r.Inputs, r.Skipped = distinct(found), append(r.Skipped, again...)
	r.Several = r.Several || len(r.Inputs) > 1
	return r, nil
}

// folderName is the name of a folder, also of "." and "..".
func folderName(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	return filepath.Base(path)
}

// named is a recording and where its result goes, with the recording's suffix.
type named struct{ path, name string }

// folder looks through a folder.
func folder(root string) (found []named, skipped []Skipped) {
	_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			skipped = append(skipped, Skipped{path, without.Path(err).Error(), true})
			return fs.SkipDir
		}
		switch hidden := path != root && strings.HasPrefix(d.Name(), "."); {
		case hidden && d.IsDir():
			return fs.SkipDir
		case hidden || d.IsDir() || !slices.Contains(suffixes, strings.ToLower(filepath.Ext(path))):
			return nil
		}
		if why, failed := notRegular(path); why != "" {
			skipped = append(skipped, Skipped{path, why, failed})
			return nil
		}
		below, err := filepath.Rel(root, path)
		if err != nil {
			below = filepath.Base(path)
		}
		found = append(found, named{path, below})
		return nil
	}) // its function returns no errors
	return found, skipped
}

// notRegular says what a file in a folder is if it is not a regular file.
func notRegular(path string) (why string, failed bool) {
	info, err := os.Stat(path)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return "a link that leads nowhere", true
		}
		return without.Path(err).Error(), true
	}
	switch mode := info.Mode(); {
	case mode.IsRegular():
		return "", false
	case mode.IsDir():
		return "a link to a folder", false
	case mode&fs.ModeNamedPipe != 0:
		return "a named pipe", false
	case mode&fs.ModeSocket != 0:
		return "a socket", false
	}
	return "a device", false
}

// unique leaves out recordings that were named before.
func unique(all []named) (once []named, again []Skipped) {
	seen := map[string]bool{}
	for _, n := range all {
		key := n.path
		if abs, err := filepath.Abs(key); err == nil && key != Stdin {
			key = abs
		}
		if seen[key] {
			again = append(again, Skipped{Path: n.path, Why: "named before"})
			continue
		}
		seen[key] = true
		once = append(once, n)
	}
	return once, again
}

// distinct keeps results apart. Recordings of equal names get, before their names, the
// folders in which they differ, as in day1/call and day2/call. Of recordings that differ in
// their suffix only, each keeps its suffix in the result's name.
func distinct(all []named) []Input {
	names := make([]string, len(all))
	for i, n := range all {
		names[i] = n.name
	}
	for _, group := range groups(names) {
		paths := make([]string, len(group))
		for k, i := range group {
			paths[k] = all[i].path
		}
		for k, name := range below(paths) {
			names[group[k]] = name
		}
	}
	stems := make([]string, len(all))
	for i, name := range names {
		stems[i] = strings.TrimSuffix(name, filepath.Ext(name))
	}
	for _, group := range groups(stems) {
		for _, i := range group {
			stems[i] = names[i]
		}
	}
	used := map[string]bool{}
	inputs := make([]Input, len(all))
	for i, name := range stems {
		for n := 2; used[name]; n++ { // x.wav beside x.wav.flac
			name = fmt.Sprintf("%s-%d", stems[i], n)
		}
		used[name] = true
		inputs[i] = Input{all[i].path, name}
	}
	return inputs
}

// groups returns the indices of names that occur more than once.
func groups(names []string) [][]int {
	at := map[string][]int{}
	for i, name := range names {
		at[name] = append(at[name], i)
	}
	var out [][]int
	for i, name := range names {
		if group := at[name]; len(group) > 1 && group[0] == i {
			out = append(out, group)
		}
	}
	return out
}

// below returns paths relative to the innermost folder that holds all of them.
func below(paths []string) []string {
	parts := make([][]string, len(paths))
	for i, path := range paths {
		if abs, err := filepath.Abs(path); err == nil {
			path = abs
		}
		parts[i] = strings.Split(path, string(filepath.Separator))
	}
	common := 0
	for common < len(parts[0])-1 {
		if slices.ContainsFunc(parts, func(p []string) bool { return common >= len(p)-1 || p[common] != parts[0][common] }) {
			break
		}
		common++
	}
	out := make([]string, len(paths))
	for i, p := range parts {
		out[i] = filepath.Join(p[common:]...)
	}
	return out
}
