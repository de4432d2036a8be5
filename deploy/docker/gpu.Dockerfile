# adc with Spark, for NVIDIA GPUs: TensorFlow with its own CUDA wheels, Horovod over NCCL. From the project's root:
#   docker build -f deploy/docker/gpu.Dockerfile -t adc:0.1.0-gpu .
# The same layers as in Dockerfile. The image has not been built yet, which takes NVIDIA's; a Horovod built by the same
# recipe has trained on an H100 over NCCL (docs/stages.md).
# The toolkit compiles Horovod only; its major version is that of TensorFlow's CUDA wheels.
FROM nvidia/cuda:12.5.1-devel-ubuntu22.04 AS cuda

FROM debian:12.11-slim AS base
RUN apt-get update && \
    apt-get install -y --no-install-recommends ca-certificates openjdk-17-jre-headless python3.11 tini && \
    rm -rf /var/lib/apt/lists/* && \
    useradd --uid 185 --gid 0 --create-home --home-dir /home/adc adc

FROM base AS packages
RUN apt-get update && \
    apt-get install -y --no-install-recommends g++ make python3.11-dev python3.11-venv && \
    rm -rf /var/lib/apt/lists/*
WORKDIR /build
RUN python3.11 -m venv /opt/adc/venv
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PATH=/opt/adc/venv/bin:$PATH
COPY --from=cuda /usr/local/cuda /usr/local/cuda
ENV NVIDIA=/opt/adc/venv/lib/python3.11/site-packages/nvidia
COPY deploy/constraints.txt deploy/horovod.sh deploy/
# NCCL is the wheel's, which has no name without a version to link by.
RUN pip install -c deploy/constraints.txt "tensorflow[and-cuda]" setuptools wheel packaging "cmake<4" && \
    ln -s libnccl.so.2 $NVIDIA/nccl/lib/libnccl.so && \
    HOROVOD_GPU=CUDA HOROVOD_GPU_OPERATIONS=NCCL HOROVOD_CUDA_HOME=/usr/local/cuda \
      HOROVOD_NCCL_HOME=$NVIDIA/nccl HOROVOD_NCCL_LINK=SHARED \
      deploy/horovod.sh /opt/adc/venv/bin/python deploy/constraints.txt > wheels
COPY pyproject.toml README.md LICENSE ./
RUN mkdir adc && touch adc/__init__.py && \
    pip install -c deploy/constraints.txt --find-links "$(cat wheels)" '.[spark,evaluate]' horovod scipy tensorboard && \
    pip uninstall -y adc cmake && rm -rf adc build adc.egg-info
# --s3: with the jars for a lake on S3-compatible storage, 690 MB; empty: without.
ARG STORAGE=--s3
COPY deploy/jars.sh deploy/no_job.py deploy/
RUN deploy/jars.sh /opt/adc/venv/bin/python deploy/constraints.txt $STORAGE
# What only a compiler or a test reads.
RUN cd /opt/adc/venv/lib/python3.11/site-packages && \
    rm -rf tensorflow/include pyarrow/include && find . -type d -name tests -prune -exec rm -rf {} +

FROM packages AS code
COPY adc adc
RUN pip install --no-deps --no-build-isolation --target /code .

FROM base
ENV PATH=/opt/adc/venv/bin:$PATH \
    SPARK_HOME=/opt/adc/venv/lib/python3.11/site-packages/pyspark \
    SPARK_CONF_DIR=/opt/adc/spark-conf \
    PYSPARK_PYTHON=/opt/adc/venv/bin/python \
    PYSPARK_DRIVER_PYTHON=/opt/adc/venv/bin/python \
    LANG=C.UTF-8 \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    LD_LIBRARY_PATH=/opt/adc/venv/lib/python3.11/site-packages/nvidia/nccl/lib:/opt/adc/venv/lib/python3.11/site-packages/nvidia/cuda_runtime/lib
COPY --from=packages /opt/adc/venv /opt/adc/venv
COPY conf/log4j2.properties /opt/adc/spark-conf/
COPY deploy/docker/entrypoint.sh deploy/docker/gpus.sh /opt/adc/deploy/docker/
COPY conf /opt/adc/conf
COPY jobs /opt/adc/jobs
COPY --from=code /code /opt/adc/venv/lib/python3.11/site-packages
WORKDIR /home/adc
USER 185
ENTRYPOINT ["/usr/bin/tini", "-s", "--", "/opt/adc/deploy/docker/entrypoint.sh"]
