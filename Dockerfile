# One image for every role: watcher, worker, beat, `kadr db upgrade`.
FROM python:3.11-slim

# Photos are only read: no role needs root.
RUN useradd --create-home --uid 1000 kadr
WORKDIR /app

COPY pyproject.toml README.md LICENSE ./
COPY catalog catalog
COPY migrations migrations
COPY worker worker
RUN pip install --no-cache-dir . && mkdir /cache && chown kadr /cache

USER kadr
ENV KADR_CACHE_DIR=/cache HF_HOME=/cache/hub KADR_LOG_FORMAT=json
ENTRYPOINT ["kadr"]
CMD ["--help"]
