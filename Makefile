# Keyhush. `make` alone says what there is to make; README.md says the rest.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# Where rustup puts cargo, also in a shell that was open before rustup came.
export PATH := $(HOME)/.cargo/bin:$(PATH)

# Cargo's build directory, wherever it is.
TARGET := $(or $(CARGO_TARGET_DIR),target)

BUILD_PACKAGES := gcc libc6-dev libclang-dev libdpdk-dev pkg-config
LIVE_PACKAGES := baresip-core chromium chromium-driver ethtool ffmpeg fonts-dejavu-core iproute2 multimon-ng python3-pip sip-tester \
	sox tshark util-linux
BENCH_PACKAGES := dpdk-dev
# Other people's receivers, which the tests set ours beside.
PEER_PACKAGES := libspandsp-dev multimon-ng
# A token, and an authority for time stamps.
PROOF_PACKAGES := openssl softhsm2

# Other people's PSPs, which the adapters are tried against: Prism from npm and localstripe from PyPI.
PSP_PEERS := $(TARGET)/tools/prism/installed $(TARGET)/tools/localstripe/installed
export KEYHUSH_TOOLS := $(abspath $(TARGET)/tools)

# Cargo ends with its recipe, and what cargo starts with cargo, however that comes about.
BOUND := setpriv --pdeathsig TERM cargo --config 'target."cfg(unix)".runner = ["setpriv", "--pdeathsig", "KILL"]'

# A second verifier of recordings, with the cryptography that Python's people use.
VERIFIER := $(TARGET)/tools/verify/installed

# The whole workspace, and in it a binary that tests may make fail.
ALL := --locked --workspace --features keyhush/test-hooks

# What tests of pages look for faults with.
AXE := $(TARGET)/tools/axe/axe_playwright_python/axe.min.js

# The tests with real telephones, one after the other.
LIVE := $(BOUND) test $(ALL) --test live -- --test-threads=1

# Temporary files of tests, DPDK's included, go where an interrupt removes them. Some tests open thousands of connections,
# and an ordinary user has 1024 files.
SWEPT = ulimit -S -n 4096; own=$$(mktemp --directory); chmod 755 "$$own"; trap 'rm -rf "$$own"' EXIT; TMPDIR=$$own RUNTIME_DIRECTORY=$$own

.PHONY: help
help: ## Say what there is to make
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

.PHONY: demo
demo: rust build-packages live-packages $(AXE) ## Let two telephones call each other through Keyhush, key card numbers and pay
	cargo build --locked -p keyhush -p keyhush-tests --bin keyhush --bin demo
	@setpriv --pdeathsig KILL $(TARGET)/debug/demo

.PHONY: demo-live
demo-live: rust build-packages live-packages ## Leave the agent's page and two telephones to you, until Ctrl-C
	cargo build --locked -p keyhush -p keyhush-tests --bin keyhush --bin demo
	@setpriv --pdeathsig KILL $(TARGET)/debug/demo live

.PHONY: test
test: live-packages peer-packages proof-packages $(AXE) $(PSP_PEERS) $(VERIFIER) lint ## Run every test
	# Without DPDK nothing may look for it.
	PKG_CONFIG=/bin/false cargo build --locked -p keyhush --no-default-features
	cargo build $(ALL) --bins
	$(SWEPT) $(BOUND) test $(ALL)
	$(LIVE)

.PHONY: test-long
test-long: test $(TARGET)/tools/bin/cargo-deny ## Run every test, longer, and the policy for dependencies
	$(TARGET)/tools/bin/cargo-deny --locked check bans licenses sources
	$(SWEPT) PROPTEST_CASES=20000 KEYHUSH_LONG=1 $(BOUND) test $(ALL)
	KEYHUSH_LONG=1 KEYHUSH_LIVE_CALLS=6000 $(LIVE)

.PHONY: bench
bench: rust build-packages ## Measure the pipeline beside DPDK's testpmd
	@tests/install-packages $(BENCH_PACKAGES)
	$(SWEPT) $(BOUND) run --locked --release -p keyhush-perf

.PHONY: lint
lint: rust build-packages ## Check format and lints
	cargo fmt --all --check
	cargo clippy $(ALL) --all-targets -- -D warnings
	cargo clippy $(ALL) --test live -- -D warnings

.PHONY: fmt
fmt: rust ## Format the code
	cargo fmt --all

.PHONY: clean
clean: rust ## Remove everything that was built
	cargo clean

# Of the whole package one file is used, and nothing is run. Debian's own Python: another may come without pip.
$(AXE): tests/axe-core.txt | live-packages
	rm -rf $(TARGET)/tools/axe
	/usr/bin/python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore --no-deps --no-compile --require-hashes \
		--target $(TARGET)/tools/axe --requirement tests/axe-core.txt
	touch $@

$(TARGET)/tools/bin/cargo-deny: | rust build-packages
	cargo install --locked cargo-deny --root $(TARGET)/tools

# Its lock names no registry: npm asks the one that it is set up for.
$(TARGET)/tools/prism/installed: tests/psp_peers/package.json tests/psp_peers/package-lock.json
	@command -v npm >/dev/null || tests/install-packages npm
	mkdir -p $(@D)
	cp $^ $(@D)
	npm ci --prefix $(@D) --ignore-scripts --no-audit --no-fund
	touch $@

$(TARGET)/tools/localstripe/installed: tests/psp_peers/requirements.txt
	@python3 -c 'import ensurepip, venv' 2>/dev/null || tests/install-packages python3-venv
	python3 -m venv --clear $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --requirement $<
	touch $@

$(VERIFIER): tests/verify/requirements.txt
	@python3 -c 'import ensurepip, venv' 2>/dev/null || tests/install-packages python3-venv
	python3 -m venv --clear $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --requirement $<
	touch $@

.PHONY: build-packages
build-packages: rust
	@tests/install-packages $(BUILD_PACKAGES)

.PHONY: live-packages
live-packages: rust
	@tests/install-packages $(LIVE_PACKAGES)

.PHONY: peer-packages
peer-packages: rust
	@tests/install-packages $(PEER_PACKAGES)

.PHONY: proof-packages
proof-packages: rust
	@tests/install-packages $(PROOF_PACKAGES)

.PHONY: rust
rust:
	@if ! command -v cargo >/dev/null; then \
		echo "Rust is needed, by rustup. As the user who builds:"; \
		echo "  curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y --profile minimal"; \
		exit 1; \
	elif ! said=$$(cargo --version 2>&1); then \
		echo "$$said"; \
		echo "The toolchain that rust-toolchain.toml names is needed: rustup toolchain install"; \
		exit 1; \
	fi >&2
