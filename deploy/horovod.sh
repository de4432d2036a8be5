#!/usr/bin/env bash
# Usage: horovod.sh PYTHON CONSTRAINTS
# Compiles the pinned Horovod for that Python and its TensorFlow, once, and prints the folder the wheel lies in.
# The wheel fits one Python and one TensorFlow only, so the cache is keyed by both.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
python=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
version=$(sed -n 's/^horovod==//p' "$2")

key=$("$python" - <<'PY'
import importlib.metadata, platform, sys
tensorflow = next(d for d in ("tensorflow-cpu", "tensorflow") if any(importlib.metadata.distributions(name=d)))
print(f"cp{sys.version_info[0]}{sys.version_info[1]}-{platform.machine()}-{tensorflow}-{importlib.metadata.version(tensorflow)}")
PY
)
# The build's own recipe is part of the key: a changed flag or patch makes a new wheel.
wheels=${ADC_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/adc}/horovod-$version-$key-$(sha256sum "$here/horovod.sh" | cut -c1-8)
if ! compgen -G "$wheels/horovod-*.whl" >/dev/null; then
  mkdir -p "$wheels"
  work=$(mktemp -d "$wheels/build.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  "$python" -m pip --disable-pip-version-check download -q --no-deps --no-binary=:all: --no-build-isolation \
    -d "$work" "horovod==$version" >&2
  tar -xzf "$work/horovod-$version.tar.gz" -C "$work"
  source=$work/horovod-$version
  # TensorFlow 2.21 no longer ships a header that this file includes; all its code is #if HAVE_GPU.
  sed -i '/xla_mpi_ops.cc/d' "$source/horovod/tensorflow/CMakeLists.txt"
  # For GPUs: nor does it export what turns its streams into CUDA's; the stream itself tells.
  sed -i -e 's/stream_executor::gpu::AsGpuStreamValue(/GpuStream(/' \
    -e '/^\/\/ Undef LOG macro/i #if HAVE_GPU\nstatic GpuStreamHandle GpuStream(stream_executor::Stream* stream) {\n  return static_cast<GpuStreamHandle>(stream->platform_specific_handle().stream);\n}\n#endif\n' \
    "$source/horovod/tensorflow/mpi_ops.cc"
  env PATH="$(dirname "$python"):$PATH" MAKEFLAGS="-j$(nproc 2>/dev/null || echo 2)" \
    HOROVOD_WITH_TENSORFLOW=1 HOROVOD_WITHOUT_PYTORCH=1 HOROVOD_WITHOUT_MXNET=1 \
    HOROVOD_WITH_GLOO=1 HOROVOD_WITHOUT_MPI=1 \
    "$python" -m pip --disable-pip-version-check wheel --no-deps --no-build-isolation \
    -w "$work" "$source" > "$wheels/build.log" 2>&1 ||
    { tail -n 40 "$wheels/build.log" >&2; echo "Horovod did not compile (whole log: $wheels/build.log)" >&2; exit 1; }
  mv "$work"/horovod-*.whl "$wheels/"
fi
echo "$wheels"
