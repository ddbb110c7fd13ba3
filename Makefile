# Every target is listed by `make help`. All of them do their own set-up.
SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

GO          ?= go
MVN         ?= mvn -q -B
BUILD       := build
VERSION     := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
COMMIT      := $(shell git rev-parse --short HEAD 2>/dev/null || echo unknown)
MODULE      := github.com/flink-on-mesos/flink-service
LDFLAGS     := -s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT)
DRIVER_JAR  := resources/resource-manager-driver/target/flink-mesos-driver.jar
EMBEDDED_JAR := resources/embedded/flink-mesos-driver.jar
DEMO_JAR    := resources/demo-job/target/flink-mesos-demo-job.jar
KAFKA_JOB   := tests/storage/kafka-job/target/kafka-job.jar
JAVA_MODULES := resources/resource-manager-driver resources/demo-job tests/storage/kafka-job
# The Flink releases that the driver is tested against, and those that run for real.
DRIVER_VERSIONS := 1.20.5 2.0.2 2.1.3 2.2.1 2.3.0
FLINK_VERSIONS  := 2.3.0,1.20.5
LINT        := $(GO) tool -modfile=tools/go.mod golangci-lint
FORMAT      := $(GO) tool -modfile=tools/go.mod gofumpt

##: Help

.PHONY: help
help: ## List the targets
	@echo "make demo shows that it works, make test that all of it does. Needed: Go 1.26, JDK 17 and Maven; the rest is fetched."
	@awk -F ':.*## ' '/^##: /{print "\n" substr($$0, 5) "\n"} /^[a-z0-9-]+:.*## /{printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

##: Try it

.PHONY: demo
demo: build demo-job ## The main job: a word count on Flink on a local Mesos (DEMO_INPUT, DEMO_KEEP=1, FLINK_VERSION)
	@mkdir -p $(BUILD)/bin && $(GO) build -o $(BUILD)/bin/ ./tests/demo ./internal/flink/dist/assemble && exec $(BUILD)/bin/demo

.PHONY: test
test: check driver-test e2e e2e-storage-short ## All tests: what CI runs
	@echo "all tests passed"

##: Parts

.PHONY: build
build: embed ## Build the service and the CLI plugin into build/
	@mkdir -p $(BUILD)
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BUILD)/flink-service ./service
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS) -X $(MODULE)/internal/cli.Version=$(VERSION)' -o $(BUILD)/dcos-flink ./cli-plugin

# The service carries the driver. Without Maven it is built all the same, and says at its start what it lacks.
.PHONY: embed
embed: ## Build the driver and put it where the service takes it from
	@if command -v $(firstword $(MVN)) >/dev/null; then $(MAKE) driver && { cmp -s $(DRIVER_JAR) $(EMBEDDED_JAR) || cp $(DRIVER_JAR) $(EMBEDDED_JAR); }; \
		elif [ -e $(EMBEDDED_JAR) ]; then :; \
		else echo "there is no Maven: the service is built without the resource manager driver"; fi

.PHONY: driver
driver: $(DRIVER_JAR) ## Build the Java resource manager driver

$(DRIVER_JAR): $(shell find resources/resource-manager-driver -name '*.java' -path '*main*' 2>/dev/null) resources/resource-manager-driver/pom.xml
	$(MVN) -f resources/resource-manager-driver -DskipTests package

.PHONY: demo-job
demo-job: $(DEMO_JAR) ## Build the job jar of the demo and the tests; its Recorder writes down what becomes of a job

$(DEMO_JAR): $(shell find resources/demo-job -name '*.java' 2>/dev/null) resources/demo-job/pom.xml
	$(MVN) -f resources/demo-job -DskipTests package

.PHONY: flink
flink: driver ## Assemble Flink 2.3 and 1.20 into build/flink, prepared for this Java (FLINK_VERSION, FLINK_SLIM=1, FLINK_MODULES, FLINK_PLUGINS, FLINK_VARIANT; FLINK_DIST takes an existing Flink)
	@archives=$$(FLINK_VERSION=$(if $(FLINK_DIST),,$(or $(FLINK_VERSION),$(FLINK_VERSIONS))) $(GO) run ./internal/flink/dist/assemble) && \
		$(GO) run ./internal/flink/appcds/prepare $$archives

.PHONY: java
java: flink ## Make the Java runtime of the DC/OS package, and Flink's classes prepared for it, from the JDK 17 of this machine
	@$(GO) run ./internal/flink/jre/assemble

.PHONY: docs
docs: ## Write docs/configuration.md, docs/cli.md and docs/api-reference.md from the code
	$(GO) test ./internal/config -run Document -update
	$(GO) test ./internal/cli -run Document -update
	$(GO) test ./internal/api -run Reference -update

SITE := $(BUILD)/site-venv

.PHONY: docs-site
docs-site: $(SITE)/ready ## Make the documentation a site with search in build/site
	NO_MKDOCS_2_WARNING=1 $(SITE)/bin/mkdocs build -q --strict -f tools/site/mkdocs.yml
	@echo "the documentation is in $(BUILD)/site; look at it, with search: python3 -m http.server -d $(BUILD)/site -b 127.0.0.1 8000"

$(SITE)/ready: tools/site/requirements.txt
	@mkdir -p $(BUILD) && python3 -m venv $(SITE) || { echo "python3 with venv is needed (Debian: apt-get install python3-venv)"; exit 1; }
	$(SITE)/bin/pip install -q --disable-pip-version-check -r tools/site/requirements.txt
	@touch $@

##: Checks

.PHONY: check
check: java-format-check promtool ## The fast half: format, vet, lint, unit tests with the race detector, simulations; no Flink
	@test -z "$$($(FORMAT) -l . | tee /dev/stderr)" || { echo "run: make format"; exit 1; }
	$(GO) vet ./...
	$(LINT) run ./...
	$(GO) test -race -timeout 10m ./...

# What checks the rules for Prometheus. Without it, and without the right to install it, those tests skip themselves.
.PHONY: promtool
promtool:
	@command -v promtool >/dev/null || apt-get install -y -q --no-install-recommends prometheus >/dev/null 2>&1 || echo "there is no promtool: the rules for Prometheus are not checked"

.PHONY: format
format: ## Format the code
	$(FORMAT) -w .
	@for m in $(JAVA_MODULES); do $(MVN) -f $$m spotless:apply || exit 1; done

.PHONY: java-format-check
java-format-check:
	@for m in $(JAVA_MODULES); do $(MVN) -f $$m spotless:check || { echo "run: make format"; exit 1; }; done

.PHONY: driver-test
driver-test: java-format-check ## Test the Java driver against each Flink release that it supports
	@for v in $(DRIVER_VERSIONS); do echo "driver with Flink $$v"; $(MVN) -f resources/resource-manager-driver -Dflink.version=$$v test || exit 1; done

.PHONY: e2e
e2e: build demo-job java promtool ## Real Flink of both versions on local Mesos, and the page in a real Chromium, or on E2E_MESOS_MASTER=host:port
	@for p in chromium-headless-shell chromium chromium-browser google-chrome; do command -v $$p >/dev/null && exit 0; done; apt-get install -y -q chromium >/dev/null
	@mkdir -p $(BUILD)
	FLINK_REAL=1 $(GO) test -timeout 60m -count=1 -p 1 ./tests/browser ./tests/upload ./tests/e2e/... ./internal/flink/... ./internal/autoscale/... ./internal/testkit/jobmanager/... 2>&1 | tee $(BUILD)/e2e.log || \
		{ echo; echo "what failed ($(BUILD)/e2e.log has the logs of every process):"; grep -A3 -E '^ *--- FAIL|^ +[a-z_]+_test\.go:[0-9]+: |^panic: ' $(BUILD)/e2e.log | cut -c1-1000; exit 1; }

# What the storage tests install when it is missing: MIT's KDC with its clients, and Python's environments.
.PHONY: storage-systems
storage-systems:
	@if ! { command -v kinit && command -v python3 && python3 -c 'import ensurepip' && test -x /usr/sbin/krb5kdc && test -x /usr/sbin/kadmin.local; } >/dev/null 2>&1; then \
		install="apt-get install -y -q --no-install-recommends krb5-kdc krb5-admin-server krb5-user python3-venv"; export DEBIAN_FRONTEND=noninteractive; \
		$$install >/dev/null 2>&1 || { apt-get update -q >/dev/null && $$install >/dev/null; }; fi

STORAGE_TEST := FLINK_REAL=1 $(GO) test -count=1 -p 1

.PHONY: e2e-storage-short
e2e-storage-short: build demo-job flink storage-systems
	$(STORAGE_TEST) -timeout 15m -short -run 'TestS3|TestHDFS|TestKerberos' ./tests/storage

$(KAFKA_JOB): $(shell find tests/storage/kafka-job -name '*.java' 2>/dev/null) tests/storage/kafka-job/pom.xml
	$(MVN) -f tests/storage/kafka-job -DskipTests package

# The line 1.20 of this repository has its plugins, tables and Python in 1.20.0 only.
.PHONY: e2e-storage
e2e-storage: build demo-job flink storage-systems $(KAFKA_JOB) ## The specs of docs/storage.md and docs/programs.md on S3, HDFS, Kerberos, RocksDB, Kafka, PyFlink, Java 21 and 25 (E2E_RUN=TestName for some)
	@$(GO) run ./internal/flink/dist/assemble -version 1.20.0 -dir $(BUILD)/flink-1.20.0
	$(STORAGE_TEST) -timeout 80m -v $(if $(E2E_RUN),-run '$(E2E_RUN)') ./internal/testkit/hdfs ./internal/testkit/kafka ./tests/storage
	FLINK_DISTRIBUTIONS=$(CURDIR)/$(BUILD)/flink-1.20.0 $(STORAGE_TEST) -timeout 40m -v -run '$(or $(E2E_RUN),TestS3|TestSQLClient|TestPython)' ./tests/storage

# Where the tests' master is not their own: three agents of one host name, as on one machine with a real Mesos.
THREE_AGENTS := LOCALMESOS_LISTEN=127.0.0.1:15050 LOCALMESOS_AGENTS=3 LOCALMESOS_HOSTNAME=127.0.0.1 LOCALMESOS_CPUS=16 LOCALMESOS_MEM=8192 LOCALMESOS_PORTS=25000-25899

.PHONY: e2e-three-agents
e2e-three-agents: build demo-job flink ## The end-to-end tests with a master that is not theirs, and three agents of one host name (E2E_RUN=TestName for some)
	@dir=$$(mktemp -d) && { $(THREE_AGENTS) LOCALMESOS_WORK_DIR=$$dir $(BUILD)/flink-service local-mesos >$(BUILD)/three-agents.log 2>&1 & mesos=$$!; \
		trap "kill $$mesos; wait $$mesos; rm -rf $$dir" EXIT; \
		E2E_MESOS_MASTER=127.0.0.1:15050 FLINK_REAL=1 $(GO) test -timeout 50m -count=1 -p 1 -v $(if $(E2E_RUN),-run '$(E2E_RUN)') ./tests/e2e; }

.PHONY: e2e-changes
e2e-changes: build demo-job flink ## Change running jobs of real Flink in every way, in each kind of cluster, allocation and upgrade mode: hours (E2E_CHANGES=job-dynamic-last-state-ha for one of them)
	FLINK_REAL=1 E2E_CHANGES=$(or $(E2E_CHANGES),all) $(GO) test -timeout 8h -count=1 -v -run TestChanges ./tests/e2e

.PHONY: bench
bench: build demo-job java ## Measure beside others; writes build/bench.json
	@command -v nginx >/dev/null || apt-get install -y -q nginx-light >/dev/null
	$(GO) run ./tests/bench

.PHONY: soak
soak: e2e-changes ## The simulations at length: 5,000 rounds of chaos and 20 turns of crash points in virtual time, 200 kill -9 with 1,000 tasks in each store, 100,000 random histories (SIM_ROUNDS, SIM_SEED); and e2e-changes
	$(GO) test -count=1 -timeout 1h -run TestRandomHistories -v ./internal/core -rapid.checks=100000
	SIM_ROUNDS=$(or $(SIM_ROUNDS),5000) $(GO) test -count=1 -timeout 3h -v -parallel 8 ./tests/sim

.PHONY: clean
clean: ## Remove what was built; the fetched Flink stays in Maven's own cache
	rm -rf $(BUILD) resources/*/target $(EMBEDDED_JAR)

##: The DC/OS package

# The address under which the release will be found: a repository served from elsewhere needs its own.
UNIVERSE_URL    ?= http://127.0.0.1:8998
UNIVERSE_LISTEN ?= 0.0.0.0:8998

.PHONY: universe
universe: driver flink java ## Build the DC/OS package into build/universe: programs, driver, Flink, repository (UNIVERSE_URL)
	$(GO) run ./internal/universe/release build -url $(UNIVERSE_URL) -commit $(COMMIT)

.PHONY: universe-serve
universe-serve: universe ## Serve the DC/OS package for `dcos package repo add` (UNIVERSE_LISTEN)
	$(GO) run ./internal/universe/release serve -url $(UNIVERSE_URL) -listen $(UNIVERSE_LISTEN)
