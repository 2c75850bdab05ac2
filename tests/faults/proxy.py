"""An HTTP proxy before an S3 server that fails as networks and stores do, at the request that a test names."""

import contextlib
import http.client
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Request:
    """What a client asks; `number` counts the requests of the same method, from 1."""

    method: str
    path: str
    number: int


@dataclass(frozen=True)
class Answer:
    """What S3 answered."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


Upstream = Callable[[], Answer]
"""Passes the request on to S3; a fault calls it once, or not at all."""
Fault = Callable[["Handler", Upstream], None]
"""Deals with a request in the place of passing it on."""
Rule = Callable[[Request], Fault | None]
"""Chooses the fault for a request, None for none."""


def answer_error(status: int, code: str) -> Fault:
    """S3 refuses; nothing is done."""

    def fault(handler: "Handler", _upstream: Upstream) -> None:
        body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>injected</Message></Error>".encode()
        handler.answer(Answer(status, [("Content-Type", "application/xml")], body))

    return fault


def store_then_error(status: int, code: str) -> Fault:
    """S3 carries out the request, and says that it failed."""

    def fault(handler: "Handler", upstream: Upstream) -> None:
        upstream()
        answer_error(status, code)(handler, upstream)

    return fault


def reset_mid_body(handler: "Handler", upstream: Upstream) -> None:
    """Half of the answer, then the connection is reset."""
    answer = upstream()
    handler.answer(answer, send=answer.body[: len(answer.body) // 2])
    handler.reset()


def close_mid_body(handler: "Handler", upstream: Upstream) -> None:
    """Half of the answer, then the connection ends in an orderly way."""
    answer = upstream()
    handler.answer(answer, send=answer.body[: len(answer.body) // 2])
    handler.close_connection = True


def truncate_body(handler: "Handler", upstream: Upstream) -> None:
    """Half of the answer, which says that it is the whole."""
    answer = upstream()
    half = answer.body[: len(answer.body) // 2]
    checksums = ("x-amz-checksum", "content-md5")
    headers = [(name, value) for name, value in answer.headers if not name.lower().startswith(checksums)]
    handler.answer(Answer(answer.status, headers, half))


def delay(seconds: float) -> Fault:
    """The answer comes late."""

    def fault(handler: "Handler", upstream: Upstream) -> None:
        time.sleep(seconds)
        with contextlib.suppress(OSError):  # nobody waits any more
            handler.answer(upstream())

    return fault


class Handler(BaseHTTPRequestHandler):
    """One client connection."""

    protocol_version = "HTTP/1.1"
    server: "_Server"

    def handle_request(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))

        def upstream() -> Answer:
            headers = {name: value for name, value in self.headers.items() if name.lower() != "expect"}
            with contextlib.closing(http.client.HTTPConnection(self.server.upstream, timeout=60)) as connection:
                connection.request(self.command, self.path, body, headers)
                answer = connection.getresponse()
                return Answer(answer.status, answer.getheaders(), answer.read())

        fault = self.server.choose(self.command, self.path)
        if fault is None:
            self.answer(upstream())
        else:
            fault(self, upstream)

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = handle_request  # noqa: N815 - names of http.server

    def answer(self, answer: Answer, send: bytes | None = None) -> None:
        """Send an answer; with `send`, only so much of the body that it announces."""
        skipped = ("content-length", "transfer-encoding", "connection", "server", "date")
        self.send_response(answer.status)
        for name, value in answer.headers:
            if name.lower() not in skipped:
                self.send_header(name, value)
        length = next((value for name, value in answer.headers if name.lower() == "content-length"), None)
        announced = length if self.command == "HEAD" and length else str(len(answer.body))
        self.send_header("Content-Length", announced)
        self.end_headers()
        self.wfile.write(answer.body if send is None else send)
        self.wfile.flush()

    def reset(self) -> None:
        """End the connection with a reset, not an orderly close."""
        with contextlib.suppress(OSError):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        self.close_connection = True

    def finish(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            super().finish()

    def handle(self) -> None:
        with contextlib.suppress(OSError, ValueError):  # the client is gone
            super().handle()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of http.server
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, upstream: str, proxy: "Proxy") -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.upstream = upstream
        self._proxy = proxy

    def choose(self, method: str, path: str) -> Fault | None:
        return self._proxy.choose(method, path)

    def handle_error(self, *_args: object) -> None:
        """A client that goes away is no error here."""


@dataclass
class Proxy:
    """A running proxy: its address, the rule in force, and what it has seen."""

    endpoint_url: str = ""
    rule: Rule = lambda _request: None
    counts: dict[str, int] = field(default_factory=dict)
    injected: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def choose(self, method: str, path: str) -> Fault | None:
        with self._lock:
            self.counts[method] = self.counts.get(method, 0) + 1
            fault = self.rule(Request(method, path, self.counts[method]))
            self.injected += fault is not None
        return fault


@contextlib.contextmanager
def fault_proxy(endpoint_url: str) -> Iterator[Proxy]:
    """A proxy before the S3 server at `endpoint_url`; without a rule it only passes on."""
    proxy = Proxy()
    server = _Server(urlsplit(endpoint_url).netloc, proxy)
    proxy.endpoint_url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
