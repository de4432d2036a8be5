#!/usr/bin/env bash
# Usage: jars.sh PYTHON CONSTRAINTS [--s3]
# Puts the jars that Spark itself lacks into the `jars` folder of that Python's PySpark: Delta's, and with --s3
# Hadoop's S3A with the AWS SDK that its version was built with (690 MB). Those that are there stay.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
bin=$(cd "$(dirname "$1")" && pwd)
python=$bin/$(basename "$1")
spark=$("$python" -c 'import pathlib, pyspark; print(pathlib.Path(pyspark.__file__).parent)')
pinned() { sed -n "s/^$1==//p" "$2"; }

delta=$(pinned delta-spark "$2")
spark_minor=$(pinned pyspark "$2" | cut -d. -f1,2)
scala=$(basename "$spark"/jars/spark-core_*.jar | sed 's/spark-core_\([0-9.]*\)-.*/\1/')
packages=() jars=()
if [ ! -f "$spark/jars/delta-spark_${spark_minor}_${scala}-$delta.jar" ] ||
  [ ! -f "$spark/jars/delta-storage-$delta.jar" ]; then
  packages+=("io.delta:delta-spark_${spark_minor}_${scala}:$delta")
  # The others that it names are Spark's own.
  jars+=("io.delta_delta-spark_${spark_minor}_${scala}-$delta.jar" "io.delta_delta-storage-$delta.jar")
fi
if [ "${3:-}" = --s3 ]; then
  # S3A belongs to the Hadoop that Spark was built with, and names its SDK in one exact version.
  hadoop=$(basename "$spark"/jars/hadoop-client-api-*.jar .jar | sed 's/hadoop-client-api-//')
  if [ ! -f "$spark/jars/.s3-$hadoop" ]; then
    packages+=("org.apache.hadoop:hadoop-aws:$hadoop")
    jars+=("org.apache.hadoop_hadoop-aws-$hadoop.jar" 'software.amazon.*.jar' 'org.wildfly.openssl_*.jar')
  fi
fi
[ ${#packages[@]} -gt 0 ] || exit 0

# Spark's own resolver, with a cache of its own: it trusts a half-filled local Maven repository, then fails.
ivy=$(mktemp -d)
trap 'rm -rf "$ivy"' EXIT
env -u SPARK_HOME -u SPARK_CONF_DIR -u PYSPARK_DRIVER_PYTHON \
  PATH="$bin:$PATH" PYSPARK_PYTHON="$python" SPARK_LOCAL_IP=127.0.0.1 "$spark/bin/spark-submit" \
  --master 'local[1]' --conf "spark.jars.ivy=$ivy" --packages "$(IFS=,; echo "${packages[*]}")" \
  "$here/no_job.py" > "$ivy/log" 2>&1 ||
  { tail -n 20 "$ivy/log" >&2; echo "the jars could not be fetched: ${packages[*]}" >&2; exit 1; }
for pattern in "${jars[@]}"; do
  # shellcheck disable=SC2086
  for jar in "$ivy"/jars/$pattern; do
    name=$(basename "$jar" | sed 's/^[^_]*_//')
    cp "$jar" "$spark/jars/.$name.part"
    mv "$spark/jars/.$name.part" "$spark/jars/$name"
  done
done
[ -z "${hadoop:-}" ] || touch "$spark/jars/.s3-$hadoop"
