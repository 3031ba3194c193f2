package scaffold

import (
	"bytes"
	_ "embed"
	"fmt"
	"regexp"
	"slices"
	"strings"

	asrbackend "github.com/asr-backend/asr-backend"
)

// Variable is an environment variable of `asr-backend serve`.
type Variable struct {
	Names   []string // the first one is written; the others mean the same
	Group   string
	Help    string
	Default string
}

//go:embed deployment/README.md
var deploymentReadme []byte

//go:embed deployment/asr-backend.service
var deploymentUnit []byte

// deployment is what the repository has for running in containers, with its own paths.
func (o *Options) deployment() ([]file, error) {
	compose, err := o.compose()
	if err != nil {
		return nil, err
	}
	cpu, err := asrbackend.Files.ReadFile("docker-compose.cpu.yml")
	if err != nil {
		return nil, err
	}
	env, err := o.environment()
	if err != nil {
		return nil, err
	}
	return sorted([]file{
		{"docker-compose.yml", compose, 0o666},
		{"docker-compose.cpu.yml", cpu, 0o666},
		{".env", env, 0o600},
		{".gitignore", []byte(".env\n/recordings/\n"), 0o666},
		{"README.md", deploymentReadme, 0o666},
		{"asr-backend.service", deploymentUnit, 0o666},
	}), nil
}

// buildContext is the variable that says where the image is built from.
const buildContext = "BUILD_CONTEXT"

// compose is the repository's compose file, whose image is built from elsewhere.
func (o *Options) compose() ([]byte, error) {
	raw, err := asrbackend.Files.ReadFile("docker-compose.yml")
	if err != nil {
		return nil, err
	}
	const header = `# asr-backend on an NVIDIA GPU. README.md explains how to start it, .env contains its settings.
`
	const here = "\n      context: .\n"
	start := bytes.Index(raw, []byte("\nname: "))
	if start < 0 || bytes.Count(raw, []byte(here)) != 1 {
		return nil, fmt.Errorf("docker-compose.yml has another form than is expected here")
	}
	text := header + string(raw[start+1:])
	text = strings.Replace(text, here, "\n      context: ${"+buildContext+":?the folder of asr-backend's sources must be set in .env}\n", 1)
	return []byte(fromOutside(text)), nil
}

// fromOutside changes what comments say about files of the repository.
func fromOutside(text string) string {
	return strings.NewReplacer("deploy/example.env", ".env", " doc/", " asr-backend's doc/").Replace(text)
}

// assigned finds the variables of an env file, also those that are commented out.
var assigned = regexp.MustCompile(`(?m)^#?([A-Z][A-Z0-9_]*)=`)

// environment is the repository's env file, with what it leaves out behind it.
func (o *Options) environment() ([]byte, error) {
	raw, err := asrbackend.Files.ReadFile("deploy/example.env")
	if err != nil {
		return nil, err
	}
	_, body, ok := bytes.Cut(raw, []byte("\n\n")) // behind the comment on top
	if !ok {
		return nil, fmt.Errorf("deploy/example.env has another form than is expected here")
	}
	var b strings.Builder
	b.WriteString("# Settings of asr-backend, for docker-compose.yml and asr-backend.service. Remove the #\n" +
		"# in front of a line to set it. This file contains a token: keep it private.\n\n" +
		"# Folder with the sources of asr-backend, from which the image is built.\n")
	fmt.Fprintf(&b, "%s=%s\n\n%s", buildContext, envValue(o.Source), fromOutside(string(body)))
	known := map[string]bool{}
	for _, m := range assigned.FindAllSubmatch(raw, -1) {
		known[string(m[1])] = true
	}
	group := ""
	for _, v := range o.rest(known) {
		if v.Group != group {
			group = v.Group
			fmt.Fprintf(&b, "\n%s\n", rule("Seldom needed: "+group))
		}
		fmt.Fprintf(&b, "\n%s\n#%s=%s\n", comment(v.Help), v.Names[0], v.Default)
	}
	return []byte(b.String()), nil
}

// rest returns the variables that are not known, those of a group together.
func (o *Options) rest(known map[string]bool) []Variable {
	var groups []string
	rest := slices.Clone(o.Variables)
	rest = slices.DeleteFunc(rest, func(v Variable) bool {
		return len(v.Names) == 0 || slices.ContainsFunc(v.Names, func(n string) bool { return known[n] })
	})
	for i := range rest {
		if rest[i].Group == "" {
			rest[i].Group = "Other"
		}
		if !slices.Contains(groups, rest[i].Group) {
			groups = append(groups, rest[i].Group)
		}
	}
	slices.SortStableFunc(rest, func(a, b Variable) int {
		return slices.Index(groups, a.Group) - slices.Index(groups, b.Group)
	})
	return rest
}

// envWidth is how long lines of an env file get.
const envWidth = 90

// rule is a headline between settings, as in the repository's env file.
func rule(title string) string {
	line := "# -- " + title + " "
	return line + strings.Repeat("-", max(3, envWidth-len(line)))
}

// comment breaks a sentence into lines of a comment.
func comment(text string) string {
	lines := []string{"#"}
	for word := range strings.FieldsSeq(text) {
		last := &lines[len(lines)-1]
		if len(*last)+1+len(word) > envWidth && *last != "#" {
			lines = append(lines, "#")
			last = &lines[len(lines)-1]
		}
		*last += " " + word
	}
	return strings.Join(lines, "\n")
}

// envValue writes a value as Compose and systemd both read it.
func envValue(s string) string {
	if strings.ContainsAny(s, " #'\"$\\") {
		return "'" + strings.ReplaceAll(s, "'", `\'`) + "'"
	}
	return s
}
