# On Windows, or without make: README.md has the same as three commands.
# Only relative paths here: the folder's own may hold a space, which make cannot quote.
PYTHON ?= python3
RUN = .venv/bin/python
# Threads that spin while they wait are slow on a machine with anything else to do.
export OMP_WAIT_POLICY ?= passive

.PHONY: help setup reproduce test lab demo doctor clean

help:
	@echo "make reproduce   run every notebook; executed copies in build/notebooks, pictures in figures"
	@echo "make test        lint, types, unit tests, notebooks compared with what is committed"
	@echo "make lab         open the notebooks in JupyterLab"
	@echo "make demo        the panel for class, full screen in the browser"
	@echo "make doctor      what is installed, what is missing"
	@echo "make clean       delete .venv, build and the caches"
	@echo "All of them first make .venv. Another Python: make PYTHON=python3.12 ..."

setup:
	@command -v "$(PYTHON)" >/dev/null || { \
	  echo "set-up: no $(PYTHON) here: install Python 3.11 to 3.13, or say which: make PYTHON=..." >&2; \
	  exit 1; }
	@"$(PYTHON)" tools/setup_env.py

reproduce: setup
	@$(RUN) -m colorlib.reproduce $(ARGS)

test: setup
	@$(RUN) tools/check.py

lab: setup
	@$(RUN) -m jupyterlab --LabApp.default_url=/lab/tree/notebooks \
	  --LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate --LabApp.news_url=None \
	  --LabApp.extension_manager=readonly $(ARGS)

demo: setup
	@$(RUN) -m colorlib.panel.demo $(ARGS)

doctor: setup
	@$(RUN) -m colorlib.doctor

clean:
	rm -rf .venv build *.egg-info .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
