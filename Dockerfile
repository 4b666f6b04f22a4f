# One image for every role: watcher, worker, beat, `kadr db upgrade`.
FROM python:3.11-slim AS build

WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY catalog catalog
COPY migrations migrations
COPY worker worker
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:3.11-slim

# Photos are only read: no role needs root.
RUN useradd --create-home --uid 1000 kadr && mkdir /cache && chown kadr /cache
# The wheel's packages are the only copy: Celery and Python look into the working folder first, so
# sources there would be run instead.
COPY --from=build /wheels /tmp/wheels
RUN set -- /tmp/wheels/kadr-*.whl && pip install --no-cache-dir "$1[groups]"

USER kadr
WORKDIR /home/kadr
ENV KADR_CACHE_DIR=/cache HF_HOME=/cache/hub KADR_LOG_FORMAT=json
# Of the gallery; other roles override or ignore it.
EXPOSE 8090
ENTRYPOINT ["kadr"]
CMD ["--help"]
