#!/usr/bin/env bash
# Renews deploy/constraints.txt from pyproject.toml: pins that still fit stay, what is new is added.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
pins=deploy/constraints.txt
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
python -m venv "$tools/venv"
"$tools/venv/bin/pip" install -q uv
grep '^#' $pins > "$tools/new"
grep -v '^#' $pins > "$tools/old"
"$tools/venv/bin/uv" pip compile -q pyproject.toml --all-extras --python-version 3.11 \
  --constraint "$tools/old" --no-emit-index-url --no-header --no-annotate >> "$tools/new"
cp "$tools/new" $pins
