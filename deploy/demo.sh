#!/usr/bin/env bash
# The main job end to end on an embedded default: a local server with the sample corpus, local Spark, two ranks.
# Run again, it finds everything done. Needs the environment to be active (`make demo` sees to both).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export ADC_LAKE__ROOT=${ADC_LAKE__ROOT:-demo}

# Five short sessions: the JVM's second compiler would take as much again as they do.
export SPARK_SUBMIT_OPTS="-XX:TieredStopAtLevel=1 ${SPARK_SUBMIT_OPTS:-}"

run() {
  printf '\n\033[1m$ spark-submit jobs/%s\033[0m\n' "$*"
  spark-submit "jobs/$1" "${@:2}"
}

run scrape.py
run clean.py
# Few tweets: small batches and more passes than the defaults, which are for tens of thousands. The demo of an older
# adc may be there, whose bundle is another.
run train.py --replace --set train.name=demo --set train.epochs=8 --set train.batch_size=32
run score.py --bundle "$ADC_LAKE__ROOT/models/demo"
run evaluate.py --bundle "$ADC_LAKE__ROOT/models/demo"

cat <<END

Tables     $(cd "$ADC_LAKE__ROOT" && ls -d [a-z]*/_delta_log | sed 's,/_delta_log,,' | tr '\n' ' ')in $PWD/$ADC_LAKE__ROOT
Model      $ADC_LAKE__ROOT/models/demo
Report     $ADC_LAKE__ROOT/reports/test.html

Go on with:
  source .venv/bin/activate
  adc classify --bundle $ADC_LAKE__ROOT/models/demo "شلونك شخبارك"
END
