# Targets: api (no torch) and worker. No BuildKit-only syntax, so that any engine builds it; api stands before worker,
# because an engine without BuildKit builds every stage above its target.
ARG PYTHON=python:3.11-slim-bookworm

FROM ${PYTHON} AS wheel
WORKDIR /source
COPY . .
RUN pip install --no-cache-dir --require-hashes --requirement docker/locks/build.txt \
    && pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheels .

FROM ${PYTHON} AS base
# Bytecode is cached in the container and not in the image, which it would make a third larger.
ENV PYTHONUNBUFFERED=1 \
    PYTHONPYCACHEPREFIX=/var/cache/activation-lab/bytecode \
    MPLCONFIGDIR=/var/cache/activation-lab/matplotlib \
    ACTIVATION_LAB_DATA_DIR=/var/lib/activation-lab
# The user has a name too: Celery takes a nameless group for root's, and warns of it.
# A named volume takes its owner from the folder it is first mounted on.
RUN useradd --uid 10001 --user-group --no-log-init --no-create-home --home-dir /var/lib/activation-lab \
        --shell /usr/sbin/nologin lab \
    && mkdir -p /var/lib/activation-lab/checkpoints /var/cache/activation-lab \
    && chown -R 10001:10001 /var/lib/activation-lab /var/cache/activation-lab
WORKDIR /var/lib/activation-lab

FROM base AS api
ARG EXTRAS=s3
COPY docker/install.sh docker/slim.py /opt/activation-lab/
COPY docker/locks /opt/activation-lab/locks
COPY --from=wheel /wheels /opt/activation-lab/wheels
# PYTHONDONTWRITEBYTECODE: root's bytecode has no place in the user's cache.
RUN export PYTHONDONTWRITEBYTECODE=1 \
    && sh /opt/activation-lab/install.sh "$EXTRAS" \
    && python /opt/activation-lab/slim.py \
    && MPLCONFIGDIR=/tmp/matplotlib python -c 'import api.main, stack.main, matplotlib.pyplot, s3fs, flint' \
    && rm -r /tmp/matplotlib
USER 10001:10001
EXPOSE 8000
ENTRYPOINT ["activation-lab"]
CMD ["api", "--host", "0.0.0.0"]

FROM base AS worker
COPY docker/install.sh docker/worker_health.py /opt/activation-lab/
COPY docker/locks /opt/activation-lab/locks
# A layer of its own for the gigabytes of torch: they change with the locks, not with the code.
RUN PYTHONDONTWRITEBYTECODE=1 pip install --no-cache-dir --no-compile --root-user-action=ignore --no-deps \
        --require-hashes --requirement /opt/activation-lab/locks/worker.txt
COPY --from=wheel /wheels /opt/activation-lab/wheels
COPY data /usr/share/activation-lab
ENV ACTIVATION_LAB_MNIST_DIR=/usr/share/activation-lab
ARG EXTRAS=s3
# MNIST is decoded here, for the user may read that folder and not write to it.
RUN export PYTHONDONTWRITEBYTECODE=1 \
    && sh /opt/activation-lab/install.sh "$EXTRAS,worker" \
    && python -c 'import os, pathlib, worker.training.data as data; data.load(pathlib.Path(os.environ["ACTIVATION_LAB_MNIST_DIR"]))' \
    && chmod -R a+rX "$ACTIVATION_LAB_MNIST_DIR"
USER 10001:10001
ENTRYPOINT ["activation-lab"]
CMD ["worker"]
