"""What a chart draws of a result: its rows as slices, bars or points, with the texts beside them.

Nothing is left out without a word: what is beyond the largest is one slice or series, or is counted and summed up below
the bars, and an axis with an order is drawn from its one end to the other.
"""

import datetime as dt
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import product
from typing import Any, Literal

import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from etl.shorten import fitted
from etl.text import Kind, in_words, kind_of, safe_text

_SLICES = 6
_BARS = 20
# Bars of an axis with an order: more than the days of a month, and wide enough to be told apart.
_ORDERED_BARS = 50
_SERIES = 7
_NULL = "(none)"
_REST = re.compile(r"[0-9,]+ others")
# Columns of a terminal, as East Asian letters and emoji are twice as wide.
_LONGEST_LABEL = 30
# Days or hours that are filled in: two years of hours.
_MAX_MOMENTS = 20_000
# How far the labels of a line lie apart, by the type of their column, and what that is called.
_STEPS = {
    pa.date32(): (dt.timedelta(days=1), "day"),
    pa.timestamp("us"): (dt.timedelta(hours=1), "hour"),
}
# Numbers of which there is no sum: those of two rows together are not one after the other.
_NO_SUM = re.compile(
    r"(?:^|_)(?:p\d+|longest|percent|time|ms|minutes|average|median)(?:$|_)"
)
# What a bin of whole numbers is wide: people count in these.
_ROUND = (1, 2, 5)

Row = dict[str, Any]


class Chart(BaseModel):
    """How a result is drawn: the columns with labels, values and, where there are several, series."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["pie", "bar", "line"]
    label: str
    value: str
    series: str | None = None
    ordered: bool | None = None
    """Whether bars have an order of their own, as hours have, and are all drawn; None where the type tells: numbers and
    times have one, texts have none."""

    @property
    def columns(self) -> list[str]:
        return [name for name in (self.label, self.value, self.series) if name]


@dataclass(frozen=True, slots=True)
class Drawn:
    """The rows of a chart: `label`, `value`, perhaps `series`, and the texts `name` (of the label) and `tip`."""

    rows: list[Row]
    remark: str = ""
    """What has to be said of it: how much is left out, or that the last day is not over."""

    is_upright: bool = False
    """Whether bars stand side by side, as their labels are short."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing would be seen."""
        return not any(row["value"] is not None for row in self.rows)


def drawn(chart: Chart, table: pa.Table, until: dt.datetime | None = None) -> Drawn:
    """What is drawn of a result, whose records go until that time, UTC; None where they go on to the end."""
    label_type = table.schema.field(chart.label).type
    if pa.types.is_temporal(label_type):
        # What has no time has no place on an axis of time.
        table = table.filter(table[chart.label].is_valid())
    # One column may be label and series.
    columns = list(dict.fromkeys(chart.columns))
    rows = [_row(chart, row) for row in table.select(columns).to_pylist()]
    if chart.kind == "pie":
        return Drawn(_tipped(chart, _slices(rows)))
    left_out = ""
    if chart.series:
        rows, left_out = _few_series(chart, rows)
    if chart.kind == "line":
        result = _points(chart, rows, table.schema, until)
    elif is_ordered(chart, label_type):
        result = _ordered_bars(chart, rows, label_type, until)
    else:
        if not chart.series:
            _tell_apart(chart, table, rows)
        result = _first_bars(chart, rows)
    remarks = filter(None, (left_out, result.remark))
    return replace(result, remark="; ".join(remarks))


def is_ordered(chart: Chart, label_type: pa.DataType) -> bool:
    """Whether the bars of a chart have an order of their own."""
    if chart.ordered is not None:
        return chart.ordered
    return bool(pa.types.is_integer(label_type) or pa.types.is_temporal(label_type))


def is_rest(name: object) -> bool:
    """Whether a label or series is all but the largest."""
    return isinstance(name, str) and _REST.fullmatch(name) is not None


def title_of(column: str) -> str:
    return safe_text(column).replace("_", " ")


def _row(chart: Chart, row: Row) -> Row:
    label = row[chart.label]
    is_plain = isinstance(label, (int, str, dt.date)) and not isinstance(label, bool)
    if label is not None and not is_plain:
        label = safe_text(label)
    drawn_row = {"label": label, "value": _number(row[chart.value])}
    if chart.series:
        drawn_row["series"] = _text(chart.series, row[chart.series])
    return drawn_row


def _number(value: Any) -> float | None:
    """DuckDB sums to Decimal, which JSON does not know."""
    return float(value) if isinstance(value, Decimal) else value


def _text(column: str, label: object) -> str:
    """A label as people read it, in full."""
    if label is None:
        return _NULL
    if isinstance(label, dt.datetime):
        # Seldom a second matters, and on hours none does.
        return f"{label:%Y-%m-%d %H:%M:%S}".removesuffix(":00")
    if isinstance(label, dt.date) and column == "month":
        return f"{label:%Y-%m}"
    return in_words(column, label)


def _slices(rows: Sequence[Row]) -> list[Row]:
    """The largest labels and the rest, with their shares."""
    merged = _largest(rows, "label", _SLICES)
    total = sum(row["value"] or 0 for row in merged) or 1
    names = fitted((str(_text("", row["label"])) for row in merged), _LONGEST_LABEL)
    for row in merged:
        row["name"] = (
            f"{names[_text('', row['label'])]} {(row['value'] or 0) / total:.0%}"
        )
    return merged if any(row["value"] for row in merged) else []


def _tell_apart(chart: Chart, table: pa.Table, rows: Sequence[Row]) -> None:
    """Add to labels that several rows have what these rows differ in, such as the buckets of equal keys.

    One bar of them would be a sum of those alone that are within the limit of the report, or of times, that have none.
    """
    for column in table.schema:
        is_text = pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
        if not is_text or column.name in chart.columns:
            continue
        texts = [_text(column.name, text) for text in table[column.name].to_pylist()]
        shared = _shared_labels(rows, texts)
        for row, text in zip(rows, texts, strict=True):
            if row["label"] in shared:
                row["label"] = f"{_text(chart.label, row['label'])} ({text})"


def _shared_labels(rows: Sequence[Row], texts: Sequence[str]) -> set[object]:
    """The labels of several rows whose texts differ."""
    by_label: dict[object, set[str]] = {}
    for row, text in zip(rows, texts, strict=True):
        by_label.setdefault(row["label"], set()).add(text)
    return {label for label, different in by_label.items() if len(different) > 1}


def _first_bars(chart: Chart, rows: Sequence[Row]) -> Drawn:
    """The bars of the first labels, as the report has put them in order; how many more there are, and their sum."""
    labels = list(dict.fromkeys(row["label"] for row in rows))
    shown = set(labels[:_BARS])
    bars = [row for row in rows if row["label"] in shown]
    names = fitted(
        (_text(chart.label, label) for label in labels[:_BARS]), _LONGEST_LABEL
    )
    for row in bars:
        row["name"] = names[_text(chart.label, row["label"])]
    left_out = [row["value"] or 0 for row in rows if row["label"] not in shown]
    remark = _remark(chart, len(labels) - len(shown), left_out)
    is_upright = all(isinstance(label, int) for label in labels)
    return Drawn(_tipped(chart, bars), remark, is_upright)


def _remark(chart: Chart, labels: int, values: Sequence[float]) -> str:
    if not labels:
        return ""
    if not _has_sum(chart):
        return f"{labels:,} more"
    total = in_words(chart.value, sum(values))
    unit = f" {title_of(chart.value)}" if kind_of(chart.value) is Kind.COUNT else ""
    return f"{labels:,} more: {total}{unit}"


def _has_sum(chart: Chart) -> bool:
    return not _NO_SUM.search(chart.value.lower())


def _ordered_bars(
    chart: Chart, rows: list[Row], label_type: pa.DataType, until: dt.datetime | None
) -> Drawn:
    """All bars of an axis with an order; where they are too many to be seen, several are one, with their sum."""
    numbers = [row for row in rows if isinstance(row["label"], int)]
    if numbers and len(numbers) == len(rows) and _has_sum(chart):
        return Drawn(_tipped(chart, _binned(chart, rows)), is_upright=True)
    labels = list(dict.fromkeys(row["label"] for row in rows))
    at_once = max(1, -(-len(labels) // _ORDERED_BARS)) if _has_sum(chart) else 1
    names: dict[Any, str] = {}
    for start in range(0, len(labels), at_once):
        several = labels[start : start + at_once]
        ends = (_text(chart.label, label) for label in (several[0], several[-1]))
        names |= dict.fromkeys(several, " to ".join(dict.fromkeys(ends)))
    named = ({"name": names[row["label"]], "bin": names[row["label"]]} for row in rows)
    bars = _merged(row | name for row, name in zip(rows, named, strict=True))
    return replace(_with_open_end(chart, bars, label_type, until), is_upright=True)


def _binned(chart: Chart, rows: Sequence[Row]) -> list[Row]:
    """Bars for all whole numbers from the least to the largest, or for bins of so many of them."""
    first, last = (end(row["label"] for row in rows) for end in (min, max))
    width = _bin_width(first, last)
    starts = range(first // width * width, last + 1, width)
    all_series = dict.fromkeys(row.get("series") for row in rows)
    bars = [
        _bar(chart, start, width, name) for start, name in product(starts, all_series)
    ]
    for row in rows:
        start = row["label"] // width * width
        bars.append(_bar(chart, start, width, row.get("series"), row["value"] or 0))
    return _merged(bars)


def _bin_width(first: int, last: int) -> int:
    """The smallest round number of which the range has not too many."""
    power = 1
    while True:
        for digit in _ROUND:
            width = digit * power
            if last // width - first // width < _ORDERED_BARS:
                return width
        power *= 10


def _bar(
    chart: Chart, start: int, width: int, series: str | None, value: float = 0
) -> Row:
    name = in_words(chart.label, start)
    if width > 1:
        name += f"\u2013{in_words(chart.label, start + width - 1)}"
    row = {"label": start, "name": name, "bin": name, "value": value}
    return row if series is None else row | {"series": series}


def _merged(rows: Iterable[Row]) -> list[Row]:
    """One row for each name (and series), with the sum of its values."""
    merged: dict[tuple[str, str | None], Row] = {}
    for row in rows:
        known = merged.setdefault((row["name"], row.get("series")), row | {"value": None})
        _add(known, row)
        known["label"] = row["label"]
    return list(merged.values())


def _add(merged: Row, row: Row) -> None:
    """Add the value of a row to that of another; of nothing and nothing nothing is known."""
    if row["value"] is not None:
        merged["value"] = (merged["value"] or 0) + row["value"]


def _points(
    chart: Chart, rows: list[Row], schema: pa.Schema, until: dt.datetime | None
) -> Drawn:
    label_type = schema.field(chart.label).type
    step, _ = _STEPS.get(label_type, (None, ""))
    # Where events are counted, a day without any has 0. Of a share or a time nothing is known.
    filler = 0 if pa.types.is_integer(schema.field(chart.value).type) else None
    filled = _filled(rows, step, filler)
    for row in filled:
        row["name"] = _text(chart.label, row["label"])
    return _with_open_end(chart, filled, label_type, until)


def _with_open_end(
    chart: Chart, rows: list[Row], label_type: pa.DataType, until: dt.datetime | None
) -> Drawn:
    """The rows of a series, of which the last are marked as `open` where the records end before their day does."""
    labels = {row["label"] for row in rows}
    step, unit = _STEPS.get(label_type, (None, ""))
    if not labels or step is None or until is None:
        return Drawn(_tipped(chart, rows))
    last = max(labels)
    if chart.label == "month":
        step, unit = _rest_of_month(last), "month"
    if _moment(last) + step <= until.replace(tzinfo=None):
        return Drawn(_tipped(chart, rows))
    for row in rows:
        row["open"] = row["label"] == last
    remark = (
        f"records until {until:%Y-%m-%d %H:%M} UTC; the last {unit} may not be complete"
    )
    return Drawn(_tipped(chart, rows), remark)


def _rest_of_month(day: dt.date) -> dt.timedelta:
    next_month = (day.replace(day=1) + dt.timedelta(days=31)).replace(day=1)
    return next_month - day


def _moment(label: dt.date) -> dt.datetime:
    if isinstance(label, dt.datetime):
        return label
    return dt.datetime.combine(label, dt.time())


def _filled(rows: list[Row], step: dt.timedelta | None, filler: int | None) -> list[Row]:
    """The rows of a line, with `filler` where a day or hour has none: a line across it would invent values."""
    if not rows or step is None:
        return rows
    labels = {row["label"] for row in rows}
    moments = _moments(min(labels), max(labels), step)
    # There are times between the hours, or too many of them.
    if not labels <= set(moments):
        return rows
    by_moment = {(row["label"], row.get("series")): row for row in rows}
    all_series = dict.fromkeys(row.get("series") for row in rows)
    return [
        by_moment.get((moment, series))
        or {"label": moment, "value": filler, "series": series}
        for series, moment in product(all_series, moments)
    ]


def _moments(first: Any, last: Any, step: dt.timedelta) -> list[dt.date]:
    """All days or hours from the first to the last; none where they are too many."""
    count = (last - first) // step + 1
    return (
        [] if count > _MAX_MOMENTS else [first + number * step for number in range(count)]
    )


def _few_series(chart: Chart, rows: Sequence[Row]) -> tuple[list[Row], str]:
    """The largest series, and the rest as one; or, where they have no sum, how many are left out."""
    if _has_sum(chart):
        merged, left_out = _largest(rows, "series", _SERIES), ""
    else:
        shown = list(dict.fromkeys(row["series"] for row in rows))[:_SERIES]
        merged = [row for row in rows if row["series"] in shown]
        count = len({row["series"] for row in rows}) - len(shown)
        left_out = f"{count:,} more {title_of(chart.series or '')}" if count else ""
    names = fitted((row["series"] for row in merged), _LONGEST_LABEL)
    return [row | {"series": names[row["series"]]} for row in merged], left_out


def _largest(rows: Sequence[Row], column: str, limit: int) -> list[Row]:
    """The rows with all but the largest labels (or series) merged under one name."""
    sums: Counter[Any] = Counter()
    for row in rows:
        sums[row[column]] += row["value"] or 0
    largest, rest = set(sums), ""
    if len(sums) > limit:
        # One less, as the rest is one, too.
        largest = {name for name, _ in sums.most_common(limit - 1)}
        rest = f"{len(sums) - len(largest):,} others"
    merged: dict[tuple[Any, Any], Row] = {}
    for row in rows:
        name = row[column] if row[column] in largest else rest
        renamed = row | {column: name}
        place = renamed["label"], renamed.get("series")
        _add(merged.setdefault(place, renamed | {"value": None}), row)
    return list(merged.values())


def _tipped(chart: Chart, rows: list[Row]) -> list[Row]:
    """The rows with what a pointer on them shows, in full, and with labels that JSON knows."""
    for row in rows:
        label = row.pop("bin", None) or _text(chart.label, row["label"])
        texts = [f"{title_of(chart.label)}: {label}"]
        if chart.series and chart.series != chart.label:
            texts.append(f"{title_of(chart.series)}: {row['series']}")
        shown = in_words(chart.value, row["value"])
        row["tip"] = ", ".join([*texts, f"{title_of(chart.value)}: {shown}"])
        row["label"] = _json(row["label"])
    return rows


def _json(label: object) -> object:
    if isinstance(label, dt.date):
        return _moment(label).replace(tzinfo=dt.UTC).isoformat()
    if isinstance(label, int):
        return label
    return _NULL if label is None else safe_text(label)
