"""When each source was last listed completely: from there the look-back window is counted."""

import datetime as dt
from collections.abc import Mapping

from pydantic import AwareDatetime, BaseModel

from etl.lake.document import Document
from etl.store import ReadableStore, Store


class Covered(BaseModel):
    """All log objects of `since` (None: of any day) and later that were there at `listed_at` are ingested."""

    since: dt.date | None
    listed_at: AwareDatetime


_CLOCKS_DIFFER = dt.timedelta(days=1)
# Unreadable, it only costs time: everything is listed again.
_DOCUMENT = Document("_runs.json", dict[str, Covered])


def read_covered(store: ReadableStore) -> dict[str, Covered]:
    """What each source's last complete run covered. A missing or unreadable file means: nothing is known."""
    return _DOCUMENT.read(store) or {}


def believable(covered: Mapping[str, Covered], now: dt.datetime) -> dict[str, Covered]:
    """What can be counted on: not what a run wrote whose clock, or this one's, is wrong by more than a day."""
    latest = now + _CLOCKS_DIFFER
    return {name: one for name, one in covered.items() if one.listed_at <= latest}


def write_covered(store: Store, updates: Mapping[str, Covered]) -> None:
    """Record what a complete run covered, beside what others recorded. Raises StoreError where that fails."""
    _DOCUMENT.update(store, lambda before: {**(before or {}), **updates})


def forget_covered(store: Store) -> None:
    """Let the next run list everything: log objects are about to be taken out, and must be found again."""
    if read_covered(store):
        _DOCUMENT.update(store, lambda _before: {})


def first_day(
    covered: Covered | None,
    since: dt.date | None,
    lookback_days: int,
    until: dt.date | None = None,
) -> dt.date | None:
    """The first day that a run has to list (None: every day there is).

    The trailing window counts back from the last complete run, if that run covered at least the days from
    `since` on; else everything from `since` on is listed. So it is where both ends of a period are given: whoever
    names it wants it looked through, as when old logs are back from an archive.
    """
    is_period = since is not None and until is not None
    if is_period or covered is None or not _covers(covered.since, since):
        return since
    # Not further back than asked for, though the window may begin earlier.
    window = _window(covered, lookback_days)
    return max(window, since) if since else window


def now_covered(
    before: Covered | None,
    since: dt.date | None,
    lookback_days: int,
    listed_at: dt.datetime,
    until: dt.date | None = None,
) -> Covered | None:
    """What is covered after a complete run from `first_day` on, and up to the day `until`; None: nothing yet.

    A run that began later than its trailing window, because of `since`, leaves what was covered as it was: the
    days between are still to be listed. So does one that ended before the window, because of `until`. One that ended
    in it counts as if it had listed everything when its last day was over.
    """
    if until is not None:
        if until < listed_at.date() - dt.timedelta(days=lookback_days):
            return before
        listed_at = min(listed_at, _end_of(until))
    if before is None or not _covers(before.since, since):
        return Covered(since=since, listed_at=listed_at)
    if since is not None and since > _window(before, lookback_days):
        return before
    return Covered(since=before.since, listed_at=max(before.listed_at, listed_at))


def _end_of(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time.max, dt.UTC)


def _window(covered: Covered, lookback_days: int) -> dt.date:
    return covered.listed_at.date() - dt.timedelta(days=lookback_days)


def _covers(covered_since: dt.date | None, since: dt.date | None) -> bool:
    return covered_since is None or (since is not None and covered_since <= since)
