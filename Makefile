# Everything runs in .venv, which deploy/setup.sh makes and keeps: it takes seconds when nothing has changed.
SHELL := /bin/bash
.DEFAULT_GOAL := help
# Two files of tests at once, each in one process; the end-to-end ones, which take longest, first.
PYTEST := pytest -n 2 --dist loadfile --no-loadscope-reorder

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile | expand -t 22

setup: ## the environment in .venv: packages, Horovod, Delta's jars
	@deploy/setup.sh

demo: setup ## the whole pipeline on a sample corpus, to a report
	@source .venv/bin/activate && deploy/demo.sh

# On the same split as the main model; OPTIONS="--set train.epochs=8" goes to each. What is there is not trained again.
BASELINES := linear classic-lstm classic-gru
baselines: setup ## train the presets linear, classic-lstm, classic-gru in ADC_LAKE__ROOT, to be evaluated beside a model
	@source .venv/bin/activate && for preset in $(BASELINES); do \
	  spark-submit jobs/train.py --set train.preset=$$preset --set train.name=$$preset $(OPTIONS) || exit; \
	done; \
	models=$${ADC_LAKE__ROOT:-lake}/models; \
	echo; echo "Beside a model of yours:"; \
	echo "  spark-submit jobs/evaluate.py --bundle $$models/adc $(BASELINES:%=--bundle $$models/%)"

test: setup ## ruff, mypy and the tests: unit, Spark, one Horovod start, kills (under 20 minutes)
	@source .venv/bin/activate && ruff check . && ruff format --check . && mypy && $(PYTEST) -m "not slow"

test-slow: setup ## the long fault and end-to-end tests (under 30 minutes)
	@source .venv/bin/activate && $(PYTEST) -m "slow and not cluster"

test-cluster: ## several hosts in network namespaces (as root) and a lake on S3; fetches 690 MB of jars
	@deploy/setup.sh --s3
	@cmp -s tests/end_to_end/moto.txt .venv/moto/pins || { .venv/bin/python -m venv --clear .venv/moto && \
		.venv/moto/bin/pip install -q -r tests/end_to_end/moto.txt && cp tests/end_to_end/moto.txt .venv/moto/pins; }
	@source .venv/bin/activate && pytest -m cluster

pack: setup ## the environment as dist/adc-env.tar.gz, for spark-submit --archives (docs/cluster.md)
	@deploy/pack.sh

lock: setup ## renew deploy/constraints.txt from pyproject.toml, keeping the pins that are there
	@source .venv/bin/activate && deploy/lock.sh

clean: ## remove what the demo made
	rm -rf demo spark-warehouse

.PHONY: help setup demo baselines test test-slow test-cluster pack lock clean
