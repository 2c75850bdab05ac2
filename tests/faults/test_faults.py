"""What S3 and the network do to a run: it goes on, or gives up with a clear message; the lake is right either way."""

import random
import re
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import boto3
import pytest
from conftest import TALLY
from harness import Judge, finish, judge, s3_place
from proxy import (
    Fault,
    Request,
    Rule,
    answer_error,
    close_mid_body,
    delay,
    fault_proxy,
    reset_mid_body,
    store_then_error,
    truncate_body,
)

AT_ONCE = 6
READERS = ("s3fs", "obstore")
LOG_OBJECT = "/2026-01-0"
PAST_TIME_OUT = 33
"""Seconds; a read times out after 30."""

INTERNAL = answer_error(500, "InternalError")
SLOW_DOWN = answer_error(503, "SlowDown")
NO_KEY = answer_error(404, "NoSuchKey")
DENIED = answer_error(403, "AccessDenied")
STORED_500 = store_then_error(500, "InternalError")
STORED_503 = store_then_error(503, "SlowDown")
EXPIRED = answer_error(400, "ExpiredToken")
REVOKED = answer_error(403, "InvalidAccessKeyId")


@dataclass(frozen=True)
class Case:
    """A rule for the proxy, and how the run must end."""

    rule: Callable[[], Rule]
    exit_codes: frozenset[int]
    message: str = ""
    """What standard error says, as a regular expression."""
    workers: int = 1


def every(nth: int, fault: Fault, method: str = "", path: str = "") -> Callable[[], Rule]:
    """A rule by which every n-th of the requests that match fails, and the one after it does not."""

    def rule() -> Rule:
        seen = 0

        def choose(request: Request) -> Fault | None:
            nonlocal seen
            if method not in ("", request.method) or path not in request.path:
                return None
            seen += 1
            return fault if seen % nth == 0 else None

        return choose

    return rule


def only(number: int, fault: Fault, method: str, path: str = "") -> Callable[[], Rule]:
    """A rule by which one request of those that match fails."""

    def rule() -> Rule:
        seen = 0

        def choose(request: Request) -> Fault | None:
            nonlocal seen
            seen += request.method == method and path in request.path
            return fault if seen == number and request.method == method and path in request.path else None

        return choose

    return rule


def from_then_on(number: int, fault: Fault, method: str, path: str = "") -> Callable[[], Rule]:
    """A rule by which all requests that match fail from the n-th on."""
    return lambda: (
        lambda request: (
            fault if request.method == method and path in request.path and request.number >= number else None
        )
    )


def storm(seed: int) -> Callable[[], Rule]:
    """A rule by which a tenth of all requests fails in one way or another."""
    faults = [
        INTERNAL,
        SLOW_DOWN,
        NO_KEY,
        DENIED,
        STORED_500,
        STORED_503,
        reset_mid_body,
        close_mid_body,
        truncate_body,
        delay(1),
    ]

    def rule() -> Rule:
        rng = random.Random(seed)
        return lambda _request: rng.choice(faults) if rng.random() < 0.1 else None

    return rule


DONE, FAILED, EITHER = frozenset({0}), frozenset({1}), frozenset({0, 1})
FORBIDDEN = "may not do that; .* must allow s3:"
CASES = {
    "500 now and then": Case(every(5, INTERNAL), DONE),
    "503 SlowDown now and then": Case(every(5, SLOW_DOWN), DONE, workers=2),
    "stored, but answered with 500": Case(every(3, STORED_500, "PUT"), DONE),
    "stored, but answered with 503, two workers": Case(every(2, STORED_503, "PUT"), DONE, workers=2),
    "stored, and the connection is reset": Case(every(3, reset_mid_body, "PUT"), DONE),
    "reset in the middle of a body": Case(every(3, reset_mid_body, "GET"), DONE),
    "closed in the middle of a body": Case(every(3, close_mid_body, "GET"), DONE),
    "a log object gone in the middle of the run": Case(only(3, NO_KEY, "GET", LOG_OBJECT), DONE),
    "a part answered with 404 once": Case(only(2, NO_KEY, "GET", "part-"), DONE),
    "a log object truncated": Case(only(3, truncate_body, "GET", LOG_OBJECT), FAILED, "changed while it was read"),
    "a part truncated": Case(only(2, truncate_body, "GET", "part-"), EITHER),
    "a listing truncated": Case(every(3, truncate_body, "GET", "list-type"), EITHER),
    "a read past the time-out": Case(only(2, delay(PAST_TIME_OUT), "GET", LOG_OBJECT), DONE),
    "a write past the time-out": Case(only(9, delay(PAST_TIME_OUT), "PUT"), DONE),
    "no log object can be read": Case(
        from_then_on(1, INTERNAL, "GET", LOG_OBJECT), FAILED, "InternalError to GetObject: try again"
    ),
    "only 503 from a write on": Case(from_then_on(9, SLOW_DOWN, "PUT"), FAILED, "SlowDown to PutObject: try again"),
    "writes refused half-way": Case(from_then_on(9, DENIED, "PUT"), FAILED, FORBIDDEN + "PutObject"),
    "reads refused half-way": Case(from_then_on(25, DENIED, "GET"), FAILED, FORBIDDEN + "(GetObject|ListBucket)", 2),
    "credentials expire half-way": Case(from_then_on(25, EXPIRED, "GET"), FAILED, "credentials have expired; get new"),
    "access key revoked half-way": Case(from_then_on(9, REVOKED, "PUT"), FAILED, "does not know this access key"),
    **{f"storm {seed}": Case(storm(seed), EITHER, workers=1 + seed % 2) for seed in range(6)},
}


@pytest.fixture(scope="module")
def whole(moto_server: str) -> Judge:
    return judge(s3_place(boto3.client("s3", endpoint_url=moto_server), moto_server, "faults"))


@pytest.fixture(scope="module")
def outcomes(whole: Judge) -> Iterator[dict[tuple[str, str], "Future[None]"]]:
    """All cases with both readers, several of which are tried at once."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {
            (name, reader): pool.submit(attempt, whole, case, reader)
            for name, case in CASES.items()
            for reader in READERS
        }


def attempt(whole: Judge, case: Case, reader: str) -> None:
    lake = uuid.uuid4().hex
    with fault_proxy(whole.place.endpoint_url or "") as proxy:
        proxy.rule = case.rule()
        environment = {"ACCESSLAKE_READER": reader}
        process = whole.place.start(
            lake, workers=case.workers, endpoint_url=proxy.endpoint_url, environment=environment
        )
        code, errors = finish(process)
    TALLY.injected += proxy.injected
    assert "Traceback" not in errors, errors
    assert code in case.exit_codes, errors
    assert proxy.injected > 0
    assert re.search(case.message, errors), errors
    whole.recovers(lake)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("name", CASES)
def test_fault(name: str, reader: str, outcomes: "dict[tuple[str, str], Future[None]]") -> None:
    """The run ends as it must, says why it gave up, never doubles a record; the next run makes the lake whole."""
    outcomes[name, reader].result()
