"""The trailing window: counted back from the last complete run, never past what that run covered."""

import datetime as dt
import os
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.errors import StoreError
from etl.lake.coverage import Covered, believable, first_day, now_covered, read_covered, write_covered
from etl.store.base import Store
from etl.store.open import open_store

LISTED = dt.datetime(2026, 3, 20, 2, tzinfo=dt.UTC)
MARCH_1 = dt.date(2026, 3, 1)
MARCH_15 = dt.date(2026, 3, 15)


DAYS = st.one_of(st.none(), st.integers(0, 40))


@given(
    objects=st.lists(st.tuples(st.integers(0, 40), st.integers(0, 10 * 24 + 23)), max_size=20),
    runs=st.lists(st.tuples(st.integers(0, 52 * 24), DAYS, DAYS), max_size=6),
    lookback=st.integers(10, 12),
)
@settings(max_examples=int(os.environ.get("ACCESSLAKE_EXAMPLES", "300")), deadline=None)
def test_no_run_loses_what_it_leaves_out(
    objects: list[tuple[int, int]], runs: list[tuple[int, int | None, int | None]], lookback: int
) -> None:
    """Whatever days runs are bound to, the first one without bounds reads all that is there, late or not.

    Objects are days and the hours after which they were delivered, runs an hour and their bounds.
    """
    first = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
    delivered = [(first.date() + dt.timedelta(day), first + dt.timedelta(day, hours=late)) for day, late in objects]
    ingested: set[int] = set()
    covered: Covered | None = None
    for hour, *bounds in [*sorted(runs, key=lambda run: run[0]), (53 * 24, None, None)]:
        now = first + dt.timedelta(hours=hour)
        since, until = (None if day is None else first.date() + dt.timedelta(day) for day in bounds)
        if since and until and until < since:
            since, until = until, since
        begin = first_day(covered, since, lookback, until) or dt.date.min
        for number, (day, at) in enumerate(delivered):
            if begin <= day <= (until or dt.date.max) and at <= now:
                ingested.add(number)
        covered = now_covered(covered, since, lookback, now, until)
    assert ingested == set(range(len(delivered)))


def test_a_clock_that_was_wrong_hides_nothing() -> None:
    """A window that begins in the future would find nothing, run after run: what such a run wrote is not believed."""
    hour, year = dt.timedelta(hours=1), dt.timedelta(days=365)
    known = {
        "ahead": Covered(since=None, listed_at=LISTED + year),
        "soon": Covered(since=None, listed_at=LISTED + hour),
    }
    assert believable(known, LISTED) == {"soon": known["soon"]}


@pytest.mark.parametrize(
    ("covered", "since", "expected"),
    [
        (None, None, None),
        (None, MARCH_1, MARCH_1),
        (Covered(since=None, listed_at=LISTED), None, dt.date(2026, 3, 10)),
        (Covered(since=None, listed_at=LISTED), MARCH_1, dt.date(2026, 3, 10)),
        (Covered(since=None, listed_at=LISTED), MARCH_15, MARCH_15),
        (Covered(since=MARCH_1, listed_at=LISTED), MARCH_1, dt.date(2026, 3, 10)),
        (Covered(since=MARCH_1, listed_at=LISTED), None, None),
        (Covered(since=MARCH_15, listed_at=LISTED), MARCH_1, MARCH_1),
    ],
)
def test_first_day(covered: Covered | None, since: dt.date | None, expected: dt.date | None) -> None:
    """A gap that an earlier --since left is listed as soon as --since goes away."""
    assert first_day(covered, since, 10) == expected
    # A period is listed as it is named.
    assert first_day(covered, since, 10, MARCH_15) == (since or expected)


def test_what_a_run_covers(tmp_path: Path) -> None:
    """A run keeps what is covered already, and forgets nothing of other sources."""
    now = LISTED + dt.timedelta(days=1)
    all_days, from_1, from_15 = (Covered(since=since, listed_at=LISTED) for since in (None, MARCH_1, MARCH_15))
    assert now_covered(None, None, 10, now) == Covered(since=None, listed_at=now)
    assert now_covered(None, MARCH_1, 10, now) == Covered(since=MARCH_1, listed_at=now)
    assert now_covered(from_1, MARCH_1, 10, now) == Covered(since=MARCH_1, listed_at=now)
    assert now_covered(from_15, MARCH_1, 10, now) == Covered(since=MARCH_1, listed_at=now)
    assert now_covered(all_days, None, 10, now) == Covered(since=None, listed_at=now)
    # From the 15th on is less than the window from the 10th on: the days between stay to be listed.
    assert now_covered(all_days, MARCH_15, 10, now) == all_days
    assert now_covered(from_1, MARCH_15, 10, now) == from_1
    # As if the run had been when its last day was over; before the window nothing changes.
    end_of_15 = dt.datetime.combine(MARCH_15, dt.time.max, dt.UTC)
    assert now_covered(None, MARCH_1, 10, now, MARCH_15) == Covered(since=MARCH_1, listed_at=end_of_15)
    assert now_covered(all_days, None, 10, now, MARCH_15) == all_days
    assert now_covered(all_days, None, 10, now, dt.date(2026, 3, 25)) == Covered(since=None, listed_at=now)
    assert now_covered(from_15, None, 10, now, MARCH_1) == from_15
    assert now_covered(None, None, 10, now, MARCH_1) is None
    store = open_store(str(tmp_path))
    write_covered(store, {"a": Covered(since=None, listed_at=LISTED)})
    write_covered(store, {"b": Covered(since=MARCH_1, listed_at=now)})
    assert set(read_covered(store)) == {"a", "b"}
    (tmp_path / "_runs.json").write_text("garbled")
    assert read_covered(store) == {}
    write_covered(store, {"c": Covered(since=None, listed_at=now)})
    assert set(read_covered(store)) == {"c"}


def test_a_note_that_others_always_write_first_is_an_error(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a run covered is noted, or the run says that it is not: it would list everything again for ever."""
    write, others = store.write, count()

    def beaten(name: str, data: bytes, if_match: str | None) -> str:
        _, etag = store.read(name) if if_match else (b"", None)
        write(
            name, f'{{"other-{next(others)}": {{"since": null, "listed_at": "2026-03-20T00:00:00Z"}}}}'.encode(), etag
        )
        return write(name, data, if_match)

    monkeypatch.setattr(store, "write", beaten)
    monkeypatch.setattr("etl.store.retry._LONGEST_WAIT", 0.001)
    with pytest.raises(StoreError, match=r"_runs\.json: 10 writes in a row lost to other writers; run it again"):
        write_covered(store, {"a": Covered(since=None, listed_at=LISTED)})
    assert next(others) == 10
