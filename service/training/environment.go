package training

import (
	"os"
	"slices"
	"strings"

	"github.com/asr-backend/asr-backend/service/projects"
)

// Environment variables of the command.
const (
	variableProject  = "ASR_BACKEND_PROJECT"  // its number
	variableModel    = "ASR_BACKEND_MODEL"    // folder of the model to start from; only to be read
	variableManifest = "ASR_BACKEND_MANIFEST" // NeMo manifest to learn from
	variableJudge    = "ASR_BACKEND_JUDGE"    // NeMo manifest that judges; not to be learnt from
	variableOut      = "ASR_BACKEND_OUT"      // folder to make, with the new model
)

// Exit statuses of the command with a meaning. With any other one it has failed.
const (
	statusMade      = 0
	statusNotBetter = 3 // it works, and the new model is not better
)

// passed are variables of the service that the command gets too. No other one is passed, since tokens
// and passwords may be among them.
var passed = []string{"PATH", "HOME", "USER", "LANG", "TMPDIR", "TZ", "LD_LIBRARY_PATH", "ASR_BACKEND_ONNXRUNTIME", "ASR_BACKEND_MODELS_DIR"}

// passedWith begin the names of others that are passed.
var passedWith = []string{"LC_", "CUDA_"}

// environment is that of the command.
func environment(project int64, model string, f *files, out string) []string {
	var env []string
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		if slices.Contains(passed, name) || slices.ContainsFunc(passedWith, func(p string) bool { return strings.HasPrefix(name, p) }) {
			env = append(env, v)
		}
	}
	return append(env, variableProject+"="+projects.Name(project), variableModel+"="+model,
		variableManifest+"="+f.learn, variableJudge+"="+f.judge, variableOut+"="+out)
}
