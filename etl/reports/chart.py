"""Charts of results, drawn with Altair and vl-convert: no network, no browser."""

import base64
import contextlib
import datetime as dt
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import product
from typing import Any, Literal

import pyarrow as pa
from markupsafe import Markup
from pydantic import BaseModel, ConfigDict
from rich.cells import cell_len, set_cell_size

from etl.errors import AccessLakeError
from etl.resources import template
from etl.text import safe_text

SUFFIXES = (".svg", ".png", ".html")
_SLICES = 6
_BARS = 20
_SERIES = 7
# Names of so many letters stand four in a line.
_SHORT_SERIES = 10
_LEGEND_COLUMNS = 4
_LEGEND_COLUMNS_OF_LONG_NAMES = 2
_REST = "others"
_NULL = "(none)"
# How far the labels of a line lie apart, by the type of their column.
_STEPS = {pa.date32(): dt.timedelta(days=1), pa.timestamp("us"): dt.timedelta(hours=1)}
_COLORS = [
    "#3d7dd8",
    "#e07b39",
    "#2f9e6e",
    "#c2528b",
    "#8a6fd1",
    "#b8922c",
    "#4aa5b5",
    "#8d8d8d",
]
# Columns of a terminal, as East Asian letters and emoji are twice as wide.
_LONGEST_LABEL = 30
# What is left of a longer one: its start and its end, with an ellipsis between.
_LABEL_ENDS = (11, 18)
_BAR_PIXELS = 22
# A line of more moments is drawn without points, which would touch each other.
_POINTS = 40
# 12k and 3.5M, but no milli; of each value by itself, so that 0 is 0.
_SHORT_NUMBER = (
    "abs(datum.value) < 1 ? format(datum.value, '~r') : format(datum.value, '~s')"
)
# Days or hours that are filled in: two years of hours.
_MAX_MOMENTS = 20_000
# Sharp on screens with two pixels for one.
_PNG_SCALE = 2
# As a syntax tree, an expression needs no `eval`, which the page forbids.
_EMBED = 'vegaEmbed("#chart", %s, {ast: true, actions: {export: true, source: false, compiled: false, editor: false}});'

Row = dict[str, Any]


class ChartError(AccessLakeError):
    """A chart that cannot be drawn."""


class Chart(BaseModel):
    """How a result is drawn: the columns with labels, values and, where there are several, series."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["pie", "bar", "line"]
    label: str
    value: str
    series: str | None = None

    @property
    def columns(self) -> list[str]:
        return [name for name in (self.label, self.value, self.series) if name]


def render(chart: Chart, table: pa.Table, title: str, suffix: str) -> bytes:
    """A result drawn as SVG, PNG or an HTML page of its own, by the suffix (one of SUFFIXES)."""
    import vl_convert  # noqa: PLC0415 - charts are rare, and this is slow to import

    spec = specification(chart, table, title)
    with _drawing():
        if suffix == ".svg":
            return str(vl_convert.vegalite_to_svg(spec)).encode()
        if suffix == ".png":
            return bytes(vl_convert.vegalite_to_png(spec, scale=_PNG_SCALE))
        bundle = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    return _page(spec, title, str(bundle)).encode()


def _page(spec: dict[str, Any], title: str, bundle: str) -> str:
    """A page that draws the chart itself; its policy allows this one script."""
    # In a script no text may end the script.
    embedded = json.dumps(spec).replace("<", "\\u003c")
    script = Markup(f"\n{bundle}\n{_EMBED % embedded}\n")  # noqa: S704 - a library's, and JSON
    page = template("reports", "chart.html")
    return str(
        page.render(title=safe_text(title), script=script, script_hash=csp_hash(script))
    )


def svg(chart: Chart, table: pa.Table) -> str:
    """An SVG element without title for a page, in the page's own text color."""
    import vl_convert  # noqa: PLC0415 - as above

    spec = specification(
        chart,
        table,
        None,
        width=320,
        height=190,
        foreground="currentColor",
        background="transparent",
    )
    with _drawing():
        return str(vl_convert.vegalite_to_svg(spec))


@contextlib.contextmanager
def _drawing() -> Iterator[None]:
    """Translate whatever vl-convert raises, a panic of its Rust code included, to ChartError."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # a PanicException is no Exception
        raise ChartError(
            f"the chart cannot be drawn ({error}); --format has the result in other formats"
        ) from error


def csp_hash(text: str) -> str:
    """How a Content-Security-Policy names this one inline text."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def specification(
    chart: Chart,
    table: pa.Table,
    title: str | None,
    *,
    width: int = 560,
    height: int = 320,
    foreground: str = "#222222",
    background: str = "white",
) -> dict[str, Any]:
    """The chart as a Vega-Lite specification."""
    import altair as alt  # noqa: PLC0415 - as above

    rows = _rows(chart, table)
    base = alt.Chart(alt.InlineData(values=rows)).properties(width=width, height=height)
    if title:
        base = base.properties(title=safe_text(title))
    draw = {"pie": _pie, "bar": _bars, "line": _line}[chart.kind]
    drawn = _styled(draw(alt, base, chart, rows), foreground, background)
    return drawn.to_dict(validate=False)  # type: ignore[no-any-return]  # validation takes longer than all the rest


def _styled(drawn: Any, foreground: str, background: str) -> Any:
    text = {
        "labelColor": foreground,
        "labelFontSize": 11,
        "titleColor": foreground,
        "titleFontSize": 11,
        "titleFontWeight": "normal",
        # Vega cuts no text: it would cut letters beyond U+FFFF in two, and then fail.
        "labelLimit": 0,
        "titleLimit": 0,
    }
    drawn = drawn.configure(background=background, font="sans-serif", padding=8)
    drawn = drawn.configure_view(stroke=None).configure_range(category=_COLORS)
    drawn = drawn.configure_title(
        color=foreground, anchor="start", fontSize=14, offset=10, limit=0
    )
    # Translucent grey is seen on light and on dark pages.
    drawn = drawn.configure_axis(
        **text, domainColor="#8886", tickColor="#8886", gridColor="#8883"
    )
    return drawn.configure_legend(**text)


def _rows(chart: Chart, table: pa.Table) -> list[Row]:
    """What is drawn: label, value and series of each row; where they are many, the largest."""
    # One column may be label and series.
    columns = list(dict.fromkeys(chart.columns))
    if pa.types.is_temporal(table.schema.field(chart.label).type):
        # What has no time has no place on an axis of time.
        table = table.filter(table[chart.label].is_valid())
    rows = [_row(chart, row) for row in table.select(columns).to_pylist()]
    if chart.kind == "pie":
        return _largest(rows, "label", _SLICES)
    if chart.kind == "bar":
        rows = _first_bars(rows)
    if chart.series:
        rows = _largest_series(rows)
    if chart.kind == "line":
        rows = _filled(rows, *_filling(chart, table.schema))
    return rows


def _row(chart: Chart, row: Row) -> Row:
    drawn = {"label": _label(row[chart.label]), "value": _number(row[chart.value])}
    if chart.series:
        drawn["series"] = str(_label(row[chart.series]))
    return drawn


def _first_bars(rows: list[Row]) -> list[Row]:
    """The rows of the first labels: the report has put them in order."""
    labels = dict.fromkeys(row["label"] for row in rows)
    shown = list(labels)[:_BARS]
    return [row for row in rows if row["label"] in shown]


def _largest_series(rows: list[Row]) -> list[Row]:
    rows = _largest(rows, "series", _SERIES)
    names = _short_names(row["series"] for row in rows)
    return [row | {"series": names[row["series"]]} for row in rows]


def _filling(chart: Chart, schema: pa.Schema) -> tuple[dt.timedelta | None, int | None]:
    """How far the labels of a line lie apart, and the value of one without a row.

    Where events are counted, that is 0. Of a share or a time nothing is known.
    """
    step = _STEPS.get(schema.field(chart.label).type)
    is_count = pa.types.is_integer(schema.field(chart.value).type)
    return step, 0 if is_count else None


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


def _moments(first: str, last: str, step: dt.timedelta) -> list[object]:
    """The labels of all days or hours from the first to the last; none where they are too many."""
    start, end = dt.datetime.fromisoformat(first), dt.datetime.fromisoformat(last)
    count = (end - start) // step + 1
    if count > _MAX_MOMENTS:
        return []
    return [_label(start + number * step) for number in range(count)]


def _largest(rows: list[Row], column: str, limit: int) -> list[Row]:
    """The rows with all but the largest labels (or series) merged under one name."""
    sums: Counter[Any] = Counter()
    for row in rows:
        sums[row[column]] += row["value"] or 0
    largest = set(sums)
    if len(sums) > limit:
        # One less, as the rest is one, too.
        largest = {name for name, _ in sums.most_common(limit - 1)}
    merged: Counter[tuple[Any, Any]] = Counter()
    for row in rows:
        name = row[column] if row[column] in largest else _REST
        renamed = row | {column: name}
        merged[renamed["label"], renamed.get("series")] += row["value"] or 0
    return [
        _merged_row(label, series, value) for (label, series), value in merged.items()
    ]


def _merged_row(label: object, series: str | None, value: float) -> Row:
    row: Row = {"label": label, "value": value}
    return row if series is None else row | {"series": series}


def _number(value: Any) -> float | None:
    """DuckDB sums to Decimal, which JSON does not know."""
    return float(value) if isinstance(value, Decimal) else value


def _label(value: object) -> object:
    if isinstance(value, dt.datetime):
        return value.replace(tzinfo=dt.UTC).isoformat()
    if isinstance(value, dt.date):
        return _label(dt.datetime.combine(value, dt.time()))
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return _NULL if value is None else safe_text(value)


def _short_names(labels: Iterable[object]) -> dict[Any, str]:
    """A name of its own for each label, cut in the middle where it is long: keys and ARNs begin alike."""
    names: dict[Any, str] = {}
    taken: Counter[str] = Counter()
    for label in dict.fromkeys(labels):
        name = _shortened(str(label))
        taken[name] += 1
        names[label] = name if taken[name] == 1 else f"{name} ({taken[name]})"
    return names


def _shortened(text: str) -> str:
    if len(text) <= _LONGEST_LABEL and cell_len(text) <= _LONGEST_LABEL:
        return text
    before, after = _LABEL_ENDS
    start = set_cell_size(text[:before], before)
    # Backwards, as it is cut at the end: what is lost is next to the ellipsis.
    backwards = text[: -after - 1 : -1]
    end = set_cell_size(backwards, after).rstrip()[::-1]
    return f"{start.rstrip()}\u2026{end}"


# The rows are changed in place below: the base of the chart already has them as its data.


def _pie(alt: Any, base: Any, chart: Chart, rows: list[Row]) -> Any:
    total = sum(row["value"] for row in rows) or 1
    names = _short_names(row["label"] for row in rows)
    for row in rows:
        share = row["value"] / total
        row["name"] = f"{names[row['label']]} {share:.0%}"
    legend_order = [row["name"] for row in rows]
    slices = base.mark_arc(stroke="white", strokeWidth=1)
    color = alt.Color("name:N", sort=legend_order, title=_title(chart.label))
    order = alt.Order("value:Q", sort="descending")
    angle = alt.Theta("value:Q", stack=True)
    return slices.encode(
        theta=angle, order=order, color=color, tooltip=_tooltip(alt, chart)
    )


def _bars(alt: Any, base: Any, chart: Chart, rows: list[Row]) -> Any:
    labels = list(dict.fromkeys(row["label"] for row in rows))
    if all(isinstance(label, int) for label in labels):
        position = _upright(alt, chart, labels)
    else:
        names = _short_names(labels)
        for row in rows:
            row["name"] = names[row["label"]]
        base = base.properties(height=alt.Step(_BAR_PIXELS))
        position = _lying(alt, chart, list(names.values()))
    return base.mark_bar().encode(
        **position, **_color(alt, chart, rows), tooltip=_tooltip(alt, chart)
    )


def _upright(alt: Any, chart: Chart, labels: list[int]) -> dict[str, Any]:
    """Bars side by side: short labels, such as hours, have their place below them."""
    axis = alt.Axis(labelAngle=0)
    x = alt.X("label:O", sort=labels, title=_title(chart.label), axis=axis)
    return {"x": x, "y": alt.Y("value:Q", **_value_axis(alt, chart))}


def _lying(alt: Any, chart: Chart, names: list[str]) -> dict[str, Any]:
    """Bars one below the other: long labels have their place beside them."""
    y = alt.Y("name:O", sort=names, title=None)
    return {"y": y, "x": alt.X("value:Q", **_value_axis(alt, chart))}


def _line(alt: Any, base: Any, chart: Chart, rows: list[Row]) -> Any:
    is_sparse = len({row["label"] for row in rows}) <= _POINTS
    point = alt.OverlayMarkDef(size=18) if is_sparse else False
    utc = alt.Scale(type="utc")  # as the days of the lake are
    x = alt.X("label:T", title=None, scale=utc, axis=alt.Axis(tickCount=6))
    y = alt.Y("value:Q", **_value_axis(alt, chart))
    lines = base.mark_line(point=point)
    return lines.encode(
        x=x, y=y, **_color(alt, chart, rows), tooltip=_tooltip(alt, chart)
    )


def _value_axis(alt: Any, chart: Chart) -> dict[str, Any]:
    return {
        "title": _title(chart.value),
        "axis": alt.Axis(labelExpr=_SHORT_NUMBER, tickCount=5),
    }


def _color(alt: Any, chart: Chart, rows: list[Row]) -> dict[str, Any]:
    if not chart.series:
        return {"color": alt.value(_COLORS[0])}
    longest = max((len(row["series"]) for row in rows), default=0)
    columns = (
        _LEGEND_COLUMNS if longest <= _SHORT_SERIES else _LEGEND_COLUMNS_OF_LONG_NAMES
    )
    legend = alt.Legend(orient="bottom", columns=columns)
    return {"color": alt.Color("series:N", title=_title(chart.series), legend=legend)}


def _tooltip(alt: Any, chart: Chart) -> list[Any]:
    fields = [("label:N", chart.label), ("value:Q", chart.value)]
    if chart.series:
        fields.append(("series:N", chart.series))
    # A tooltip makes a picture of what is called `image`, and a heading of `title`: not with a space at the end.
    return [alt.Tooltip(field, title=f"{_title(column)} ") for field, column in fields]


def _title(column: str) -> str:
    return safe_text(column).replace("_", " ")
