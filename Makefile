# Trunkline. `make help` lists the targets; `make run` and `make test` do everything, their own set-up included.
# ARGS passes options on: make run ARGS="--sip-port 5080", make test ARGS="tests/unit -k digest".

# PROCESSES=0 runs the tests one after the other. One more than there are cores: half of a test's time is audio that
# takes its time.
ARGS ?=
PROCESSES ?= $(shell expr `nproc` + 1)
SET_UP := local/setup/set_up.sh
BIN := .venv/bin
export PYTHONPATH := layers/trunking:functions:bridge_container:.
export PYTHONUNBUFFERED := 1

.PHONY: help run demo stop test check format bench clean

help: ## This list
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 18

run: ## Start the whole stack on this machine and say how to call it (PLATFORM=stream: calls in a local Stream)
	@$(SET_UP) run
	@exec $(BIN)/python -m local run --stop-with-parent $(if $(PLATFORM),--platform $(PLATFORM)) $(ARGS)

demo: ## Place a real SIP call with real audio and report what each side heard
	@$(SET_UP) demo
	@exec $(BIN)/python -m local demo $(ARGS)

stop: ## Stop a stack that `make run` started elsewhere
	@exec $(BIN)/python -m local stop $(ARGS)

test: ## Run all the tests that need nothing but this machine
	@$(SET_UP) test
	@exec $(BIN)/python -m pytest --numprocesses $(PROCESSES) --dist loadfile $(ARGS)

check: ## Linters, strict types, and the template's checks
	@$(SET_UP) test
	@$(SET_UP) sam
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m local.setup.template_checks

format: ## Format the code and sort the imports
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: ## Run the benchmarks (minutes; wants an idle machine)
	@$(SET_UP) run
	@for benchmark in $(if $(ARGS),$(ARGS),$(patsubst benchmarks/%/__main__.py,%,$(wildcard benchmarks/*/__main__.py))); do \
	  echo "== $$benchmark"; $(BIN)/python -m benchmarks.$$benchmark || exit 1; done

clean: ## Remove what set-up and runs made, the local stack's state included
	rm -rf .venv .venv-sam .trunkline .mypy_cache .pytest_cache .ruff_cache .hypothesis
