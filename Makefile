# Everything a person or CI runs. Needs Python >= 3.11 and make; the targets install the rest under .venv and build/.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
CDK    := $(BIN)/python -m infra.cdk
# A project of its own (`ingest init DIR`) has its feeds and settings in files outside the checkout.
OWN    := $(if $(FEEDS),-c feeds=$(abspath $(FEEDS))) $(if $(SETTINGS),-c settings=$(abspath $(SETTINGS)))

# The tests of the load test, which judges the product: its scenarios, its benches, its runs on AWS.
LOADTEST := tests/loadtest tests/e2e/test_scenarios.py tests/e2e/test_aws_target.py

# Where end-to-end tests are: to collect all others, too, takes each of pytest's processes half a minute.
WITH_E2E = $(shell grep -rl --include='test_*.py' --exclude-dir=arm64 'mark\.e2e' $(1))
OF_OTHERS = $(foreach path,$(LOADTEST),$(path) $(path)/%)

# How long `make nightly` looks, and with how many processes.
MINUTES ?= 60
JOBS    ?= 2

# Of bandit's findings: asserts, which state what is known and check no input. And in what is never shipped,
# the emulator's password "test", random rows, and programs started without a shell by lists of our own words.
LET_PASS           := B101
LET_PASS_UNSHIPPED := B105,B106,B311,B404,B603,B607

# Without bytecode each process compiles all that it imports: a test run took twice the time.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup setup-demo demo test test-loadtest nightly judge arm64 check audit docs synth deploy destroy template clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install all that tests and checks need (the other targets call what they need themselves)
	@$(PYTHON) -m infra.setup dev

setup-demo:
	@$(PYTHON) -m infra.setup demo

demo: setup-demo ## Load sample_data.csv in the local stack and show the result of every row
	@$(BIN)/python -m infra.local demo

test: setup ## Run the tests, the fast ones first; then the end-to-end tests in the local stack, with either writer and with IAM
	$(BIN)/python -m pytest -q -n 3 --dist worksteal -m "not e2e and not judge" --ignore tests/infra --ignore tests/loadtest
	$(BIN)/python -m pytest -q -n 2 --dist loadfile -m "not e2e and not nightly" tests/infra
	$(BIN)/python -m pytest -q -n 4 --dist loadgroup -m "e2e and not nightly" $(filter-out $(OF_OTHERS),$(call WITH_E2E,tests))
	$(BIN)/python -m pytest -q -m any_writer --writer boto3 --iam tests/e2e/test_local_stack.py tests/e2e/test_operating.py

test-loadtest: setup ## Run the tests of the load test: the ten scenarios in small, chaos, the benches, runs on AWS (in the local stack)
	$(BIN)/python -m pytest -q -n 2 --dist loadfile -m "not e2e and not nightly" tests/loadtest
	$(BIN)/python -m pytest -q -n 4 --dist loadgroup -m "e2e and not nightly" $(call WITH_E2E,$(LOADTEST))

nightly: setup ## Try new examples of each property, and of the fuzz target, in rounds for MINUTES (60)
	$(BIN)/python -m pytest -q -n $(JOBS) --dist loadgroup -m nightly tests/e2e tests/infra
	@end=$$(( $$(date +%s) + 60 * $(MINUTES) )); while [ $$(date +%s) -lt $$end ]; do \
		HYPOTHESIS_PROFILE=nightly $(BIN)/python -m pytest -q -n $(JOBS) --dist worksteal -m "hypothesis and not e2e and not judge" tests && \
		$(BIN)/python -m tests.fuzz.fuzz_reading --runs 10000 || exit 1; done

judge: setup ## Run limit cases and the local stack's tests against DynamoDB Local, Amazon's own emulator (see its licence)
	$(BIN)/python -m pytest -q -m judge tests/judge
	$(BIN)/python -m pytest -q -m e2e --dynamodb local tests/e2e/test_local_stack.py

arm64: setup ## Run the zip as Lambda will, on an emulated arm64 processor (Debian or Ubuntu; the first run fetches 100 MB)
	$(BIN)/python -m pytest -q -m arm64 tests/arm64

check: setup ## Run the linters and the type checker, and look for what a security review would find
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/bandit --quiet --recursive app.py ingest --skip $(LET_PASS)
	$(BIN)/bandit --quiet --recursive infra loadtest --skip $(LET_PASS),$(LET_PASS_UNSHIPPED)
	$(BIN)/python -m infra.lint

audit: setup ## Ask PyPI's advisory database about each pinned package (not part of CI: needs PyPI itself)
	$(BIN)/python -m infra.audit

docs: setup ## Write what the pages of docs/ take from the code, and the pictures of the dashboard
	$(BIN)/python -m tests.docs.pages
	$(BIN)/python -m pytest -q tests/docs/test_examples.py --write-examples
	$(BIN)/python -m infra.monitoring.picture

synth: setup-demo ## Write the CloudFormation template to cdk.out (no AWS account needed); FEEDS=path of feeds.toml
	$(CDK) synth --quiet $(OWN)

deploy: setup-demo ## Deploy the stack to the AWS account your credentials name; FEEDS=path of feeds.toml
	$(CDK) deploy $(OWN)

destroy: setup-demo ## Remove the stack; tables and buckets with data stay unless cdk.json says otherwise
	$(CDK) destroy $(OWN)

template: setup-demo ## Write template and zip for a deployment without the CDK to dist/; measure sizes and cold start
	@$(BIN)/python -m infra.plain
	@echo
	@$(BIN)/python -m loadtest bench cold-start --repeat 5 --zip "$$($(BIN)/python -m infra.bundle --host)" --out build/cold_start.json

clean: ## Remove everything the targets made
	rm -rf $(VENV) build dist cdk.out
