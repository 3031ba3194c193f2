# Every target is a command that a person could type; see README.md.

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LIBRARY := bin/libonnxruntime.so
VENV    := .venv-test
MODEL   := default
SAMPLE  := samples/reading.opus

.PHONY: accuracy run demo build library test e2e screenshots load race test-env lint validate model image-check clean

# Build the program, let it transcribe a recording, and serve Label Studio until Ctrl-C.
run: build
	@scripts/run.sh $(SAMPLE)

# The same with a Label Studio of its own: installs a pinned one into .cache (1 GB), starts
# both, makes a project with sample recordings, connects the two, and says where to click.
# Ctrl-C stops everything; the next start goes on from there.
demo: build
	@scripts/demo.py

# Build bin/asr-backend with the library it needs beside it.
build: library
	go build -trimpath -ldflags '-X main.version=$(VERSION)' -o bin/asr-backend ./cmd/asr-backend

# Get the pinned ONNX Runtime library.
library:
	scripts/library.sh $(LIBRARY)

# Run all tests, with everything they compare with.
test: build test-env lint
	ASR_BACKEND_TEST_STRICT=1 ASR_BACKEND_ONNXRUNTIME=$(CURDIR)/$(LIBRARY) go test -timeout 20m ./...
	cd deploy/check && go vet . && go test .
	@$(MAKE) --no-print-directory e2e

# Hold the program to a real Label Studio: a pinned one is installed into .cache (1 GB).
e2e: build
	scripts/label-studio.sh .cache/label-studio
	ASR_BACKEND_ONNXRUNTIME=$(CURDIR)/$(LIBRARY) ASR_BACKEND_LABEL_STUDIO=$(CURDIR)/.cache/label-studio go test -count=1 -timeout 40m ./e2e

# Measure how fast requests are answered while a thousand recordings wait.
load: build
	ASR_BACKEND_LOAD=1000 ASR_BACKEND_ONNXRUNTIME=$(CURDIR)/$(LIBRARY) go test -count=1 -timeout 20m -v -run '^TestLoad$$' ./e2e

# Take the pictures of doc/ anew, from the real pages; needs node, npm and chromium.
screenshots: build
	scripts/screenshots.sh doc/img

# Run the tests with the race detector, without those that take hours of audio.
race: library test-env
	ASR_BACKEND_TEST_STRICT=1 ASR_BACKEND_ONNXRUNTIME=$(CURDIR)/$(LIBRARY) scripts/race.sh -short -timeout 20m ./...

# Make the Python environment of the tests.
test-env:
	scripts/test-env.sh $(VENV)

# Measure how exact words and times of a model are, and write it into doc/accuracy.md.
accuracy: library
	go run ./scripts/accuracy -model $(MODEL) -write doc/accuracy.md

# Look for mistakes that compile. The tools are pinned in a module of their own.
lint:
	@test -z "$$(gofmt -l . | tee /dev/stderr)" || { echo "run gofmt -w on these files" >&2; exit 1; }
	go vet ./...
	cd tools && go build -o ../bin/staticcheck honnef.co/go/tools/cmd/staticcheck
	bin/staticcheck ./...

# The Python environment in which models are trained, exported and validated: 7 GB, made once.
MODEL_VENV := .cache/.venv-model

# Compare what the program hears with what NVIDIA's NeMo hears, and try the export of models.
validate: build
	models/env.sh $(MODEL_VENV)
	OMP_NUM_THREADS=1 ASR_BACKEND=$(CURDIR)/bin/asr-backend $(MODEL_VENV)/bin/python -m pytest -p no:cacheprovider -W ignore -q models

# Train, export, verify and hear a model of two minutes. SPEECH names a folder of training data.
model: build
	models/env.sh $(MODEL_VENV)
	PATH="$(CURDIR)/$(MODEL_VENV)/bin:$$PATH" models/small.sh .cache/model $(SPEECH)

# Build the container images without a container engine, and try them. Takes root, ten
# minutes the first time, and 6 GB; what it shows and what not stands in the script.
image-check:
	scripts/image-check.sh

clean:
	rm -rf bin $(VENV)
