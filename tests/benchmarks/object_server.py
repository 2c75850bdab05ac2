"""An S3 server for benchmarks: nginx serves objects as static files, and a handler lists them.

    python tests/benchmarks/object_server.py ROOT SOCKET LATENCY

ROOT has a folder for each bucket. nginx takes 0.02 ms of CPU for a GET and honors Range and If-Match; credentials and
signatures are ignored. These buckets are read-only. One more, `written`, is behind it in a moto server, which is slow.
Run as a script, this is the handler of ListObjectsV2, on a Unix socket.

Debian's packages are nginx, libnginx-mod-http-echo (adds latency, without a bound to the throughput) and
libnginx-mod-http-headers-more-filter.
"""

import asyncio
import datetime as dt
import os
import socket
import subprocess
import sys
import tempfile
import time
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote
from xml.sax.saxutils import escape

from aiohttp import web

_LAST = chr(sys.maxunicode)
_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
_CONFIG = """
daemon off;
master_process off;
pid {home}/nginx.pid;
error_log {home}/error.log;
load_module {modules}/ngx_http_echo_module.so;
load_module {modules}/ngx_http_headers_more_filter_module.so;
events {{ worker_connections 8192; }}
http {{
    {temporary}
    keepalive_requests 1000000;
    keepalive_timeout 600s;
    tcp_nodelay on;
    default_type binary/octet-stream;
    map $args $is_list {{ default 0; "~(^|&)list-type=2(&|$)" 1; }}
    # nginx compares ETags with their quotes; S3 takes them without, too.
    map $http_if_match $if_match {{ default $http_if_match; "~^[^\\"*]+$" "\\"$http_if_match\\""; }}
    log_format requests "$request_method $is_list $request_length $body_bytes_sent";
    access_log {home}/requests.log requests;
    upstream lister {{ server unix:{home}/lister.sock; keepalive 64; }}
    upstream moto {{ server 127.0.0.1:{moto_port}; }}
    client_max_body_size 0;
    server {{
        listen 127.0.0.1:{port};
        root {root};
        error_page 418 = @list;
        error_page 301 403 404 = @missing;
        error_page 412 @changed;
        location / {{
            if ($is_list) {{ return 418; }}
            {delay} @object;
        }}
        location /written {{ {delay} @written; }}
        location @written {{
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_pass http://moto;
        }}
        location @object {{
            more_set_input_headers -r "If-Match: $if_match";
            try_files $uri =404;
        }}
        location @list {{
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_pass http://lister;
        }}
        location @missing {{
            default_type application/xml;
            return 404 "<Error><Code>NoSuchKey</Code></Error>";
        }}
        location @changed {{
            default_type application/xml;
            return 412 "<Error><Code>PreconditionFailed</Code></Error>";
        }}
    }}
}}
"""


@dataclass(frozen=True)
class Requests:
    """What clients requested, by kind (LIST, GET, HEAD, ...)."""

    counts: Counter[str]
    received: int
    """Bytes of the responses, without their headers."""
    sent: int
    """Bytes of the requests that write."""


class ObjectServer:
    """Serves the folders in `root` as buckets, as long as the context lasts; each response after `latency_ms`."""

    def __init__(self, root: Path, latency_ms: int = 0) -> None:
        self._root = root
        self._latency = latency_ms / 1000
        self._home = tempfile.TemporaryDirectory(prefix="object-server-")
        self._log = Path(self._home.name) / "requests.log"
        self._log_position = 0
        self._port, self._moto_port = _free_port(), _free_port()
        self.host = f"127.0.0.1:{self._port}"
        self.url = f"http://{self.host}"

    def __enter__(self) -> Self:
        home = Path(self._home.name)
        config = home / "nginx.conf"
        config.write_text(self._config(home))
        sock = home / "lister.sock"
        self._lister = subprocess.Popen([sys.executable, __file__, self._root, sock, str(self._latency)])
        self._nginx = subprocess.Popen(["nginx", "-c", config, "-e", home / "error.log"])  # noqa: S607
        moto = [sys.executable, "-m", "moto.server", "-p", str(self._moto_port)]
        self._moto = subprocess.Popen(moto, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        _wait_for(sock.exists)
        for port in (self._port, self._moto_port):
            _wait_for(partial(_is_open, port))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in (self._nginx, self._lister, self._moto):
            process.terminate()
            process.wait()
        self._home.cleanup()

    def empty_written(self) -> None:
        """Make the bucket `written`, or make it anew."""
        for method, path in (("POST", "/moto-api/reset"), ("PUT", "/written")):
            moto = HTTPConnection("127.0.0.1", self._moto_port)
            moto.request(method, path)
            moto.getresponse().read()
            moto.close()

    def new_requests(self) -> Requests:
        """The requests since the last call."""
        time.sleep(0.05)  # nginx writes its log when the client has the response already
        with self._log.open() as log:
            log.seek(self._log_position)
            lines = [line.split() for line in log]
            self._log_position = log.tell()
        return Requests(
            counts=Counter("LIST" if is_list == "1" else method for method, is_list, _, _ in lines),
            received=sum(int(received) for _, _, _, received in lines),
            sent=sum(int(sent) for method, _, sent, _ in lines if method in ("PUT", "POST")),
        )

    def _config(self, home: Path) -> str:
        delay = f"echo_sleep {self._latency}; echo_exec" if self._latency else "try_files /none"
        return _CONFIG.format(
            home=home,
            modules="/usr/lib/nginx/modules",
            temporary=" ".join(f"{name}_temp_path {home}/{name};" for name in _TEMPORARY),
            port=self._port,
            moto_port=self._moto_port,
            root=self._root.resolve(),
            delay=delay,
        )


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def _is_open(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def _wait_for(is_up: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not is_up():
        if time.monotonic() > deadline:
            raise SystemExit("the object server does not start")
        time.sleep(0.01)


class Bucket:
    """The objects of a bucket in the order of their keys, each with its part of a listing's XML."""

    def __init__(self, directory: Path) -> None:
        files = sorted(_files(directory))
        self.keys = [key for key, _ in files]
        self._plain = [_contents(escape(key), stat) for key, stat in files]
        self._encoded = [_contents(quote(key), stat) for key, stat in files]

    def page(self, query: dict[str, str]) -> str:
        """The response to ListObjectsV2; a continuation token is the position of the next key."""
        prefix = query.get("prefix", "")
        start = max(bisect_left(self.keys, prefix), bisect_right(self.keys, query.get("start-after", "")))
        start = int(query.get("continuation-token", start))
        end = bisect_left(self.keys, prefix + _LAST)
        is_encoded = query.get("encoding-type") == "url"
        most = int(query.get("max-keys", 1000))
        delimiter = query.get("delimiter", "")
        objects, folders, start = self._items(start, end, most, prefix, delimiter)
        contents = self._encoded if is_encoded else self._plain
        write = quote if is_encoded else escape
        return "".join(
            (
                '<?xml version="1.0" encoding="UTF-8"?>',
                '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">',
                f"<KeyCount>{len(objects) + len(folders)}</KeyCount><MaxKeys>{most}</MaxKeys>",
                "<EncodingType>url</EncodingType>" if is_encoded else "",
                f"<Prefix>{write(prefix)}</Prefix>",
                _continuation(start, end),
                *(contents[one] for one in objects),
                *(f"<CommonPrefixes><Prefix>{write(folder)}</Prefix></CommonPrefixes>" for folder in folders),
                "</ListBucketResult>",
            )
        )

    def _items(self, start: int, end: int, most: int, prefix: str, delimiter: str) -> tuple[list[int], list[str], int]:
        """Positions of objects, folders, and where the next page starts."""
        if not delimiter:
            stop = min(start + most, end)
            return list(range(start, stop)), [], stop
        objects: list[int] = []
        folders: list[str] = []
        while start < end and len(objects) + len(folders) < most:
            name, found, _ = self.keys[start][len(prefix) :].partition(delimiter)
            if found:
                folders.append(prefix + name + found)
                start = bisect_left(self.keys, folders[-1] + _LAST, start)
            else:
                objects.append(start)
                start += 1
        return objects, folders, start


def _files(directory: Path) -> Iterator[tuple[str, os.stat_result]]:
    for folder, _, names in os.walk(directory):
        for name in names:
            path = Path(folder, name)
            yield str(path.relative_to(directory)), path.stat()


def _contents(key: str, stat: os.stat_result) -> str:
    """An object in a listing, with the ETag that nginx sends."""
    seconds = int(stat.st_mtime)
    modified = dt.datetime.fromtimestamp(seconds, dt.UTC)
    etag = f"&quot;{seconds:x}-{stat.st_size:x}&quot;"
    return (
        f"<Contents><Key>{key}</Key><LastModified>{modified:%Y-%m-%dT%H:%M:%S.000Z}</LastModified>"
        f"<ETag>{etag}</ETag><Size>{stat.st_size}</Size><StorageClass>STANDARD</StorageClass></Contents>"
    )


def _continuation(start: int, end: int) -> str:
    if start >= end:
        return "<IsTruncated>false</IsTruncated>"
    return f"<IsTruncated>true</IsTruncated><NextContinuationToken>{start}</NextContinuationToken>"


def serve_lists(root: Path, sock: Path, latency: float) -> None:
    """Respond to ListObjectsV2 for the buckets in `root`, `latency` seconds after a request."""
    buckets = {folder.name: Bucket(folder) for folder in root.iterdir()}

    async def respond(request: web.Request) -> web.Response:
        await asyncio.sleep(latency)
        bucket = buckets.get(request.path.strip("/"))
        if bucket is None:
            return web.Response(status=404, text="<Error><Code>NoSuchBucket</Code></Error>")
        return web.Response(text=bucket.page(dict(request.query)), content_type="application/xml")

    application = web.Application()
    application.router.add_get("/{bucket:.*}", respond)
    web.run_app(application, path=str(sock), print=None, access_log=None)


if __name__ == "__main__":
    serve_lists(Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]))
