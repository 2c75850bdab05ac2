"""A report over a period beside the same report over the period before.

What the columns of a result are is told by their types and names: texts, days, hours and numbers that are names (as in
log lines, of few bits) tell rows apart; other numbers are counts, unless their names say that they are percentages,
percentiles or sizes.
"""

import datetime as dt
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from etl.arrow import is_number
from etl.config import DEFAULTS, Settings
from etl.dates import day_span, utc_now
from etl.errors import UsageError
from etl.query import (
    Advance,
    Database,
    Result,
    Scope,
    check_days,
    moved_back,
)
from etl.query.known import (
    end_of_records,
    first_days,
    newest_time,
    whole_minutes,
    with_a_day_more,
)
from etl.query.scope import between, whole_days
from etl.reports.report import Report, bind, query_report
from etl.store import ReadableStore

# More rows than there can be.
_NO_LIMIT = 2**62
# Of costs, which are floats: beyond it there is no money.
_DECIMALS = 12
# Columns of rows that cannot be found again in another period.
_INCOMPARABLE = {
    "time": "its rows are single records",
    "month": "it counts by months, which are not equally long",
}
# Moments that tell rows apart. Others, such as last_time, are results.
_CLOCK = frozenset({"hour", "minute"})
_RESULTS = re.compile(r"(?:first|last)_.*|example")
_COSTS = re.compile(r"(?:.*_)?cost|gigabytes")
_NO_COUNTS = re.compile(
    r"(?:.*_)?(?:p\d+|percent|minutes|longest|size|per_second)|days_before"
)

_Row = dict[str, Any]
_Key = tuple[Any, ...]


class Comparison(NamedTuple):
    """The result of a report with the period before it, both periods, and the first day of them with records."""

    result: Result
    period: Scope
    before: Scope
    first_day: dt.date | None


def compare_report(
    store: ReadableStore,
    report: Report,
    scope: Scope,
    parameters: Mapping[str, object] | None = None,
    settings: Settings = DEFAULTS,
    advance: Advance | None = None,
) -> Comparison:
    """A report's result over a period, with `<count>_before` and `<count>_change` after each count.

    Other numbers have `_before` only. The rows of both periods are there, with counts of 0 where one of them has none;
    of a report with a limit, those that are among the first of either. The period before is equally long. While the
    last day is not over, both end at the same time of it. Days and hours of the period before are shown as those that
    they are compared with.

    A period without an end ends with the last day that has records.
    Raises UsageError for a scope without a beginning, and for a report without counts.
    """
    check_days(scope)
    scope = whole_minutes(scope)
    if scope.begin is None:
        raise UsageError(
            "what is to be compared? Say where the period begins: --from or --last"
        )
    now = utc_now()
    database = Database(store, _both_periods(scope), settings, advance=advance)
    values = bind(report, parameters or {})
    columns = _Columns.of(report, database, values)
    newest = newest_time(database, now)
    end = scope.end or _end_of_days(scope.begin, newest)
    length = whole_days(between(scope, scope.begin, end))
    known = end_of_records(
        lambda other: Database(store, other, settings), scope, end, newest, now
    )
    period = between(scope, scope.begin, known)
    before = moved_back(period, length)
    sides = [
        _Side(report, database.within(period), columns, dt.timedelta()),
        _Side(report, database.within(before), columns, length),
    ]
    rows = list(_joined(columns, *_rows_of(sides, values)))
    table = pa.Table.from_pylist(rows, columns.schema)
    first_day = min(first_days(database, now.date()).values(), default=None)
    return Comparison(Result(table.to_reader()), period, before, first_day)


def _both_periods(scope: Scope) -> Scope:
    """The scope that both periods are in; of all days, where it is not known how long the period is."""
    if scope.begin is None or scope.end is None:
        return scope.until_its_end()
    length = whole_days(scope)
    if scope.begin - dt.datetime.min < length:  # noqa: DTZ901 - naive, as the times of records
        raise UsageError(
            "the period is too long for one of equal length before it; choose a shorter one"
        )
    return with_a_day_more(between(scope, scope.begin - length, scope.end))


def _end_of_days(begin: dt.datetime, newest: dt.datetime | None) -> dt.datetime:
    """Where the last day ends that has records; that of the beginning, where there are none since."""
    return day_span(max(begin, newest or begin).date()).end


@dataclass(frozen=True, slots=True)
class _Columns:
    """The columns of a report's result: those that tell rows apart, and what the comparison adds."""

    names: list[str]
    keys: list[str]
    clock: list[str]
    """Those of the keys that are days or hours."""
    numbers: list[str]
    counts: list[str]
    """Those of the numbers whose change means something."""
    order: str | None
    """The key by which rows are in order, where that is not the report's own order."""
    schema: pa.Schema
    """Of the comparison."""

    @classmethod
    def of(
        cls, report: Report, database: Database, values: Mapping[str, object]
    ) -> "_Columns":
        """The columns of a report. Raises UsageError where nothing in it can be compared."""
        nothing = database.query(f"SELECT * FROM ({report.sql}\n) LIMIT 0", values)
        fields = list(nothing.schema)
        _refuse_incomparable(report, nothing.columns)
        label = report.chart.label if report.chart else None
        keys = [field.name for field in fields if _is_key(field, label)]
        numbers = [
            field for field in fields if field.name not in keys and is_number(field.type)
        ]
        counts = [field.name for field in numbers if _is_count(field)]
        if not counts:
            raise UsageError(
                f"report {report.name} has no counts to compare (it has: {', '.join(nothing.columns)})"
            )
        return cls(
            names=nothing.columns,
            keys=keys,
            clock=[
                name
                for name in keys
                if pa.types.is_temporal(nothing.schema.field(name).type)
            ],
            numbers=[field.name for field in numbers],
            counts=counts,
            order=label if label and _is_series(nothing.schema.field(label)) else None,
            schema=pa.schema(list(_with_comparison(fields, numbers, counts))),
        )

    def key_of(self, row: _Row) -> _Key:
        return tuple(row[name] for name in self.keys)


def _refuse_incomparable(report: Report, columns: Sequence[str]) -> None:
    for name in columns:
        if name in _INCOMPARABLE:
            raise UsageError(
                f"report {report.name} cannot be compared: {_INCOMPARABLE[name]}"
            )


def _with_comparison(
    fields: Sequence[pa.Field], numbers: Sequence[pa.Field], counts: Sequence[str]
) -> Iterator[pa.Field]:
    for field in fields:
        yield field
        if field in numbers:
            yield field.with_name(f"{field.name}_before")
        if field.name in counts:
            yield field.with_name(f"{field.name}_change")


def _is_key(field: pa.Field, label: str | None) -> bool:
    """Whether a column tells rows apart; `label` is the one that the report's chart does."""
    if field.name == label or (field.name in _CLOCK):
        return True
    if _RESULTS.fullmatch(field.name):
        return False
    # DuckDB's types, in Arrow's names; SMALLINT is what log lines have that is no amount, such as the status.
    return field.type in (pa.string(), pa.bool_(), pa.date32(), pa.int16())


def _is_series(label: pa.Field) -> bool:
    """Whether a chart's labels are days, hours or ages, in their order."""
    return bool(pa.types.is_temporal(label.type) or label.type == pa.int64())


def _is_count(field: pa.Field) -> bool:
    if pa.types.is_floating(field.type):
        return _COSTS.fullmatch(field.name) is not None
    # Smaller integers are what log lines have, such as milliseconds.
    return field.type != pa.int32() and not _NO_COUNTS.fullmatch(field.name)


@dataclass(frozen=True, slots=True)
class _Side:
    """One of the two periods; `later` is by how much its days and hours are moved."""

    report: Report
    database: Database
    columns: _Columns
    later: dt.timedelta

    def rows(self, values: Mapping[str, object]) -> dict[_Key, _Row]:
        """All rows of the report, by their keys, in its order."""
        result = query_report(self.report, self.database, values)
        rows = [row for batch in result.batches() for row in self._moved(batch)]
        by_key = {self.columns.key_of(row): row for row in rows}
        if len(by_key) < len(rows):
            keys = ", ".join(self.columns.keys)
            raise UsageError(
                f"report {self.report.name} cannot be compared: it has several rows of one {keys}"
            )
        return by_key

    def rows_of(
        self, keys: Sequence[_Key], values: Mapping[str, object]
    ) -> dict[_Key, _Row]:
        """The rows of these keys. There may be millions of others, of which none is kept."""
        result = query_report(self.report, self.database, values)
        wanted = set(keys)
        found = {}
        for batch in result.batches():
            for row in self._moved(self._sifted(batch, keys)):
                key = self.columns.key_of(row)
                if key in wanted:
                    found[key] = row
        return found

    def _sifted(self, batch: pa.RecordBatch, keys: Sequence[_Key]) -> pa.RecordBatch:
        """The rows whose first text is that of a key: few of many."""
        texts = [
            name
            for name in self.columns.keys
            if pa.types.is_string(batch.schema.field(name).type)
        ]
        if not texts:
            return batch
        position = self.columns.keys.index(texts[0])
        values = pa.array({key[position] for key in keys}, pa.string())
        return batch.filter(pc.is_in(batch[texts[0]], values))

    def _moved(self, batch: pa.RecordBatch) -> Iterator[_Row]:
        for row in batch.to_pylist():
            moved = {
                name: row[name] and row[name] + self.later for name in self.columns.clock
            }
            yield {**row, **moved}


def _rows_of(
    sides: Sequence[_Side], values: Mapping[str, object]
) -> list[dict[_Key, _Row]]:
    """The rows of both sides: all of them, or those that are among the first of either."""
    first = [side.rows(values) for side in sides]
    if "limit" not in values:
        return first
    unlimited = {**values, "limit": _NO_LIMIT}
    both = []
    for side, ours, others in zip(sides, first, reversed(first), strict=True):
        missing = [key for key in others if key not in ours]
        both.append({**ours, **side.rows_of(missing, unlimited)} if missing else ours)
    return both


def _joined(
    columns: _Columns, now: Mapping[_Key, _Row], before: Mapping[_Key, _Row]
) -> Iterator[_Row]:
    """The rows of both periods: in the order of the report, or in that of its days and hours."""
    keys = list(dict.fromkeys([*now, *before]))
    if columns.order:
        # Days that only the period before has belong between the others; what is of one day stays in its order.
        position = columns.keys.index(columns.order)
        keys.sort(key=lambda key: (key[position] is None, key[position] or 0))
    for key in keys:
        yield _compared(columns, key, now.get(key), before.get(key))


def _compared(
    columns: _Columns, key: _Key, now: _Row | None, before: _Row | None
) -> _Row:
    nothing = dict.fromkeys(columns.counts, 0)
    current, earlier = now or nothing, before or nothing
    row = {name: current.get(name) for name in columns.names}
    row.update(zip(columns.keys, key, strict=True))
    for name in columns.numbers:
        row[f"{name}_before"] = earlier.get(name)
    for name in columns.counts:
        row[f"{name}_change"] = _change(current[name], earlier[name])
    return row


def _change(now: Any, before: Any) -> Any:
    """How much more it is; NULL where either is not known."""
    if now is None or before is None:
        return None
    change = now - before
    return round(change, _DECIMALS) if isinstance(change, float) else change
