# syntax=docker/dockerfile:1
# Stage 1 builds the wheel and installs it with the locked, hashed requirements; stage 2 holds only the result.
FROM python:3.11-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 UV_PYTHON_DOWNLOADS=never UV_LINK_MODE=copy
RUN pip install uv==0.13.9
WORKDIR /src
COPY pyproject.toml uv.lock ./
RUN uv export --frozen --no-dev --no-emit-project --format requirements-txt --output-file /tmp/requirements.txt \
    && uv venv /opt/yhdessa \
    && uv pip install --python /opt/yhdessa/bin/python --require-hashes --requirements /tmp/requirements.txt
COPY README.md LICENSE ./
COPY service service
COPY mappings mappings
COPY schemas schemas
RUN uv build --wheel --out-dir /tmp/dist \
    && uv pip install --python /opt/yhdessa/bin/python --no-deps /tmp/dist/*.whl \
    && /opt/yhdessa/bin/python -m compileall -q /opt/yhdessa/lib

FROM python:3.11-slim
LABEL org.opencontainers.image.title="yhdessa-fhir" org.opencontainers.image.licenses="Apache-2.0"
RUN useradd --system --uid 10001 --user-group --home-dir /data --no-create-home yhdessa \
    && install --directory --owner yhdessa --group yhdessa /data
COPY --from=build /opt/yhdessa /opt/yhdessa
ENV PATH=/opt/yhdessa/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 YHDESSA_DATA=/data
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(f\"http://127.0.0.1:{os.environ.get('YHDESSA_PORT', 8080)}/ready\", timeout=2)"]
ENTRYPOINT ["yhdessa"]
CMD ["serve"]
