"""Pings to a service that expects a job to report: `<url>/start` when it begins, `<url>/<exit code>` when it ends.

The form is that of healthchecks (https://healthchecks.io/docs/http_api/). The URL is a secret: whoever has it can claim
that all is well. No message has it in it.
"""

import ssl
import threading
import urllib.request
import uuid
from collections.abc import Callable
from urllib.parse import urlencode, urlsplit, urlunsplit

from pydantic import SecretStr

_SECONDS = 5.0
# Services keep about so much of a body.
_MOST_BYTES = 100_000


class Ping:
    """The pings of one run; each takes at most five seconds, and none fails the run."""

    def __init__(self, url: SecretStr, warn: Callable[[str], None]) -> None:
        self._url = url
        self._run_id = str(uuid.uuid4())
        self._warn = warn

    def start(self) -> None:
        """Say that the run begins."""
        self._send("start", b"")

    def end(self, exit_code: int, summary: str) -> None:
        """Say how the run ended, with its summary as the body."""
        self._send(str(exit_code), summary.encode("utf-8", "backslashreplace"))

    def _send(self, what: str, body: bytes) -> None:
        problem: list[str] = ["no answer within five seconds"]

        def send() -> None:
            try:
                request = self._request(what, body)
                with urllib.request.urlopen(request, timeout=_SECONDS):  # noqa: S310 - settings have URLs of HTTP only
                    problem.clear()
            except Exception as error:  # noqa: BLE001 - whatever it is, the run goes on
                problem[:] = [_describe(error)]

        # The time-out of a socket is for each wait, and names are looked up without any.
        sender = threading.Thread(target=send, name="ping", daemon=True)
        sender.start()
        sender.join(_SECONDS)
        if problem:
            self._warn(f"the ping /{what} failed: {problem[0]}")

    def _request(self, what: str, body: bytes) -> urllib.request.Request:
        parts = urlsplit(self._url.get_secret_value())
        query = "&".join(filter(None, (parts.query, urlencode({"rid": self._run_id}))))
        path = f"{parts.path.rstrip('/')}/{what}"
        url = urlunsplit((parts.scheme, parts.netloc, path, query, ""))
        headers = {"User-Agent": "accesslake"}
        return urllib.request.Request(  # noqa: S310 - as above
            url, body[:_MOST_BYTES], headers, method="POST"
        )


def _describe(error: Exception) -> str:
    """An error without its text, in which the URL may be."""
    code = getattr(error, "code", None)
    if code:
        return f"HTTP status {code}"
    reason = getattr(error, "reason", error)
    # OpenSSL's name of what is wrong, or the system's words for it: neither knows the URL.
    if isinstance(reason, ssl.SSLError):
        return reason.reason or type(reason).__name__
    words = reason.strerror if isinstance(reason, OSError) else None
    return words or type(reason).__name__
