#!/usr/bin/env bash
# Tells Spark which GPUs a host has (spark.executor.resource.gpu.discoveryScript).
set -euo pipefail
numbers=$(nvidia-smi --query-gpu=index --format=csv,noheader | sed 's/.*/"&"/' | paste -sd,)
echo "{\"name\": \"gpu\", \"addresses\": [$numbers]}"
