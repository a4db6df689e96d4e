# The command `spm` and the service. Build from the checkout: docker build --tag spm-ml:0.1.0 .
ARG PYTHON=3.12.12-slim-bookworm

FROM python:${PYTHON} AS build
ARG UV=0.13.9
RUN pip install --no-cache-dir "uv==${UV}"
WORKDIR /build
COPY pyproject.toml constraints.txt ./
# Exactly the pinned versions, each checked against its hash.
RUN python -m venv /opt/spm \
 && uv pip install --no-cache --compile-bytecode --python /opt/spm/bin/python --require-hashes \
      --requirement pyproject.toml --extra apps --extra connectors --extra postgresql --extra telemetry --constraint constraints.txt
COPY README.md LICENSE CHANGELOG.md ./
COPY spm_ml spm_ml
RUN uv pip install --no-cache --compile-bytecode --python /opt/spm/bin/python --no-deps .
COPY serving /app/serving
COPY training /app/training
RUN /opt/spm/bin/python -m compileall -q /app

FROM python:${PYTHON}
# LightGBM needs OpenMP. Debian keeps only the newest version of a package, so a pinned one would soon fail to build.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends libgomp1 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin spm \
 && install --directory --owner spm --group spm --mode 0700 /workspace /backups
COPY --from=build /opt/spm /opt/spm
COPY --from=build /app /app
# Everything that is written goes to /workspace, /backups or /tmp: the root file system may be read-only.
ENV PATH=/opt/spm/bin:${PATH} \
    PYTHONPATH=/app \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    MPLCONFIGDIR=/tmp/matplotlib \
    MLFLOW_DISABLE_TELEMETRY=true \
    MLFLOW_ALLOW_PICKLE_DESERIALIZATION=false
USER 10001:10001
WORKDIR /workspace
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
  CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/health/live', timeout=2)"]
ENTRYPOINT ["spm"]
CMD ["serve", "--workspace", "/workspace", "--host", "0.0.0.0", "--port", "8000"]
