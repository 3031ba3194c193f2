package cli

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
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

// suffixes are the file names that a folder is searched for. What a file holds is found
// out from its content; this only keeps texts and pictures out.
var suffixes = strings.Fields(".wav .wave .rf64 .w64 .mp3 .mp2 .flac .ogg .oga .opus .spx .m4a .m4b .mp4 .m4v .mov .aac .ac3 .amr .awb .3gp .aif .aiff .aifc .au .snd .caf .wma .wmv .asf .webm .mka .mkv .avi .mpg .mpeg .ts .sph .gsm .g722 .ape .tta .wv .dts")

// Inputs expands arguments: "-" is standard input, a folder stands for every recording
// in it and below, anything else is a file, whether it exists or not.
func Inputs(args []string) ([]Input, error) {
	var inputs []Input
	for _, arg := range args {
		info, err := os.Stat(arg)
		if arg == Stdin {
			inputs = append(inputs, Input{Stdin, "stdin"})
			continue
		}
		if err != nil || !info.IsDir() {
			inputs = append(inputs, Input{arg, stem(filepath.Base(arg))})
			continue
		}
		found, err := folder(arg)
		if err != nil {
			return nil, err
		}
		if len(found) == 0 {
			return nil, &UsageError{fmt.Errorf("folder %s holds no recordings (looked for %s)", arg, strings.Join(suffixes, " "))}
		}
		inputs = append(inputs, found...)
	}
	return distinct(inputs), nil
}

func folder(root string) ([]Input, error) {
	var inputs []Input
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch hidden := path != root && strings.HasPrefix(d.Name(), "."); {
		case err != nil:
			return fmt.Errorf("look through folder %s: %w", root, err)
		case hidden && d.IsDir():
			return fs.SkipDir
		case hidden || d.IsDir() || !slices.Contains(suffixes, strings.ToLower(filepath.Ext(path))):
			return nil
		}
		below, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		inputs = append(inputs, Input{path, stem(below)})
		return nil
	})
	return inputs, err
}

func stem(path string) string { return strings.TrimSuffix(path, filepath.Ext(path)) }

// distinct keeps results apart: of recordings that differ in their suffix only, each
// keeps its suffix in the result's name, and further equals are numbered.
func distinct(inputs []Input) []Input {
	count := map[string]int{}
	for _, in := range inputs {
		count[in.Name]++
	}
	used := map[string]bool{}
	for i := range inputs {
		in := &inputs[i]
		if count[in.Name] > 1 {
			in.Name += filepath.Ext(in.Path)
		}
		name := in.Name
		for n := 2; used[in.Name]; n++ {
			in.Name = fmt.Sprintf("%s-%d", name, n)
		}
		used[in.Name] = true
	}
	return inputs
}
