"""A store that can only list: ListObjectsV2 over sorted keys in memory, fast enough for thousands of polls.

As a script, `python tests/listing_server.py KEYS` lists the keys in a file, one a line, and prints its URL.
"""

import hashlib
import socketserver
import sys
import threading
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape

_PAGE_KEYS = 1000
# Sorts after every character that a key can go on with.
_LAST = "\U0010ffff"
_OBJECT = (
    "<Contents><Key>{}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
    "<ETag>&quot;{}&quot;</ETag><Size>1024</Size></Contents>"
)
_FOLDER = "<CommonPrefixes><Prefix>{}</Prefix></CommonPrefixes>"
_HEAD = "HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\nContent-Length: {}\r\n\r\n"


class ListingServer(socketserver.ThreadingTCPServer):
    """Answers each request as ListObjectsV2 of one bucket, whose `keys`, in order, may change between requests."""

    daemon_threads = True

    def __init__(self, keys: Sequence[str] = ()) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.keys = list(keys)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


@contextmanager
def listing_server(keys: Sequence[str] = ()) -> Iterator[ListingServer]:
    """A server at work in a thread."""
    with ListingServer(keys) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def etag_of(key: str) -> str:
    """The ETag that the server gives an object: as long and as random as those of S3."""
    return hashlib.blake2b(key.encode(), digest_size=16).hexdigest()


class _Handler(socketserver.StreamRequestHandler):
    """One connection, kept open. Of a request only the first line matters."""

    server: ListingServer
    disable_nagle_algorithm = True

    def handle(self) -> None:
        while request := self.rfile.readline():
            while self.rfile.readline().strip():
                pass
            query = parse_qs(urlsplit(request.split()[1].decode()).query)
            body = _page(self.server.keys, {name: values[0] for name, values in query.items()})
            self.wfile.write(body)


def _page(keys: Sequence[str], query: dict[str, str]) -> bytes:
    """The page of keys and folders that a request's query asks for, as XML."""
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    after = query.get("continuation-token") or query.get("start-after", "")
    end = bisect_left(keys, prefix + _LAST)
    at = max(bisect_left(keys, prefix), bisect_right(keys, after))
    items: list[str] = []
    while at < end and len(items) < _PAGE_KEYS:
        after = keys[at]
        cut = after.find(delimiter, len(prefix)) if delimiter else -1
        if cut < 0:
            items.append(_OBJECT.format(escape(after), etag_of(after)))
            at += 1
        else:
            folder = after[: cut + 1]
            items.append(_FOLDER.format(escape(folder)))
            after = folder + _LAST
            at = bisect_left(keys, after)
    return _response(items, after if at < end else None)


def _response(items: list[str], token: str | None) -> bytes:
    more = f"<NextContinuationToken>{escape(token)}</NextContinuationToken>" if token else ""
    is_truncated = "true" if token else "false"
    listing = f"<IsTruncated>{is_truncated}</IsTruncated>{more}{''.join(items)}"
    body = f'<?xml version="1.0" encoding="UTF-8"?><ListBucketResult>{listing}</ListBucketResult>'.encode()
    return _HEAD.format(len(body)).encode() + body


if __name__ == "__main__":
    with listing_server(Path(sys.argv[1]).read_text().splitlines()) as lister:
        sys.stdout.write(f"{lister.url}\n")
        sys.stdout.flush()
        threading.Event().wait()
