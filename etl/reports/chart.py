"""Charts of results, drawn with Altair and vl-convert: no network, no browser."""

import base64
import contextlib
import datetime as dt
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from decimal import Decimal
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
_SHORT_SERIES = 10
"""Names of so many letters stand four in a line."""
_REST = "others"
_NOTHING = "(none)"
_STEPS = {pa.date32(): dt.timedelta(days=1), pa.timestamp("us"): dt.timedelta(hours=1)}
_COLORS = ["#3d7dd8", "#e07b39", "#2f9e6e", "#c2528b", "#8a6fd1", "#b8922c", "#4aa5b5", "#8d8d8d"]
_LONGEST_LABEL = 30
"""Columns of a terminal, as East Asian letters and emoji are twice as wide."""
_LABEL_ENDS = (11, 18)
_BAR_PIXELS = 22
_POINTS = 40
_SHORT = "abs(datum.value) < 1 ? format(datum.value, '~r') : format(datum.value, '~s')"
"""12k and 3.5M, but no milli; of each value by itself, so that 0 is 0."""
_MOST_MOMENTS = 20_000
"""Days or hours that are filled in: two years of hours."""
_PNG_SCALE = 2
_EMBED = 'vegaEmbed("#chart", %s, {ast: true, actions: {export: true, source: false, compiled: false, editor: false}});'
"""As a syntax tree, an expression needs no `eval`, which the page forbids."""

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
    embedded = json.dumps(spec).replace("<", "\\u003c")  # in a script no text may end the script
    script = Markup(f"\n{bundle}\n{_EMBED % embedded}\n")  # noqa: S704 - a library's, and JSON
    page = template("reports", "chart.html").render(title=safe_text(title), script=script, script_hash=csp_hash(script))
    return str(page).encode()


def svg(chart: Chart, table: pa.Table) -> str:
    """An SVG element without title for a page, in the page's own text color."""
    import vl_convert  # noqa: PLC0415 - as above

    spec = specification(chart, table, None, width=320, height=190, ink="currentColor", paper="transparent")
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
        raise ChartError(f"the chart cannot be drawn ({error}); --format has the result in other forms") from error


def csp_hash(text: str) -> str:
    """How a Content-Security-Policy names this one inline text."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def specification(
    chart: Chart,
    table: pa.Table,
    title: str | None,
    *,
    width: int = 560,
    height: int = 320,
    ink: str = "#222222",
    paper: str = "white",
) -> dict[str, Any]:
    """The chart in Vega-Lite's own words."""
    import altair as alt  # noqa: PLC0415 - as above

    rows = _rows(chart, table)
    base = alt.Chart(alt.InlineData(values=rows)).properties(width=width, height=height)
    if title:
        base = base.properties(title=safe_text(title))
    draw = {"pie": _pie, "bar": _bars, "line": _line}[chart.kind]
    words = {
        # Vega cuts no text: it would cut letters beyond U+FFFF in two, and then fail.
        "labelColor": ink, "titleColor": ink, "labelLimit": 0, "titleLimit": 0,
        "labelFontSize": 11, "titleFontSize": 11, "titleFontWeight": "normal",
    }  # fmt: skip
    return (  # type: ignore[no-any-return]
        draw(alt, base, chart, rows)
        .configure(background=paper, font="sans-serif", padding=8)
        .configure_view(stroke=None)
        .configure_range(category=_COLORS)
        .configure_title(color=ink, anchor="start", fontSize=14, offset=10, limit=0)
        .configure_axis(**words, domainColor="#8886", tickColor="#8886", gridColor="#8883")
        .configure_legend(**words)
        .to_dict(validate=False)  # which takes longer than all the rest
    )


def _rows(chart: Chart, table: pa.Table) -> list[Row]:
    """What is drawn: label, value and series of each row; where they are many, the largest."""
    rows = [
        {"label": _label(row[chart.label]), "value": _number(row[chart.value])}
        | ({"series": str(_label(row[chart.series]))} if chart.series else {})
        for row in table.select(list(dict.fromkeys(chart.columns))).to_pylist()
    ]
    if chart.kind == "pie":
        return _largest(rows, "label", _SLICES)
    if chart.kind == "bar":
        shown = list(dict.fromkeys(row["label"] for row in rows))[:_BARS]
        rows = [row for row in rows if row["label"] in shown]
    if chart.series:
        rows = _largest(rows, "series", _SERIES)
        names = _short_names(row["series"] for row in rows)
        rows = [row | {"series": names[row["series"]]} for row in rows]
    if chart.kind == "line":
        is_count = pa.types.is_integer(table.schema.field(chart.value).type)
        rows = _filled(rows, _STEPS.get(table.schema.field(chart.label).type), 0 if is_count else None)
    return rows


def _filled(rows: list[Row], step: dt.timedelta | None, nothing: int | None) -> list[Row]:
    """The rows of a line, with `nothing` where a day or hour has none: a line across it would invent values."""
    if not rows or step is None:
        return rows
    known = {(row["label"], row.get("series")): row for row in rows}
    first, last = (dt.datetime.fromisoformat(of(row["label"] for row in rows)) for of in (min, max))
    count = (last - first) // step + 1
    if count > _MOST_MOMENTS:
        return rows
    moments = [_label(first + number * step) for number in range(count)]
    if not {row["label"] for row in rows} <= set(moments):  # times between the hours
        return rows
    return [
        known.get((moment, series)) or {"label": moment, "value": nothing, "series": series}
        for series in dict.fromkeys(row.get("series") for row in rows)
        for moment in moments
    ]


def _largest(rows: list[Row], name: str, most: int) -> list[Row]:
    """The rows with all but the largest labels (or series) put together under one name."""
    sums: Counter[Any] = Counter()
    for row in rows:
        sums[row[name]] += row["value"] or 0
    kept = list(sums) if len(sums) <= most else [one for one, _ in sums.most_common(most - 1)]
    merged: Counter[tuple[Any, Any]] = Counter()
    for row in rows:
        changed = row | {name: row[name] if row[name] in kept else _REST}
        merged[changed["label"], changed.get("series")] += row["value"] or 0
    return [
        {"label": label, "value": value} | ({"series": series} if series is not None else {})
        for (label, series), value in merged.items()
    ]


def _number(value: Any) -> float | None:
    """A sum of DuckDB's may be a Decimal, which JSON does not know."""
    return float(value) if isinstance(value, Decimal) else value


def _label(value: object) -> object:
    if isinstance(value, dt.datetime):
        return value.replace(tzinfo=dt.UTC).isoformat()
    if isinstance(value, dt.date):
        return _label(dt.datetime.combine(value, dt.time()))
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return _NOTHING if value is None else safe_text(value)


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
    start, end = set_cell_size(text[:before], before), set_cell_size(text[: -after - 1 : -1], after)
    return f"{start.rstrip()}\u2026{end.rstrip()[::-1]}"


def _pie(alt: Any, base: Any, chart: Chart, rows: list[Row]) -> Any:
    whole = sum(row["value"] for row in rows) or 1
    names = _short_names(row["label"] for row in rows)
    for row in rows:
        row["name"] = f"{names[row['label']]} {row['value'] / whole:.0%}"
    return base.mark_arc(stroke="white", strokeWidth=1).encode(
        theta=alt.Theta("value:Q", stack=True),
        order=alt.Order("value:Q", sort="descending"),
        color=alt.Color("name:N", sort=[row["name"] for row in rows], title=_words(chart.label)),
        tooltip=_tooltip(alt, chart),
    )


def _bars(alt: Any, base: Any, chart: Chart, rows: list[Row]) -> Any:
    labels = list(dict.fromkeys(row["label"] for row in rows))
    value = {"shorthand": "value:Q", "title": _words(chart.value), "axis": alt.Axis(labelExpr=_SHORT, tickCount=5)}
    if all(isinstance(one, int) for one in labels):
        label = {"shorthand": "label:O", "sort": labels}
        position = {"x": alt.X(**label, title=_words(chart.label), axis=alt.Axis(labelAngle=0)), "y": alt.Y(**value)}
    else:
        names = _short_names(labels)
        for row in rows:
            row["name"] = names[row["label"]]
        base = base.properties(height=alt.Step(_BAR_PIXELS))
        position = {"y": alt.Y("name:O", sort=list(names.values()), title=None), "x": alt.X(**value)}
    return base.mark_bar().encode(**position, **_color(alt, chart, rows), tooltip=_tooltip(alt, chart))


def _line(alt: Any, base: Any, chart: Chart, rows: list[Row]) -> Any:
    is_sparse = len({row["label"] for row in rows}) <= _POINTS
    return base.mark_line(point=alt.OverlayMarkDef(size=18) if is_sparse else False).encode(
        x=alt.X("label:T", title=None, scale=alt.Scale(type="utc"), axis=alt.Axis(tickCount=6)),
        y=alt.Y("value:Q", title=_words(chart.value), axis=alt.Axis(labelExpr=_SHORT, tickCount=5)),
        tooltip=_tooltip(alt, chart),
        **_color(alt, chart, rows),
    )


def _color(alt: Any, chart: Chart, rows: list[Row]) -> dict[str, Any]:
    if not chart.series:
        return {"color": alt.value(_COLORS[0])}
    longest = max((len(row["series"]) for row in rows), default=0)
    legend = alt.Legend(orient="bottom", columns=4 if longest <= _SHORT_SERIES else 2)
    return {"color": alt.Color("series:N", title=_words(chart.series), legend=legend)}


def _tooltip(alt: Any, chart: Chart) -> list[Any]:
    fields = [("label:N", chart.label), ("value:Q", chart.value)] + (
        [("series:N", chart.series)] if chart.series else []
    )
    # A tooltip makes a picture of what is called `image`, and a heading of `title`: not with a space at the end.
    return [alt.Tooltip(name, title=f"{_words(title)} ") for name, title in fields]


def _words(name: str) -> str:
    return safe_text(name).replace("_", " ")
