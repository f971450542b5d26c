# The command line alone: docker build -t csv-ingest . && docker run --rm csv-ingest --help
# Give it a folder and credentials: docker run --rm -v "$PWD:/data" -w /data -e AWS_PROFILE -v ~/.aws:/home/ingest/.aws:ro csv-ingest check FILE
FROM python:3.14-slim
COPY pyproject.toml README.md /src/
COPY ingest /src/ingest
RUN pip install --no-cache-dir /src && rm -r /src && useradd --create-home ingest
USER ingest
ENTRYPOINT ["ingest"]
