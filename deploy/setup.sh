#!/usr/bin/env bash
# Builds .venv in the project's root: packages, Horovod compiled against TensorFlow, Delta's jars, Spark's defaults.
# Every step looks first whether it is done, so a run that was interrupted goes on and a second one takes seconds.
# With --s3 also the jars for a lake on S3-compatible storage (docs/cluster.md).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

pins=deploy/constraints.txt
venv=.venv
python=${PYTHON:-python3.11}
[ -n "${PYTHON:-}" ] || command -v "$python" >/dev/null || python=python3

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

object_store() {
  [ "${1:-}" = --s3 ] || return 0
  say "jars for S3 (690 MB, once)"
  deploy/jars.sh $venv/bin/python "$pins" --s3
}

# The stamp names all that the environment is made from; it is written last.
stamp=$(cat "$pins" pyproject.toml deploy/setup.sh deploy/horovod.sh deploy/jars.sh conf/spark-defaults.conf | sha256sum | cut -c1-16)
if [ "$(cat $venv/.adc-setup 2>/dev/null)" = "$stamp" ] && [ "$(cat $venv/.adc-root 2>/dev/null)" = "$PWD" ]; then
  object_store "$@"
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
deploy/jars.sh $venv/bin/python "$pins"
spark=$($venv/bin/python -c 'import pathlib, pyspark; print(pathlib.Path(pyspark.__file__).parent)')
# Driver memory and jars can only be set where spark-submit itself looks, before any session exists.
mkdir -p "$spark/conf"
ln -sfn "$PWD/conf/spark-defaults.conf" "$spark/conf/spark-defaults.conf"
ln -sfn "$PWD/conf/log4j2.properties" "$spark/conf/log4j2.properties"
# Another Spark that the shell knows of would be run in place of this one, or with its own settings.
others='unset SPARK_HOME SPARK_CONF_DIR PYSPARK_PYTHON PYSPARK_DRIVER_PYTHON'
grep -qxF "$others" $venv/bin/activate || printf '%s\n' "$others" >> $venv/bin/activate

object_store "$@"
printf '%s' "$stamp" > $venv/.adc-setup
say "environment .venv is ready"
