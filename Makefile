# Everything runs in .venv, which deploy/setup.sh makes and keeps: it takes seconds when nothing has changed.
SHELL := /bin/bash
.DEFAULT_GOAL := help

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile | expand -t 22

setup: ## the environment in .venv: packages, Horovod, Delta's jars
	@deploy/setup.sh

demo: setup ## the whole pipeline on a sample corpus, to a report
	@source .venv/bin/activate && deploy/demo.sh

# On the split and under the settings of the main model; a model that is there is not trained again.
BASELINES := linear classic-lstm classic-gru
baselines: setup ## train the baselines beside the model (ADC_LAKE__ROOT, default lake), to be evaluated with it
	@source .venv/bin/activate && for preset in $(BASELINES); do \
	  spark-submit jobs/train.py --set train.preset=$$preset --set train.name=$$preset || exit; \
	done
	@printf '\nCompare them with a model of yours:\n  spark-submit jobs/evaluate.py$(patsubst %, --bundle %,$(addprefix $${ADC_LAKE__ROOT:-lake}/models/,adc $(BASELINES)))\n'

test: setup ## ruff, mypy and the tests: unit, Spark, one Horovod start, kills (under 20 minutes)
	@source .venv/bin/activate && ruff check . && ruff format --check . && mypy && pytest -m "not slow"

test-slow: setup ## the long fault and end-to-end tests (under 30 minutes)
	@source .venv/bin/activate && pytest -m slow

lock: setup ## renew deploy/constraints.txt from pyproject.toml, keeping the pins that are there
	@source .venv/bin/activate && deploy/lock.sh

clean: ## remove what the demo made
	rm -rf demo spark-warehouse

.PHONY: help setup demo baselines test test-slow lock clean
