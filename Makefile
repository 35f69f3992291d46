# make demo   compare four strategies in simulation, and write a report of it (installs the core only)
# make test   run the tests (installs Ray, torch and torchvision too)
# make test-all  run the long ones, too, before a release
# make lint   ruff, mypy and the linter of prose
# make docs   build the docs as a site, in build/docs/site, and check its links
# make reference  write the pages of docs/reference and the schema of scenarios, from the code
# make bench  pytest-benchmark reports
# make release  build the wheel, and try it in an environment that has nothing else

VENV ?= .venv
PYTHON ?= python3
BIN = $(VENV)/bin
PIP = $(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: demo test test-all lint docs reference bench release clean

demo: $(VENV)/.core
	@out=results/demo-$$(date +%Y%m%d-%H%M%S); \
	echo "hetsched compare examples/demo.toml --out $$out"; \
	$(BIN)/hetsched compare examples/demo.toml --out $$out && $(BIN)/hetsched report $$out

# The tests that start Ray take as long as all others, which run beside them and report last. Only files with tests on
# Ray are read for them.
test: $(VENV)/.full
	@echo "running all other tests beside those on Ray; their report comes last"
	@$(BIN)/pytest -m "not on_ray and not exhaustive" > $(VENV)/others.log 2>&1 & others=$$!; \
	$(BIN)/pytest -m "on_ray and not exhaustive" tests/on_ray $$(grep -rl mark.on_ray tests --include='*.py'); \
	on_ray=$$?; \
	wait $$others; others=$$?; \
	cat $(VENV)/others.log; \
	exit $$((on_ray | others))

# Before a release: what proves little more at great cost, too. It takes hours.
test-all: $(VENV)/.full
	HYPOTHESIS_PROFILE=exhaustive $(BIN)/pytest

lint: $(VENV)/.full
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m documentation.prose

# Once Zensical is installed, nothing is fetched.
docs: $(VENV)/.docs
	$(BIN)/python -m documentation.site

reference: $(VENV)/.core
	$(BIN)/python -m documentation.reference

bench: $(VENV)/.full
	$(BIN)/pytest benchmarks --benchmark-only

# The wheel is built from the source archive, so an archive that lacks a file is found, too.
release: $(VENV)/.core
	$(PIP) build
	rm -rf dist $(VENV)/release
	$(BIN)/python -m build
	$(PYTHON) -m venv $(VENV)/release
	$(VENV)/release/bin/pip install --quiet --disable-pip-version-check --constraint constraints.txt dist/*.whl
	cd $(VENV)/release && bin/hetsched compare demo --seeds 2
	@echo "dist/ is ready"

# A stamp says what is installed, so that a second run installs nothing.
$(VENV)/.core: pyproject.toml constraints.txt
	test -d $(VENV) || $(PYTHON) -m venv $(VENV)
	@echo "installing the core into $(VENV)"
	$(PIP) --editable .
	touch $@

$(VENV)/.full: pyproject.toml constraints.txt
	test -d $(VENV) || $(PYTHON) -m venv $(VENV)
	@echo "installing everything into $(VENV): with torch, this is several GB"
	$(PIP) --editable '.[real,dev]'
	touch $(VENV)/.core $@

$(VENV)/.docs: pyproject.toml constraints.txt $(VENV)/.core
	$(PIP) --editable '.[docs]'
	touch $@

clean:
	rm -rf $(VENV)
