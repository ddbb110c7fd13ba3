# Every target is listed by `make help`. All of them do their own set-up.
SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
.DEFAULT_GOAL := help

GO          ?= go
MVN         ?= mvn -q -B
BUILD       := build
VERSION     := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS     := -s -w -X github.com/flink-on-mesos/flink-service/internal/app.Version=$(VERSION)
PACKAGES    := ./...
DRIVER_JAR  := resources/resource-manager-driver/target/flink-mesos-driver.jar
DEMO_JAR    := resources/demo-job/target/flink-mesos-demo-job.jar
LINT        := $(BUILD)/tools/golangci-lint
FLINK_VERSION ?= 2.3

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build the service and the CLI plugin into build/
	@mkdir -p $(BUILD)
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BUILD)/flink-service ./service
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BUILD)/dcos-flink ./cli-plugin

.PHONY: driver
driver: $(DRIVER_JAR) ## Build the Java resource manager driver

$(DRIVER_JAR): $(shell find resources/resource-manager-driver -name '*.java' -path '*main*' 2>/dev/null) resources/resource-manager-driver/pom.xml
	$(MVN) -f resources/resource-manager-driver -DskipTests package

.PHONY: demo-job
demo-job: $(DEMO_JAR) ## Build the job jar of the demo and the tests

$(DEMO_JAR): $(shell find resources/demo-job -name '*.java' 2>/dev/null) resources/demo-job/pom.xml
	$(MVN) -f resources/demo-job -DskipTests package
