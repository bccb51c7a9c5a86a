"""A server that speaks S3's protocol, in this process, for everything that reads `s3://`."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.required import is_required

BUCKET = "catalogue"
_ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "NO_PROXY": "127.0.0.1,localhost",
}


class S3Missing(RuntimeError):
    """The packages `moto[server]` or `s3fs` are not installed."""


@dataclass(frozen=True)
class S3Server:
    """A running server with one empty bucket."""

    endpoint: str
    client: Any

    def put(self, key: str, data: bytes) -> str:
        """Store an object; return its `s3://` address."""
        self.client.put_object(Bucket=BUCKET, Key=key, Body=data)
        return self.url(key)

    def url(self, key: str) -> str:
        """The address of a key of the bucket."""
        return f"s3://{BUCKET}/{key}"


@contextmanager
def running_s3() -> Iterator[S3Server]:
    """Start a server and point this process at it by its environment; both end with the block.

    Raises:
        S3Missing: it cannot be started here. `skip_or_fail` says whether that is a failure.
    """
    try:
        import boto3
        import s3fs
        from moto.server import ThreadedMotoServer
    except ImportError as missing:
        raise S3Missing(f"{missing}: pip install 'moto[server]' s3fs.") from missing
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    with _environment(_ENVIRONMENT | {"AWS_ENDPOINT_URL": endpoint}):
        try:
            client = boto3.client("s3")
            client.create_bucket(Bucket=BUCKET)
            s3fs.S3FileSystem.clear_instance_cache()
            yield S3Server(endpoint, client)
            client.close()
        finally:
            s3fs.S3FileSystem.clear_instance_cache()
            server.stop()


def skip_or_fail(missing: S3Missing) -> None:
    """Fail where the server is required (VITRINE_TEST_S3=required, or CI), else skip."""
    import pytest

    if is_required("VITRINE_TEST_S3"):
        pytest.fail(f"The S3 server is required here. {missing}")
    pytest.skip(str(missing))


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
