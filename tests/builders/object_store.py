"""An object store for tests: moto's server, in this process, which can go away and come back."""

from __future__ import annotations

import itertools
import urllib.request
from collections.abc import Callable, Mapping

import obstore
from moto.server import ThreadedMotoServer
from obstore.store import S3Store
from sqlalchemy import update

from service.store.database import Database, utc_now
from service.store.schema import BlobRow


class ObjectStore:
    """S3 on a port of this machine. What is stored outlives `stop`, until the process ends."""

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        self._server.start()
        self._port = self._server.get_host_and_port()[1]

    @property
    def endpoint(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables by which a process finds it."""
        return {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": self.endpoint,
        }

    def new_url(self) -> str:
        """Make an empty place for blobs; answers its URL."""
        bucket = f"bucket-{next(self._numbers)}"
        request = urllib.request.Request(f"{self.endpoint}/{bucket}", method="PUT")
        urllib.request.urlopen(request).close()
        return f"s3://{bucket}/blobs"

    def keys(self, url: str) -> list[str]:
        """The objects below a URL, by their keys in its bucket."""
        bucket, prefix = self._open(url)
        pages = obstore.list(bucket, prefix)
        return sorted(entry["path"] for page in pages for entry in page)

    def delete(self, url: str, key: str) -> None:
        """Delete an object, as somebody else may."""
        obstore.delete(self._open(url)[0], key)

    def delete_bucket(self, url: str) -> None:
        """Delete the bucket of a URL with all objects in it, as somebody else may."""
        bucket, _ = self._open(url)
        pages = obstore.list(bucket)
        obstore.delete(bucket, [entry["path"] for page in pages for entry in page])
        name = url.removeprefix("s3://").partition("/")[0]
        request = urllib.request.Request(f"{self.endpoint}/{name}", method="DELETE")
        urllib.request.urlopen(request).close()

    def put(self, url: str, key: str, data: bytes) -> None:
        """Write an object, as somebody else may."""
        obstore.put(self._open(url)[0], key, data)

    def _open(self, url: str) -> tuple[S3Store, str]:
        bucket, _, prefix = url.removeprefix("s3://").partition("/")
        store = S3Store(
            bucket,
            client_options={"allow_http": True},
            access_key_id="test",
            secret_access_key="test",
            region="us-east-1",
            endpoint=self.endpoint,
        )
        return store, prefix

    def stop(self) -> None:
        """Refuse connections."""
        self._server.stop()

    def start(self) -> None:
        """Answer again, on the same port."""
        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=self._port, verbose=False)
        self._server.start()


def forget_touches(database: Database) -> None:
    """Let an hour pass for all blobs."""
    with database.transaction() as session:
        session.execute(update(BlobRow).values(touched_at=utc_now(-7200)))


def at_part(number: int, act: Callable[[], None]) -> Callable[[], None]:
    """A sign of life, of which each part has two, that does something before one is written."""
    numbers = iter(range(100))

    def alive() -> None:
        if next(numbers) == 2 * number:
            act()

    return alive
