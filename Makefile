# Targets for development; see README.md and CONTRIBUTING.md.

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LIBRARY := bin/libonnxruntime.so
VENV    := .venv-test
MODEL   := default
SAMPLE  := samples/reading.opus

.PHONY: accuracy bench cuda-standin gpu-check gpu-host faults faults-short run demo build library test e2e e2e-browser e2e-versions screenshots load waits race test-env lint validate model image-check clean

# Build the program, transcribe a recording, and serve Label Studio until Ctrl-C.
run: build
	@scripts/run.sh $(SAMPLE)

# The same with its own Label Studio: installs a pinned version into .cache (1 GB), starts
# both, creates a project with sample recordings, connects the two, and shows where to click.
# Ctrl-C stops everything; the next start continues from there.
demo: build
	@scripts/demo.py

# Build bin/asr-backend, with the library that it needs beside it.
build: library
	go build -trimpath -ldflags '-X main.version=$(VERSION)' -o bin/asr-backend ./cmd/asr-backend

# Download the pinned ONNX Runtime library.
library:
	scripts/library.sh $(LIBRARY)

# Run all tests, with the programs they compare with.
test: build test-env lint
	ASR_BACKEND_TEST_STRICT=1 ASR_BACKEND_ONNXRUNTIME=$(CURDIR)/$(LIBRARY) go test -timeout 20m ./...
	cd deploy/check && go vet . && go test .
	@$(MAKE) --no-print-directory e2e

# Test against a real Label Studio, which is installed into .cache (1 GB). HYBRID is the folder of a
# hybrid to serve in place of the tiny one, such as one of full size.
HYBRID :=
e2e: build
	scripts/label-studio.sh .cache/label-studio
	ASR_BACKEND_HYBRID=$(if $(HYBRID),$(abspath $(HYBRID))) ASR_BACKEND_ONNXRUNTIME=$(CURDIR)/$(LIBRARY) ASR_BACKEND_LABEL_STUDIO=$(CURDIR)/.cache/label-studio go test -count=1 -timeout 40m ./e2e

# The same against older versions of Label Studio, a GB each below .cache/label-studio-versions. Some
# minutes a version.
VERSIONS := 1.12.1 1.13.1 1.16.0 1.20.0 1.23.0
e2e-versions: build
	for version in $(VERSIONS); do \
		scripts/label-studio.sh .cache/label-studio-versions/$$version $$version && echo "Label Studio $$version" && \
		ASR_BACKEND_ONNXRUNTIME=$(CURDIR)/$(LIBRARY) ASR_BACKEND_LABEL_STUDIO=$(CURDIR)/.cache/label-studio-versions/$$version go test -count=1 -timeout 40m ./e2e || exit 1; \
	done

# Work on recordings of three hours in Label Studio's page. It takes half an hour; needs ffmpeg,
# node, npm and chromium. PICTURES=FOLDER keeps pictures of the page.
e2e-browser: build
	scripts/label-studio.sh .cache/label-studio
	scripts/browser.sh .cache/browser
	cp e2e/browser.mjs .cache/browser/
	ASR_BACKEND_PICTURES=$(if $(PICTURES),$(abspath $(PICTURES))) ASR_BACKEND_BROWSER=$(CURDIR)/.cache/browser ASR_BACKEND_ONNXRUNTIME=$(CURDIR)/$(LIBRARY) ASR_BACKEND_LABEL_STUDIO=$(CURDIR)/.cache/label-studio go test -count=1 -timeout 90m -v -run '^TestBrowser$$' ./e2e

# Test the way to a GPU on a machine without one: the real CUDA provider of ONNX Runtime, on
# libraries of our own in place of NVIDIA's. It downloads 256 MB into .cache, once.
CUDA_STANDIN := $(CURDIR)/.cache/cuda
cuda-standin: library
	scripts/cuda-standin.sh $(CUDA_STANDIN)
	ASR_BACKEND_ONNXRUNTIME=$(CURDIR)/$(LIBRARY) ASR_BACKEND_CUDA_STANDIN=$(CUDA_STANDIN) go test -count=1 -run CUDA ./asr/... ./service ./cmd/asr-backend ./scripts/gpu/...

# Measure the processor's work beside a GPU that takes no time, with the model of a folder.
gpu-host: library
	scripts/cuda-standin.sh $(CUDA_STANDIN)
	ASR_BACKEND_BENCH_MODEL=$(abspath $(MODEL_FOLDER)) ASR_BACKEND_ONNXRUNTIME=$(CURDIR)/$(LIBRARY) ASR_BACKEND_CUDA_STANDIN=$(CUDA_STANDIN) go test -run '^$$' -bench CUDAHost -benchtime 1x -count 7 -timeout 1h ./cmd/asr-backend

# Check a machine with a GPU, for which bin needs the program and ONNX Runtime for CUDA; see
# doc/gpu-check.md. Flags: make gpu-check GPU_CHECK="-provider cpu -quick"
gpu-check:
	CGO_ENABLED=0 go build -o bin/gpu-check ./scripts/gpu/check
	bin/gpu-check $(GPU_CHECK)

# Measure response times while a thousand recordings wait.
load: build
	ASR_BACKEND_LOAD=1000 ASR_BACKEND_ONNXRUNTIME=$(CURDIR)/$(LIBRARY) go test -count=1 -timeout 20m -v -run '^TestLoad$$' ./e2e

# Measure how long people wait while two recordings of two hours are being transcribed.
waits: build
	ASR_BACKEND_WAITS=5 ASR_BACKEND_ONNXRUNTIME=$(CURDIR)/$(LIBRARY) go test -count=1 -timeout 60m -v -run '^TestWaits$$' ./e2e

# Show what becomes of tasks when things go wrong: 1,000 kills and 10,000 tasks. It takes an
# hour or more, and prints the table of doc/reliability.md.
faults: build
	go run ./faults $(FAULTS)

# The same at small sizes, in about three minutes.
faults-short: build
	go run ./faults -short -parallel 4 $(FAULTS)

# Update the pictures of doc/ from the real pages; needs node, npm and chromium.
screenshots: build
	scripts/screenshots.sh doc/img

# Run the tests with the race detector, without those that take hours of audio.
RACE := ASR_BACKEND_TEST_STRICT=1 ASR_BACKEND_ONNXRUNTIME=$(CURDIR)/$(LIBRARY) scripts/race
# The tests of package service run one by one: the race detector crashes by itself there now and then
# (see race-crashed.sh), and only the test in which it does is repeated.
race: library test-env
	$(RACE).sh -short -timeout 40m $$(go list ./... | grep -v '/service$$')
	$(RACE)-each.sh ./service -test.short -test.timeout 20m

# Create the Python environment of the tests.
test-env:
	scripts/test-env.sh $(VENV)

# Measure the accuracy of words and word times, and update the tables of the documentation. HELD is
# the folder that models/train/clips.py has written, of speakers that the embedded model has not
# been trained on.
HELD :=
accuracy: library
	go run ./scripts/accuracy -model $(MODEL) $(if $(HELD),-held $(HELD)) -write doc/accuracy.md,doc/decoding.md,models/default/README.md

# Measure speeds as ratios, side by side, and update the tables of doc/performance.md. It takes a quarter
# of an hour on two cores that do nothing else, and keeps 1.6 GB in .cache. Peers that cannot be installed are
# left out. make bench BENCH=-quick only shows that it runs; make bench BENCH="-part bare -rounds 20" prints a
# table.
BENCH := -write doc/performance.md
bench: build
	-scripts/test-env.sh .cache/.venv-bench scripts/bench/requirements.txt
	go run ./scripts/bench $(BENCH)

# Check formatting and run static analysis. The tools are pinned in their own module.
lint:
	@test -z "$$(gofmt -l . | tee /dev/stderr)" || { echo "run gofmt -w on these files" >&2; exit 1; }
	go vet ./...
	cd tools && go build -o ../bin/staticcheck honnef.co/go/tools/cmd/staticcheck
	bin/staticcheck ./...

# The Python environment for training, exporting and validating models: 7 GB, created once.
MODEL_VENV := .cache/.venv-model

# Compare the program with NVIDIA's NeMo, and test the export of models and their fine-tuning.
validate: build
	models/env.sh $(MODEL_VENV)
	for tests in models/export models/train; do \
		OMP_NUM_THREADS=1 ASR_BACKEND=$(CURDIR)/bin/asr-backend $(MODEL_VENV)/bin/python -m pytest -p no:cacheprovider -W ignore -q $$tests || exit 1; \
	done

# Train a model for two minutes, export it, verify it and transcribe with it. SPEECH is a
# folder of training data.
model: build
	models/env.sh $(MODEL_VENV)
	PATH="$(CURDIR)/$(MODEL_VENV)/bin:$$PATH" models/small.sh .cache/model $(SPEECH)

# Build and test the container images without a container engine. Needs root, 6 GB, and ten
# minutes the first time; doc/status.md lists what it covers.
image-check:
	scripts/image-check.sh

clean:
	rm -rf bin $(VENV)
