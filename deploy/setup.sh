#!/usr/bin/env bash
# Builds .venv in the project's root: packages, Horovod compiled against TensorFlow, Delta's jars, Spark's defaults.
# Every step looks first whether it is done, so a run that was interrupted goes on and a second one takes seconds.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

pins=deploy/constraints.txt
venv=.venv
python=${PYTHON:-python3.11}
command -v "$python" >/dev/null || python=python3

say() { printf '\033[1m[setup]\033[0m %s\n' "$*"; }
pinned() { sed -n "s/^$1==//p" "$pins"; }

# 1. Whatever is missing is said at once, all of it, before anything long starts.
missing=()
"$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null ||
  missing+=("Python 3.11 (found: $("$python" --version 2>&1 || echo none)); set PYTHON=/path/to/python3.11, or: apt-get install python3.11 python3.11-dev python3.11-venv")
"$python" -c 'import venv, ensurepip' 2>/dev/null ||
  missing+=("Python's venv module; on Debian: apt-get install python3.11-venv")
"$python" -c 'import pathlib, sys, sysconfig; sys.exit(not (pathlib.Path(sysconfig.get_path("include")) / "Python.h").exists())' 2>/dev/null ||
  missing+=("Python's headers, to compile Horovod; on Debian: apt-get install python3.11-dev")
java=${JAVA_HOME:+$JAVA_HOME/bin/}java
version=$("$java" -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p' | head -n 1) || true
[ -n "$version" ] && [ "$version" -ge 17 ] ||
  missing+=("Java 17 or 21 (found: ${version:-none}); on Debian: apt-get install openjdk-17-jre-headless")
for tool in g++ make; do
  command -v "$tool" >/dev/null || missing+=("$tool, to compile Horovod; on Debian: apt-get install g++ make")
done
if [ ${#missing[@]} -gt 0 ]; then
  say "cannot start; missing on this machine:" >&2
  printf '  - %s\n' "${missing[@]}" >&2
  exit 2
fi

# 2. One set-up at a time: a second one waits for the first, then finds everything done.
if command -v flock >/dev/null; then
  exec 9>.setup.lock
  flock -n 9 || { say "another set-up is running here; waiting for it"; flock 9; }
fi

# The stamp names all that the environment is made from; it is written last.
stamp=$(cat "$pins" pyproject.toml deploy/setup.sh deploy/horovod.sh conf/spark-defaults.conf | sha256sum | cut -c1-16)
if [ "$(cat $venv/.adc-setup 2>/dev/null)" = "$stamp" ] && [ "$(cat $venv/.adc-root 2>/dev/null)" = "$PWD" ]; then
  say "environment .venv is ready"
  exit 0
fi

[ -x $venv/bin/python ] && [ "$(cat $venv/.adc-root 2>/dev/null)" = "$PWD" ] || {
  say "1/5 virtual environment .venv ($("$python" --version))"
  rm -rf $venv
  "$python" -m venv $venv
  printf '%s' "$PWD" > $venv/.adc-root
}
pip() { $venv/bin/python -m pip --disable-pip-version-check "$@"; }

say "2/5 TensorFlow $(pinned tensorflow-cpu), which Horovod is compiled against (about a minute)"
pip install -q -c "$pins" tensorflow-cpu "setuptools" wheel packaging "cmake<4"

say "3/5 Horovod $(pinned horovod) (2 to 5 minutes the first time, then cached)"
wheels=$(deploy/horovod.sh $venv/bin/python "$pins")

say "4/5 all other packages, and adc itself"
pip install -q -c "$pins" --find-links "$wheels" -e '.[spark,train,evaluate,notebooks,dev]'

say "5/5 Delta $(pinned delta-spark) jars and Spark's defaults"
spark=$($venv/bin/python -c 'import pathlib, pyspark; print(pathlib.Path(pyspark.__file__).parent)')
delta=$(pinned delta-spark)
spark_minor=$(pinned pyspark | cut -d. -f1,2)
scala=$(basename "$spark"/jars/spark-core_*.jar | sed 's/spark-core_\([0-9.]*\)-.*/\1/')
jars=("delta-spark_${spark_minor}_${scala}-$delta.jar" "delta-storage-$delta.jar")
if [ ! -f "$spark/jars/${jars[0]}" ] || [ ! -f "$spark/jars/${jars[1]}" ]; then
  # Spark's own resolver, with a cache of its own: it trusts a half-filled local Maven repository, then fails.
  ivy=$PWD/$venv/ivy
  PATH="$PWD/$venv/bin:$PATH" PYSPARK_PYTHON=$PWD/$venv/bin/python SPARK_LOCAL_IP=127.0.0.1 \
    "$spark/bin/spark-submit" --master 'local[1]' --conf "spark.jars.ivy=$ivy" \
    --packages "io.delta:delta-spark_${spark_minor}_${scala}:$delta" deploy/no_job.py > $venv/ivy.log 2>&1 ||
    { tail -n 20 $venv/ivy.log >&2; say "Delta's jars could not be fetched (whole log: $venv/ivy.log)" >&2; exit 1; }
  for jar in "${jars[@]}"; do
    cp "$ivy/jars/io.delta_$jar" "$spark/jars/.$jar.part"
    mv "$spark/jars/.$jar.part" "$spark/jars/$jar"
  done
  rm -rf "$ivy"
fi
# Driver memory and jars can only be set where spark-submit itself looks, before any session exists.
mkdir -p "$spark/conf"
ln -sfn "$PWD/conf/spark-defaults.conf" "$spark/conf/spark-defaults.conf"
ln -sfn "$PWD/conf/log4j2.properties" "$spark/conf/log4j2.properties"

printf '%s' "$stamp" > $venv/.adc-setup
say "environment .venv is ready"
