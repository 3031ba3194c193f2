package deploy_test

import (
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/internal/oracle"
)

// program is the command line as the program itself describes it.
type program struct {
	commands  map[string]map[string]bool // flags, by command such as "models list"
	variables map[string]bool
}

func (p *program) has(flag string) bool {
	for _, flags := range p.commands {
		if flags[flag] {
			return true
		}
	}
	return false
}

// commandLine builds the program and asks it for its help.
func commandLine(t *testing.T) *program {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "asr-backend")
	build := exec.Command("go", "build", "-o", binary, "./cmd/asr-backend")
	build.Dir = oracle.Root(t)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	p := &program{map[string]map[string]bool{}, map[string]bool{}}
	var ask func(command string)
	ask = func(command string) {
		out, err := exec.Command(binary, append(strings.Fields(command), "--help")...).Output()
		if err != nil {
			t.Fatalf("%s --help: %v", command, err)
		}
		flags := map[string]bool{}
		for _, m := range regexp.MustCompile(`(?m)^ +(?:-\w, )?--([a-z-]+)`).FindAllStringSubmatch(string(out), -1) {
			flags[m[1]] = true
		}
		for _, m := range regexp.MustCompile(`\$([A-Z][A-Z0-9_]+)`).FindAllStringSubmatch(string(out), -1) {
			p.variables[m[1]] = true
		}
		if command != "" {
			p.commands[command] = flags
		}
		_, list, _ := strings.Cut(string(out), "\nCommands:\n")
		for _, m := range regexp.MustCompile(`(?m)^  ([a-z][a-z -]*?)(?:  | <| \[|$)`).FindAllStringSubmatch(list, -1) {
			if name := strings.TrimSpace(m[1]); p.commands[name] == nil {
				ask(name)
			}
		}
	}
	ask("")
	if len(p.commands) < 10 || len(p.variables) < 20 {
		t.Fatalf("got commands %v and %d variables, want all", slices.Sorted(maps.Keys(p.commands)), len(p.variables))
	}
	return p
}

// pages are the texts that people read, by path.
func pages(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, pattern := range []string{"*.md", "doc/*.md", "doc/*/README.md", "internal/scaffold/*/README.md"} {
		found, err := filepath.Glob(filepath.Join(oracle.Root(t), pattern))
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: got %v, %v", pattern, found, err)
		}
		for _, f := range found {
			path, err := filepath.Rel(oracle.Root(t), f)
			if err != nil {
				t.Fatal(err)
			}
			out[path] = read(t, path)
		}
	}
	return out
}

// code returns what a page says in code: spans, indented lines and fenced blocks, with
// lines that are continued joined.
func code(page string) []string {
	page = strings.ReplaceAll(page, "\\\n", " ")
	var out []string
	fenced := false
	for line := range strings.Lines(page) {
		switch {
		case strings.HasPrefix(line, "```"):
			fenced = !fenced
		case fenced, strings.HasPrefix(line, "    "):
			line, _, _ = strings.Cut(line, " # ")
			out = append(out, strings.TrimSpace(line))
		}
	}
	for _, m := range regexp.MustCompile("`([^`\n]+)`").FindAllStringSubmatch(page, -1) {
		out = append(out, m[1])
	}
	return out
}

// TestPagesNameWhatTheProgramHas reads every use of the program and every variable.
func TestPagesNameWhatTheProgramHas(t *testing.T) {
	p := commandLine(t)
	t.Run("commands and flags", func(t *testing.T) { commandsExist(t, p) })
	t.Run("variables", func(t *testing.T) { variablesExist(t, p) })
}

func commandsExist(t *testing.T, p *program) {
	t.Helper()
	use := regexp.MustCompile(`(?:^|[\s/(])asr-backend ([a-z][a-z-]*)(?:$|( [^|;&]*))`)
	flag := regexp.MustCompile(`(?:^| )--([a-z][a-z-]*)`)
	scripts := sources(t, ".py", ".sh")
	uses := 0
	for path, text := range pages(t) {
		for _, c := range code(text) {
			if m := flag.FindStringSubmatch(c); m != nil && strings.HasPrefix(c, "--") && !p.has(m[1]) && !foreign[m[1]] && !strings.Contains(scripts, "--"+m[1]) {
				t.Errorf("%s: no command and no script has the flag --%s", path, m[1])
			}
			// In `docker compose exec asr-backend ...` the first one is a container.
			m := use.FindStringSubmatch(strings.ReplaceAll(c, "exec asr-backend ", "exec "))
			if m == nil {
				continue
			}
			uses++
			name := m[1]
			if sub := strings.Fields(m[2]); len(sub) > 0 && p.commands[name] == nil || (name == "models" || name == "jobs") && len(sub) > 0 {
				name += " " + sub[0]
			}
			flags, ok := p.commands[name]
			if !ok {
				t.Errorf("%s: %q: there is no command %q", path, c, name)
				continue
			}
			for _, f := range flag.FindAllStringSubmatch(m[2], -1) {
				if !flags[f[1]] {
					t.Errorf("%s: %q: %s has no flag --%s", path, c, name, f[1])
				}
			}
		}
	}
	if uses < 20 {
		t.Errorf("got %d uses of the program in all pages; they are not found any more", uses)
	}
}

// foreign are flags of other programs that pages name by themselves.
var foreign = map[string]bool{
	"profile": true, "no-cpu-throttling": true, "min-instances": true, "allow-unauthenticated": true, "port": true, "timeout": true,
}

// labelStudios are variables of Label Studio 1.23.2 itself.
var labelStudios = []string{
	"ML_BLOCK_LOCAL_IP", "SSRF_PROTECTION_ENABLED", "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN",
	"LABEL_STUDIO_USERNAME", "LABEL_STUDIO_PASSWORD", "LABEL_STUDIO_USER_TOKEN",
	"LOCAL_FILES_SERVING_ENABLED", "LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED",
}

func variablesExist(t *testing.T, p *program) {
	t.Helper()
	source := sources(t, ".go", ".py")
	texts := pages(t)
	for _, path := range []string{"deploy/example.env", "deploy/alerts.yml", "docker-compose.yml", "docker-compose.cpu.yml", "Dockerfile.cuda", "internal/scaffold/deployment/asr-backend.service"} {
		texts[path] = read(t, path)
	}
	for path, text := range texts {
		for _, name := range regexp.MustCompile(`\b(?:ASR_BACKEND|BASIC_AUTH|LABEL_STUDIO|LOCAL_FILES|ML|SSRF)_[A-Z0-9_]+\b`).FindAllString(text, -1) {
			// What help does not list, such as variables of tests, stands in the sources.
			if !p.variables[name] && !slices.Contains(labelStudios, name) && !strings.Contains(source, `"`+name+`"`) {
				t.Errorf("%s: there is no variable %s", path, name)
			}
		}
	}
}

// sources are all files with certain endings but tests, in one.
func sources(t *testing.T, endings ...string) string {
	t.Helper()
	var b strings.Builder
	root := oracle.Root(t)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != root && strings.HasPrefix(d.Name(), ".") {
			return fs.SkipDir
		}
		if !slices.Contains(endings, filepath.Ext(path)) || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		raw, err := os.ReadFile(path)
		b.Write(raw)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestLinksLeadSomewhere(t *testing.T) {
	all := pages(t)
	exists := func(path string) bool {
		found, err := filepath.Glob(filepath.Join(oracle.Root(t), path))
		return err == nil && len(found) > 0
	}
	for path, text := range all {
		if strings.HasPrefix(path, "internal/") {
			continue // about files of the folder that is made
		}
		for _, m := range regexp.MustCompile(`\]\(([^)#\s]*)(#[^)\s]*)?\)`).FindAllStringSubmatch(text, -1) {
			if strings.Contains(m[1], ":") {
				continue // on the web
			}
			target := filepath.Join(filepath.Dir(path), m[1])
			if m[1] == "" {
				target = path
			}
			if !exists(target) {
				t.Errorf("%s: there is no %s", path, target)
			} else if m[2] != "" && !anchors(all[target])[m[2]] {
				t.Errorf("%s: %s has no headline %s", path, target, m[2])
			}
		}
		for _, c := range code(text) {
			for _, name := range regexp.MustCompile(`(?:^|\s)((?:deploy|scripts|doc|samples)/[\w./*-]*\w)`).FindAllStringSubmatch(c, -1) {
				if !exists(name[1]) {
					t.Errorf("%s: there is no %s", path, name[1])
				}
			}
		}
	}
}

// anchors are the headlines of a page as GitHub makes links of them.
func anchors(page string) map[string]bool {
	out := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(page, -1) {
		name := regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(m[1]), "")
		out["#"+strings.ReplaceAll(name, " ", "-")] = true
	}
	return out
}

func TestTargetsExist(t *testing.T) {
	makefile := read(t, "Makefile")
	for path, text := range pages(t) {
		if strings.HasPrefix(path, "internal/scaffold/backend/") {
			continue // has a Makefile of its own
		}
		for _, c := range code(text) {
			if m := regexp.MustCompile(`^make ([a-z-]+)\b`).FindStringSubmatch(c); m != nil && !strings.Contains(makefile, "\n"+m[1]+":") {
				t.Errorf("%s: there is no target %s", path, m[1])
			}
		}
	}
}

// TestMessagesAreThoseOfTheProgram looks for the messages of the two pages that list them,
// by which people search, in the sources.
func TestMessagesAreThoseOfTheProgram(t *testing.T) {
	source := sources(t, ".go")
	others := []string{ // the system's, the loader's and ONNX Runtime's
		"address already in use", "cannot open shared object file", "CUDA failure 209",
	}
	sections := map[string][]string{
		"doc/tokens.md":          {"Is it right?"},
		"doc/troubleshooting.md": {"Recordings that cannot be downloaded", "Recordings that cannot be transcribed", "Model and GPU", "The data directory"},
	}
	for path, titles := range sections {
		page := read(t, path)
		for _, title := range titles {
			_, section, ok := strings.Cut(page, "\n## "+title+"\n")
			section, _, _ = strings.Cut(section, "\n## ")
			rows := regexp.MustCompile("(?m)^\\| (.*`.*?) \\| ").FindAllStringSubmatch(section, -1)
			if !ok || len(rows) < 3 {
				t.Errorf("%s: no messages under %q", path, title)
			}
			for _, row := range rows {
				cell, _, _ := strings.Cut(row[1], " | ")
				for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cell, -1) {
					if !strings.HasPrefix(m[1], "/") && !slices.Contains(others, m[1]) && !strings.Contains(source, m[1]) {
						t.Errorf("%s: the program never says %q", path, m[1])
					}
				}
			}
		}
	}
}
