# Contributors' shortcuts; ./run needs no make.
PYTHON := .venv/bin/python
COMPILE := uv pip compile -q pyproject.toml --extra embedded --extra tracing --universal \
	--generate-hashes --python-version 3.11 --no-header --no-annotate

.PHONY: check fix fast order-test-long faults bench catalogue messages screenshots lock \
	run salesforce-demo help

check: ## all that CI runs, up to the first failure (the default)
	./run test

fix: ## let the formatter and the linter mend what they can
	$(PYTHON) -m ruff format . run
	$(PYTHON) -m ruff check --fix . run

fast: ## the tests without a browser, up to the first failure
	./run test -m "not browser" -x -q

order-test-long: ## two minutes of adversaries against the order of the log
	ANNALS_ORDER_SECONDS=120 $(PYTHON) -m pytest tests/eventstore/test_order.py -s

faults: ## kill what an installation runs on, part by part (ONLY=Worker: a part)
	$(PYTHON) -m tests.faults $(if $(ONLY),--only "$(ONLY)")

bench: ## measure against the bare database and peers (ONLY=append: a part)
	$(PYTHON) -m benchmarks $(if $(ONLY),--only $(ONLY),--write)

catalogue: ## write docs/reference/events.md anew from the event classes
	$(PYTHON) manage.py event_catalogue > docs/reference/events.new
	mv docs/reference/events.new docs/reference/events.md

screenshots: ## take the pictures of README and docs anew (needs Chromium)
	$(PYTHON) -m tests.screenshots

messages: ## bring the catalogues of languages up to the strings of the code
	$(PYTHON) -m tests.messages

lock: ## pin the dependencies anew (needs uv)
	$(COMPILE) -o requirements.lock
	$(COMPILE) --group dev -c requirements.lock -o requirements-dev.lock

run: ## start everything
	./run

salesforce-demo: ## a Salesforce of our own, and an Annals that reads it
	@./run test --version
	$(PYTHON) -m tests.salesforce $(DEMO)

help: ## these lines
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-16s %s\n", $$1, $$2}' Makefile
