# Three images from one file: `server` carries no TensorFlow, `worker` does, and `ray` carries Ray as well. Nothing runs as root.
FROM python:3.11-slim-bookworm AS build
RUN pip install --no-cache-dir uv==0.13.9
WORKDIR /app
ENV UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never
COPY pyproject.toml uv.lock README.md LICENSE ./
COPY distributions distributions
# The dependencies first: they change less often than the code.
RUN uv sync --frozen --no-dev --no-install-workspace --extra server --extra s3
COPY lowloss lowloss
COPY service service
COPY worker worker
COPY migrations migrations
RUN uv sync --frozen --no-dev --no-editable --extra server --extra s3

FROM build AS build-worker
RUN uv sync --frozen --no-dev --no-editable --extra worker --extra s3

FROM build-worker AS build-ray
RUN uv sync --frozen --no-dev --no-editable --extra ray --extra s3

FROM python:3.11-slim-bookworm AS base
RUN useradd --create-home --uid 10001 lowloss && install -d -o lowloss -g lowloss /data
ENV PATH=/app/.venv/bin:$PATH PYTHONUNBUFFERED=1 LOWLOSS_DATA_DIR=/data
WORKDIR /app
USER lowloss
VOLUME /data

FROM base AS server
USER root
# pg_dump and pg_restore for `lowloss backup`: they must not be older than the database, which Debian's are.
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates postgresql-common \
    && /usr/share/postgresql-common/pgdg/apt.postgresql.org.sh -y \
    && apt-get install -y --no-install-recommends postgresql-client-18 \
    && rm -rf /var/lib/apt/lists/*
USER lowloss
COPY --from=build /app/.venv /app/.venv
ENV LOWLOSS_HOST=0.0.0.0 LOWLOSS_PORT=8000
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=6 \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/readyz', timeout=4)"]
CMD ["python", "-m", "service.app"]

FROM base AS worker
COPY --from=build-worker /app/.venv /app/.venv
# The root file system may be read-only.
ENV TMPDIR=/data KERAS_HOME=/data/keras
CMD ["python", "-m", "worker.supervisor"]

FROM worker AS ray
COPY --from=build-ray /app/.venv /app/.venv
