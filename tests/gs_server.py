"""A server that speaks the protocol of Google's storage, in this process, for all that reads `gs://`."""

import os
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import quote

from tests.required import is_required

BUCKET = "catalogue"


class GsMissing(RuntimeError):
    """The packages `gcp-storage-emulator` or `gcsfs` are not installed."""


@dataclass(frozen=True)
class GsServer:
    """A running server with one bucket, empty at first."""

    endpoint: str

    def put(self, key: str, data: bytes) -> str:
        """Store an object; return its `gs://` address."""
        name = quote(key, safe="")
        upload = f"{self.endpoint}/upload/storage/v1/b/{BUCKET}/o?uploadType=media&name={name}"
        request = urllib.request.Request(upload, data=data, method="POST")
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert answer.status == 200
        return self.url(key)

    def url(self, key: str) -> str:
        """The address of a key of the bucket."""
        return f"gs://{BUCKET}/{key}"


@contextmanager
def running_gs() -> Iterator[GsServer]:
    """Start a server and point this process at it by its environment; both end with the block.

    Raises:
        GsMissing: it cannot be started here. `skip_or_fail` says whether that is a failure.
    """
    before = dict(os.environ)
    # gcsfs asks over gRPC with TLS what kind of bucket it is, which no emulator answers: a minute
    # is lost each time. It reads this when it is imported.
    os.environ["GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT"] = "false"
    os.environ["NO_PROXY"] = "127.0.0.1,localhost"
    try:
        import gcsfs
        from gcp_storage_emulator.server import create_server
    except ImportError as missing:
        raise GsMissing(f"{missing}: pip install gcp-storage-emulator gcsfs.") from missing
    server = create_server("127.0.0.1", 0, in_memory=True, default_bucket=BUCKET)
    server.start()
    endpoint = f"http://127.0.0.1:{server._api._httpd.server_port}"
    os.environ["STORAGE_EMULATOR_HOST"] = endpoint
    try:
        gcsfs.GCSFileSystem.clear_instance_cache()
        yield GsServer(endpoint)
    finally:
        gcsfs.GCSFileSystem.clear_instance_cache()
        server.stop()
        os.environ.clear()
        os.environ.update(before)


def skip_or_fail(missing: GsMissing) -> None:
    """Fail where the server is required (VITRINE_TEST_GS=required, or CI), else skip."""
    import pytest

    if is_required("VITRINE_TEST_GS"):
        pytest.fail(f"The server of Google's storage is required here. {missing}")
    pytest.skip(str(missing))
