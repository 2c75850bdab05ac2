"""Words for sentences: who, where and when. Names come from logs, and are not made safe to print here."""

import datetime as dt
import re
from collections.abc import Iterable, Sequence

from etl.findings.finding import Row
from etl.text import counted

NOBODY = "somebody without credentials"
# The requester of requests without credentials, until about 2009.
_ANONYMOUS = "65a011a29cdf8ec533ec3d1ccaae921c"
_SESSION = re.compile(r"(.*:assumed-role/[^/]*)/(.*)")
_ARN = re.compile(r"arn:[^:]*:(?:iam|sts)::(\d*):(.*)")
_CANONICAL_ID = re.compile(r"[0-9a-f]{64}")
_SHOWN_OF_ID = 8
_LONGEST = 80
_NAMED = 3


def principal(requester: str | None) -> str | None:
    """Who is behind a requester, as the SQL function of this name has it: a role without its session."""
    if requester is None or requester == _ANONYMOUS:
        return None
    session = _SESSION.fullmatch(requester)
    return session[1] if session else requester


def is_service(principal: str | None) -> bool:
    """Whether it is S3 itself, another service of AWS, or CloudFront with its origin access identity."""
    if principal is None:
        return False
    return (
        principal == "AmazonS3"
        or principal.startswith("svc:")
        or ":assumed-role/AWSServiceRoleFor" in principal
        or ":iam::cloudfront:" in principal
    )


def who(principal: str | None, address: str | None = None) -> str:
    """A principal by its own name; whoever has no credentials by the address, where it is known."""
    if principal is None:
        return f"{address} (without credentials)" if address else NOBODY
    arn = _ARN.fullmatch(principal)
    if arn:
        account, resource = arn.groups()
        kind, _, name = resource.partition("/")
        name = name.rpartition("/")[2]
        return cut(f"role {name}" if "role" in kind else name or f"{kind} of {account}")
    if _CANONICAL_ID.fullmatch(principal):
        return f"the account with the canonical id {principal[:_SHOWN_OF_ID]}..."
    return cut(principal)


def whose(requesters: Iterable[str | None]) -> str:
    """Who is behind requesters of one principal; of a role also the session, where there is one alone.

    Where people sign in, the role is that of all who may do the same, and the session has the name of one.
    """
    known = set(requesters)
    first = next(iter(known))
    return with_session(first, 1) if len(known) == 1 else who(principal(first))


def with_session(requester: str | None, sessions: int) -> str:
    """A requester; of a role also its session, and how many others there are of `sessions`."""
    name = who(principal(requester))
    session = _SESSION.fullmatch(requester or "")
    if session is None:
        return name
    others = f" (and {counted(sessions - 1, 'other session')})" if sessions > 1 else ""
    return f"{name} as {cut(session[2])}{others}"


def cut(text: str) -> str:
    """A text that is too long for a sentence, with its middle left out."""
    if len(text) <= _LONGEST:
        return text
    half = _LONGEST // 2 - 2
    return f"{text[:half]}...{text[-half:]}"


def quoted(name: str) -> str:
    return f"`{cut(name)}`"


def places(buckets: Sequence[str]) -> str:
    """Buckets, of which the first has most: one by its name, more by their number, too."""
    if not buckets:
        return "a bucket"
    if len(buckets) == 1:
        return quoted(buckets[0])
    return f"{len(buckets):,} buckets (most in {quoted(buckets[0])})"


def listed(names: Sequence[str], count: int | None = None) -> str:
    """A few names, and how many more there are of `count`."""
    count = len(names) if count is None else count
    shown = list(names[:_NAMED])
    others = count - len(shown)
    if others:
        return f"{', '.join(shown)} and {others:,} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]]) if shown[1:] else shown[0]


def times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"


def when(time: dt.datetime) -> str:
    return f"on {time:%Y-%m-%d} at {time:%H:%M}"


def last(time: dt.datetime, count: int) -> str:
    """When the last of several was, or when the only one was."""
    return when(time) if count == 1 else f"last {when(time)}"


def hour(time: dt.datetime) -> str:
    """The hour of the clock that begins then."""
    end = time + dt.timedelta(hours=1)
    return f"on {time:%Y-%m-%d} from {time:%H:%M} to {end:%H:%M}"


def money(cost: float) -> str:
    """A sum in the currency of the prices."""
    return "less than 0.01" if 0 < cost < 0.01 else f"{cost:,.2f}"  # noqa: PLR2004


def sentence(text: str) -> str:
    """A text with a capital letter, where it does not begin with a name."""
    return text[0].upper() + text[1:] if text.startswith(NOBODY) else text


def first_and_last(times: Iterable[dt.datetime]) -> tuple[dt.date, dt.date]:
    days = [time.date() for time in times]
    return min(days), max(days)


def days_seen(rows: Iterable[Row]) -> tuple[dt.date, dt.date]:
    """The days of the first and the last request of rows that say when theirs were."""
    return first_and_last(
        row[name] for row in rows for name in ("first_time", "last_time")
    )


def at_least(count: int, *, is_cut: bool) -> str:
    """A number of rows, of which there may be more."""
    return f"{count:,} or more" if is_cut else f"{count:,}"


def by(persons: Sequence[str | None]) -> str:
    """Who sent requests, or most of them."""
    return f"{'mostly ' if len(persons) > 1 else ''}by {who(persons[0])}"
