# The vitrine service. Docs: docs/deployment.md.
FROM python:3.12-slim AS build

ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/vitrine
ENV PATH=/opt/vitrine/bin:$PATH

# PyTorch's default Linux build brings several gigabytes of CUDA libraries. Its CPU build lives in
# an index of its own, which its "Start locally" page names: give it as --build-arg TORCH_INDEX=...
ARG TORCH_INDEX=
WORKDIR /src
COPY constraints.txt ./
RUN pip install --constraint constraints.txt ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} torch torchvision

# What changes most comes last, so that a change of code does not install PyTorch again.
COPY pyproject.toml README.md LICENSE ./
COPY api api
COPY indexer indexer
COPY search search
COPY training training
RUN pip install --constraint constraints.txt .


FROM python:3.12-slim

RUN useradd --create-home --uid 10001 vitrine \
 && install --directory --owner=vitrine --group=vitrine /data
COPY --from=build /opt/vitrine /opt/vitrine

# Hub models are kept in the volume, so that they are downloaded once.
ENV PATH=/opt/vitrine/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    HF_HOME=/data/models \
    VITRINE_DB=/data/vitrine.db \
    VITRINE_JOB_DIR=/data/jobs \
    VITRINE_UPLOADS=/data/uploads \
    VITRINE_THUMBNAILS=/data/thumbnails

USER vitrine
WORKDIR /data
VOLUME /data
EXPOSE 8000

HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=4 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]

# --insecure, because inside a container loopback alone would reach nobody, and there are no keys
# yet: publish the port on the host's loopback address only (--publish 127.0.0.1:8000:8000).
ENTRYPOINT ["vitrine"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8000", "--insecure"]
