# Everything here is a short name for a command or a script; see CONTRIBUTING.md.
.DEFAULT_GOAL := help
.PHONY: help run demo build test bench bench-scale lint format docs

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: build ## Start a hub, a gateway and a fake BigPanda on loopback; Ctrl-C stops them
	@.ci/tools.sh grpcurl
	@clients/demo/run.sh

demo: build ## One webhook's whole round trip, with a crash of the hub in the middle; 30 seconds
	@.ci/tools.sh grpcurl
	@clients/demo/demo.sh

build: ## Install what is missing and build the binaries into build/release/bin
	@.ci/setup.sh
	@.ci/build.sh release incident-hub incident-gateway incidentctl fake-bigpanda

test: ## Build everything, and run all tests
	@.ci/setup.sh
	@.ci/tools.sh grpcurl nginx
	@.ci/build.sh release
	@.ci/test.sh release

bench: ## Build and measure, beside bare servers and others, in 10 minutes; OUTPUT=PREFIX keeps the results
	@.ci/setup.sh
	@.ci/tools.sh alertmanager etcd nats
	@.ci/build.sh release incident-hub incident-gateway incidenthub-load
	@.ci/bench.sh $(OUTPUT)

bench-scale: ## Build and measure what grows with how much is held, up to 1,000,000 incidents, into build/bench/scale.*; a quarter of an hour
	@.ci/setup.sh
	@.ci/build.sh release incident-hub incidenthub-scale
	@mkdir -p build/bench
	@build/release/tests/incidenthub-scale --output=build/bench/scale

lint: ## clang's thread-safety analysis, clang-format, clang-tidy, buf, shellcheck, the manifests
	@.ci/setup.sh
	@.ci/tools.sh buf k8scheck promtool
	@.ci/lint.sh
	@.ci/k8s.sh

docs: ## Write proto/ERRORS.md and proto/ACCESS.md from their tables
	@.ci/setup.sh
	@.ci/build.sh release write_errors_markdown write_access_markdown
	@build/release/bin/write_errors_markdown proto/ERRORS.md
	@build/release/bin/write_access_markdown proto/ACCESS.md

format: ## Format C++ and protos in place
	@.ci/setup.sh
	@.ci/tools.sh buf
	@.ci/lint.sh --fix
