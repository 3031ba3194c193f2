package check

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/types"
)

// root is the repository.
const root = "../.."

// read returns a file of the repository.
func read(t *testing.T, path string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// compose loads compose files as `docker compose` does, in a folder with the given .env,
// or without one if it is empty.
func compose(t *testing.T, env string, profiles []string, files ...string) *types.Project {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	var paths []string
	for _, f := range files {
		paths = append(paths, write(f, read(t, f)))
	}
	if env != "" {
		write(".env", env)
	}
	o, err := cli.NewProjectOptions(paths, cli.WithWorkingDirectory(dir), cli.WithEnvFiles(), cli.WithDotEnv, cli.WithProfiles(profiles))
	if err != nil {
		t.Fatal(err)
	}
	p, err := o.LoadProject(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func service(t *testing.T, p *types.Project, name string) types.ServiceConfig {
	t.Helper()
	s, err := p.GetService(name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// variable returns what a container gets for a variable.
func variable(t *testing.T, s types.ServiceConfig, name string) string {
	t.Helper()
	v, ok := s.Environment[name]
	if !ok || v == nil {
		t.Fatalf("%s gets no %s", s.Name, name)
	}
	return *v
}

func TestBackendGetsOneGPUAndKeepsItsData(t *testing.T) {
	p := compose(t, "", nil, "docker-compose.yml")
	if got := p.ServiceNames(); !slices.Equal(got, []string{"asr-backend"}) {
		t.Errorf("services without a profile: got %v, want the backend alone", got)
	}
	s := service(t, p, "asr-backend")
	if s.Deploy == nil || s.Deploy.Resources.Reservations == nil || len(s.Deploy.Resources.Reservations.Devices) != 1 {
		t.Fatal("no device is reserved")
	}
	d := s.Deploy.Resources.Reservations.Devices[0]
	if d.Driver != "nvidia" || d.Count != 1 || !slices.Contains(d.Capabilities, "gpu") {
		t.Errorf("device: got %+v, want one of nvidia's with the capability gpu", d)
	}
	if s.Build == nil || s.Build.Dockerfile != "Dockerfile.cuda" || s.Build.Target != "cuda" {
		t.Errorf("build: got %+v, want the target cuda of Dockerfile.cuda", s.Build)
	}
	if len(s.Volumes) != 1 || s.Volumes[0].Target != "/data" || s.Volumes[0].Type != "volume" {
		t.Errorf("volumes: got %+v, want a named one at /data", s.Volumes)
	}
	if s.StopGracePeriod == nil || s.StopGracePeriod.String() != "15s" {
		t.Errorf("grace period: got %v, want more than the 8 s that stopping may take", s.StopGracePeriod)
	}
	if !slices.Contains(s.CapDrop, "ALL") || !slices.Contains(s.SecurityOpt, "no-new-privileges:true") || s.Privileged {
		t.Error("the container has more rights than it needs")
	}
}

// The health check must be the image's own, as the Dockerfile has it.
func TestHealthCheckIsThatOfTheImage(t *testing.T) {
	s := service(t, compose(t, "", nil, "docker-compose.yml"), "asr-backend")
	if s.HealthCheck == nil {
		t.Fatal("there is no health check")
	}
	want := regexp.MustCompile(`HEALTHCHECK .*CMD \["(.*)"\]`).FindStringSubmatch(read(t, "Dockerfile.cuda"))
	if want == nil {
		t.Fatal("the Dockerfile has no health check")
	}
	if got := s.HealthCheck.Test; !slices.Equal(got, append([]string{"CMD"}, strings.Split(want[1], `", "`)...)) {
		t.Errorf("health check: got %q, want that of the image, %q", got, want[1])
	}
}

// Nobody but this machine gets in unless somebody asks for it.
func TestPortsAreOpenedOnLoopbackUnlessAsked(t *testing.T) {
	for env, want := range map[string]string{"": "127.0.0.1", "BIND_ADDRESS=0.0.0.0\n": "0.0.0.0"} {
		p := compose(t, env, []string{"label-studio"}, "docker-compose.yml")
		for _, name := range []string{"asr-backend", "label-studio"} {
			for _, port := range service(t, p, name).Ports {
				if port.HostIP != want {
					t.Errorf("with %q %s is open on %s, want %s", env, name, port.HostIP, want)
				}
			}
		}
	}
}

// webhookHost is the rule by which Django's URLValidator, and so Label Studio 1.23.2, takes
// a host for a webhook: letters, digits and hyphens, with a dot, or localhost.
var webhookHost = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]*[a-z0-9])?)(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*\.[a-z-]{2,63}$`)

func TestLabelStudioBesideKnowsTheBackendByANameWithADot(t *testing.T) {
	p := compose(t, "", []string{"label-studio"}, "docker-compose.yml")
	backend, studio := service(t, p, "asr-backend"), service(t, p, "label-studio")
	for _, s := range []types.ServiceConfig{backend, studio} {
		n := s.Networks["default"]
		if n == nil || len(n.Aliases) != 1 || !webhookHost.MatchString(n.Aliases[0]) {
			t.Fatalf("%s: got network %+v, want one alias with a dot in it", s.Name, n)
		}
	}
	if webhookHost.MatchString("asr-backend") || webhookHost.MatchString("asr_backend.internal") {
		t.Error("the rule takes names that Label Studio refuses")
	}
	if got, want := variable(t, backend, "LABEL_STUDIO_URL"), "http://"+studio.Networks["default"].Aliases[0]+":8080"; got != want {
		t.Errorf("LABEL_STUDIO_URL: got %s, want the other container, %s", got, want)
	}
	// Both, or a connection is saved without its webhook.
	for _, name := range []string{"ML_BLOCK_LOCAL_IP", "SSRF_PROTECTION_ENABLED"} {
		if got := variable(t, studio, name); got != "false" {
			t.Errorf("%s: got %q, want false: containers have private addresses", name, got)
		}
	}
	if !strings.HasSuffix(studio.Image, "/label-studio:1.23.2") {
		t.Errorf("image: got %s, want the version that was tried, 1.23.2", studio.Image)
	}
	if got := variable(t, studio, "LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT"); !slices.ContainsFunc(studio.Volumes, func(v types.ServiceVolumeConfig) bool {
		return v.Target == got && v.ReadOnly
	}) {
		t.Errorf("no folder is mounted read-only at %s", got)
	}
}

func TestTokenReachesBothSidesAndNoFileHoldsOne(t *testing.T) {
	const token = "0123456789abcdef0123456789abcdef01234567"
	p := compose(t, "LABEL_STUDIO_API_KEY="+token+"\n", []string{"label-studio"}, "docker-compose.yml")
	if got := variable(t, service(t, p, "asr-backend"), "LABEL_STUDIO_API_KEY"); got != token {
		t.Errorf("the backend's token: got %q", got)
	}
	if got := variable(t, service(t, p, "label-studio"), "LABEL_STUDIO_USER_TOKEN"); got != token {
		t.Errorf("Label Studio's token: got %q", got)
	}
	secret := regexp.MustCompile(`[0-9a-f]{40}|eyJ[A-Za-z0-9_-]{10}`)
	for _, file := range []string{"docker-compose.yml", "docker-compose.cpu.yml", "deploy/example.env", "Dockerfile.cuda"} {
		if found := secret.FindString(read(t, file)); found != "" {
			t.Errorf("%s holds something like a token: %s", file, found)
		}
	}
}

func TestWithoutGPUTheSameServiceRunsOnTheCPU(t *testing.T) {
	gpu := service(t, compose(t, "", nil, "docker-compose.yml"), "asr-backend")
	cpu := service(t, compose(t, "", nil, "docker-compose.yml", "docker-compose.cpu.yml"), "asr-backend")
	if cpu.Deploy != nil {
		t.Errorf("deploy: got %+v, want none: Docker would look for a GPU", cpu.Deploy)
	}
	if cpu.Build.Target != "cpu" || cpu.Image == gpu.Image {
		t.Errorf("got target %s and image %s, want others than for the GPU", cpu.Build.Target, cpu.Image)
	}
	if cpu.Build.Dockerfile != gpu.Build.Dockerfile || len(cpu.Volumes) != 1 || cpu.HealthCheck == nil || !cpu.ReadOnly {
		t.Errorf("got %+v, want everything else as for the GPU, and a read-only root", cpu)
	}
}

// Every line of the example that is commented out is an example of a value.
func TestExampleSettingsWorkWhenTheyAreUncommented(t *testing.T) {
	example := read(t, "deploy/example.env")
	all := regexp.MustCompile(`(?m)^#([A-Z_]+=)`).ReplaceAllString(example, "$1")
	values, err := dotenv.UnmarshalWithLookup(all, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(values) < 10 {
		t.Fatalf("got %d settings, want all that stand there", len(values))
	}
	p := compose(t, all, []string{"label-studio"}, "docker-compose.yml")
	s := service(t, p, "asr-backend")
	for name, value := range values {
		of := s
		if name == "LABEL_STUDIO_USERNAME" || name == "LABEL_STUDIO_PASSWORD" {
			of = service(t, p, "label-studio")
		}
		if got := variable(t, of, name); got != value {
			t.Errorf("%s: got %q, want %q", name, got, value)
		}
	}
	if _, err := netip.ParseAddr(values["BIND_ADDRESS"]); err != nil {
		t.Errorf("BIND_ADDRESS: %v", err)
	}
	// As it is delivered, the file changes nothing but the token.
	plain := service(t, compose(t, example, nil, "docker-compose.yml"), "asr-backend")
	bare := service(t, compose(t, "", nil, "docker-compose.yml"), "asr-backend")
	for name, value := range plain.Environment {
		if old, ok := bare.Environment[name]; name != "LABEL_STUDIO_API_KEY" && (!ok || *old != *value) {
			t.Errorf("%s=%s although it is commented out", name, *value)
		}
	}
}

// The page's example of joining another project's network is one that Compose takes.
func TestOverrideOfThePageJoinsAnotherNetwork(t *testing.T) {
	block := regexp.MustCompile(`(?m)^    services:\n(?:    .*\n)+`).FindString(read(t, "doc/docker.md"))
	dir := t.TempDir()
	var paths []string
	for name, text := range map[string]string{
		"docker-compose.yml":          read(t, "docker-compose.yml"),
		"docker-compose.override.yml": regexp.MustCompile(`(?m)^    `).ReplaceAllString(block, ""),
	} {
		paths = append(paths, filepath.Join(dir, name))
		if err := os.WriteFile(paths[len(paths)-1], []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(paths)
	slices.Reverse(paths) // docker-compose.yml first
	o, err := cli.NewProjectOptions(paths, cli.WithWorkingDirectory(dir))
	if err != nil {
		t.Fatal(err)
	}
	p, err := o.LoadProject(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	networks := service(t, p, "asr-backend").Networks
	if len(networks) != 2 || networks["studio"] == nil || !slices.Equal(networks["studio"].Aliases, []string{"asr-backend.internal"}) {
		t.Errorf("networks of the service: got %+v, want its own and the other project's", networks)
	}
	if n := p.Networks["studio"]; !bool(n.External) || n.Name != "label-studio_default" {
		t.Errorf("the other network: got %+v, want one that exists already", n)
	}
}

// What .env holds for the other container, and for the port of this machine, does not reach into this one.
func TestEnvOfOthersStaysAway(t *testing.T) {
	s := service(t, compose(t, "PORT=8000\nASR_BACKEND_PORT=9191\nLABEL_STUDIO_PASSWORD=secret\nLABEL_STUDIO_USERNAME=ann\nBASIC_AUTH_PASS='a$$b${c}'\n", []string{"label-studio"}, "docker-compose.yml"), "asr-backend")
	if got := variable(t, s, "ASR_BACKEND_PORT"); got != "9090" {
		t.Errorf("it listens on %s", got)
	}
	for _, name := range []string{"LABEL_STUDIO_PASSWORD", "LABEL_STUDIO_USERNAME"} {
		if got := variable(t, s, name); got != "" {
			t.Errorf("it gets %s=%s", name, got)
		}
	}
	if got := variable(t, s, "BASIC_AUTH_PASS"); got != "a$$b${c}" {
		t.Errorf("a password in single quotes becomes %q", got)
	}
	if len(s.Ports) != 1 || s.Ports[0].Published != "9191" || s.Ports[0].Target != 9090 {
		t.Errorf("ports %+v", s.Ports)
	}
}
