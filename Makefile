PYTHON ?= python3
export PYTHONHASHSEED ?= 0

.PHONY: demo test lint bench clean

demo: .venv/ready
	.venv/bin/allonge demo

test: .venv/ready
	.venv/bin/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

lint: .venv/ready
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports

bench: .venv/ready
	.venv/bin/allonge bench

# The hashes in the lock file decide what is installed; the project itself is
# installed last and editable, so that .venv/bin/allonge runs the checkout.
.venv/ready: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --require-hashes -r requirements.lock
	PYTHONWARNINGS=ignore .venv/bin/python -m pip install --quiet \
		--no-build-isolation --no-deps -e .
	touch $@

clean:
	rm -rf .venv build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
