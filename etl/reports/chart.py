"""Charts of results, drawn with Altair and vl-convert: no network, no browser."""

import base64
import contextlib
import datetime as dt
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from textwrap import wrap
from typing import Any

import pyarrow as pa
from markupsafe import Markup

from etl.errors import AccessLakeError
from etl.reports.drawn import Chart, Drawn, Row, drawn, is_rest, title_of
from etl.resources import template
from etl.text import Kind, kind_of, safe_text

__all__ = [
    "SUFFIXES",
    "Chart",
    "ChartError",
    "csp_hash",
    "render",
    "specification",
    "svg",
]

SUFFIXES = (".svg", ".png", ".html")
_LEGEND_COLUMNS = 4
# Pixels of a legend beside its names, and of what is beside a legend.
_SYMBOL, _BESIDE_LEGEND = 26, 40
# Pixels of a chart on a page, with all that belongs to it: of a phone's width.
_PAGE_WIDTH = 340
_GREY = "#8d8d8d"
_COLORS = [
    "#3d7dd8",
    "#dc7733",
    "#2f9e6e",
    "#c2528b",
    "#8a6fd1",
    "#b08b29",
    "#439dac",
    _GREY,
]
# Successes are calm, errors are warm and no two of them as light as each other: seen on light and on dark pages, also
# by people who do not tell red from green.
_STATUS_COLORS = {
    "1xx": "#8a6fd1",
    "2xx": "#3d7dd8",
    "3xx": "#8d8d8d",
    "4xx": "#cf8314",
    "5xx": "#c9322f",
}
_BAR_PIXELS = 22
# A line of more moments is drawn without points, which would touch each other.
_POINTS = 40
# So many points can be pointed at; more would make a page of charts slow.
_MAX_TIPS = 1_000
# 12k and 3.5M, but no milli; of each value by itself, so that 0 is 0.
_SHORT_NUMBER = (
    "abs(datum.value) < 1 ? format(datum.value, '~r') : format(datum.value, '~s')"
)
_AXIS_UNITS = {Kind.BYTES: "B", Kind.PERCENT: "%"}
# Texts are measured with one font and shown with whatever a browser has: so many pixels a letter may be wider.
_SLACK = 0.9
_PADDING = 8
# Room for that between two labels, each of some ten letters, and between those of an axis and its title.
_BETWEEN_LABELS, _TITLE_PADDING = 14, 10
_FONT_SIZE = 12
# Half the label of a last tick may be beyond it, as far as it is wider than Vega takes it to be.
_LAST_TICK = 6
_MIDNIGHT = "T00:00:00+00:00"
_DAYS_WITH_TICKS = 8
# Pixels of a letter, rather more than less.
_LETTER = 7
# Letters of a line below the title.
_LINE = 90
_NO_DATA = "no data in this period"
# Sharp on screens with two pixels for one.
_PNG_SCALE = 2
# As a syntax tree, an expression needs no `eval`, which the page forbids.
_EMBED = 'vegaEmbed("#chart", %s, {ast: true, actions: {export: true, source: false, compiled: false, editor: false}});'
# A mark in an SVG image, with what its description says: a browser shows a title, and no description.
_MARK = re.compile(r'<path aria-label="([^"]*)"([^>]*?)(?:/>|></path>)')


class ChartError(AccessLakeError):
    """A chart that cannot be drawn."""


def render(
    chart: Chart,
    table: pa.Table,
    title: str,
    suffix: str,
    *,
    subtitles: Sequence[str] = (),
    until: dt.datetime | None = None,
) -> bytes:
    """A result drawn as SVG, PNG or an HTML page of its own, by the suffix (one of SUFFIXES).

    `subtitles` are texts below the title: the question, the period, the buckets. The records of the result go `until`
    that time (UTC): a last day or hour that is not over then is drawn as open.
    """
    import vl_convert  # noqa: PLC0415 - charts are rare, and this is slow to import

    spec = specification(chart, table, title, subtitles=subtitles, until=until)
    with _drawing():
        if suffix == ".svg":
            return _with_tips(str(vl_convert.vegalite_to_svg(spec))).encode()
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


def svg(
    chart: Chart,
    table: pa.Table,
    *,
    until: dt.datetime | None = None,
    width: int = _PAGE_WIDTH,
    height: int = 190,
) -> str:
    """An SVG element without title for a page, in the page's own text color; for `until` see `render`."""
    import vl_convert  # noqa: PLC0415 - as above

    spec = specification(
        chart,
        table,
        None,
        until=until,
        width=width,
        height=height,
        fits=True,
        foreground="currentColor",
        background="transparent",
    )
    with _drawing():
        return _with_tips(str(vl_convert.vegalite_to_svg(spec)))


def _with_tips(image: str) -> str:
    """The image with a title for each of its marks, which browsers show to a pointer; no script is needed."""
    return _MARK.sub(r'<path aria-label="\1"\2><title>\1</title></path>', image)


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
    subtitles: Sequence[str] = (),
    until: dt.datetime | None = None,
    width: int = 560,
    height: int = 320,
    fits: bool = False,
    foreground: str = "#222222",
    background: str = "white",
) -> dict[str, Any]:
    """The chart as a Vega-Lite specification.

    `width` and `height` are pixels of what is drawn without axes and legends; where it `fits`, the width is of all.
    """
    import altair as alt  # noqa: PLC0415 - as above

    figure = drawn(chart, table, until)
    figure = replace(figure, remark="\n".join(wrap(figure.remark, width // _LETTER)))
    base = alt.Chart(alt.InlineData(values=[]))
    base = base.properties(width=width, height=height)
    drawing = _drawing_of(alt, base, chart, figure, foreground)
    if fits:
        # So that no chart is scaled down, and its texts with it.
        fit = alt.AutoSizeParams(type="fit-x", contains="padding")
        drawing = drawing.properties(autosize=fit)
    if title:
        drawing = drawing.properties(title=_heading(alt, title, subtitles, foreground))
    drawing = _styled(drawing, foreground, background, _padding(chart, figure))
    spec: dict[str, Any] = drawing.to_dict(validate=False)  # longer than all the rest
    # Altair would copy them at each step.
    return spec | {"data": {"values": figure.rows or [{}]}}


def _drawing_of(alt: Any, base: Any, chart: Chart, figure: Drawn, foreground: str) -> Any:
    if figure.is_empty:
        # Axes of nothing would look like a chart that failed.
        return base.mark_text(text=_NO_DATA, color=foreground, fontSize=13)
    draw = {"pie": _pie, "bar": _bars, "line": _line}[chart.kind]
    return draw(alt, base, chart, figure)


def _heading(alt: Any, title: str, subtitles: Sequence[str], foreground: str) -> Any:
    return alt.TitleParams(
        text=_lines(title),
        subtitle=list(chain.from_iterable(map(_lines, subtitles))),
        subtitleColor=foreground,
        subtitlePadding=6,
    )


def _lines(text: str) -> list[str]:
    """A text in lines that are not too long for a chart; the name of a bucket is not split at its hyphens."""
    return wrap(safe_text(text), _LINE, break_on_hyphens=False)


def _padding(chart: Chart, figure: Drawn) -> dict[str, float]:
    """The space around a chart, with some more on the side where its long texts are."""
    has_labels_on_left = chart.kind == "bar" and not figure.is_upright
    column = "series" if chart.series and not has_labels_on_left else "name"
    slack = _SLACK * max((len(row[column]) for row in figure.rows), default=0)
    padding: dict[str, float] = dict.fromkeys(
        ("left", "right", "top", "bottom"), _PADDING
    )
    padding["left" if has_labels_on_left else "right"] += slack
    if has_labels_on_left:
        padding["right"] += _LAST_TICK
    return padding


def _styled(
    drawing: Any, foreground: str, background: str, padding: dict[str, float]
) -> Any:
    text = {
        "labelColor": foreground,
        "labelFontSize": _FONT_SIZE,
        "titleColor": foreground,
        "titleFontSize": _FONT_SIZE,
        "titleFontWeight": "normal",
        # Vega cuts no text: it would cut letters beyond U+FFFF in two, and then fail.
        "labelLimit": 0,
        "titleLimit": 0,
    }
    drawing = drawing.configure(background=background, font="sans-serif", padding=padding)
    drawing = drawing.configure_view(stroke=None).configure_range(category=_COLORS)
    drawing = drawing.configure_title(
        color=foreground, anchor="start", fontSize=14, offset=10, limit=0
    )
    # Translucent grey is seen on light and on dark pages.
    drawing = drawing.configure_axis(
        **text, domainColor="#8886", tickColor="#8886", gridColor="#8883"
    )
    return drawing.configure_legend(**text)


def _pie(alt: Any, base: Any, chart: Chart, figure: Drawn) -> Any:
    legend_order = [row["name"] for row in figure.rows]
    slices = base.mark_arc(stroke="white", strokeWidth=1)
    colors = [
        _GREY if is_rest(row["label"]) else color
        for row, color in zip(figure.rows, _COLORS, strict=False)
    ]
    scale = alt.Scale(domain=legend_order, range=colors)
    is_narrow = base.width <= _PAGE_WIDTH
    legend = _legend_below(alt, legend_order, base.width) if is_narrow else alt.Legend()
    color = alt.Color("name:N", scale=scale, title=title_of(chart.label), legend=legend)
    order = alt.Order("value:Q", sort="descending")
    angle = alt.Theta("value:Q", stack=True)
    return slices.encode(theta=angle, order=order, color=color, **_tips(alt, chart))


def _bars(alt: Any, base: Any, chart: Chart, figure: Drawn) -> Any:
    rows = figure.rows
    names = list(dict.fromkeys(row["name"] for row in rows))
    if figure.is_upright:
        position = _upright(alt, chart, names, figure.remark)
    else:
        base = base.properties(height=alt.Step(_BAR_PIXELS))
        position = _lying(alt, chart, names, figure.remark)
    color = _status_color(alt, chart, rows) or _color(alt, chart, rows, base.width)
    bars = base.mark_bar().encode(**position, **color, **_tips(alt, chart))
    if not any(row.get("open") for row in rows):
        return bars
    return bars.encode(opacity=alt.condition("datum.open", alt.value(0.5), alt.value(1)))


def _upright(alt: Any, chart: Chart, names: list[str], remark: str) -> dict[str, Any]:
    """Bars side by side: short labels, such as hours, have their place below them."""
    axis = alt.Axis(labelAngle=0, labelOverlap=True, labelSeparation=_BETWEEN_LABELS)
    title = [title_of(chart.label), *remark.splitlines()]
    x = alt.X("name:O", sort=names, title=title, axis=axis)
    return {"x": x, "y": alt.Y("value:Q", **_value_axis(alt, chart))}


def _lying(alt: Any, chart: Chart, names: list[str], remark: str) -> dict[str, Any]:
    """Bars one below the other: long labels have their place beside them."""
    y = alt.Y("name:O", sort=names, title=None)
    # Long labels may leave the bars less room than the remark needs.
    axis = _value_axis(alt, chart, remark, titleAnchor="end")
    return {"y": y, "x": alt.X("value:Q", **axis)}


def _line(alt: Any, base: Any, chart: Chart, figure: Drawn) -> Any:
    """Lines, dashed to a last day that is not over, and points where they would not touch each other.

    Of the lines nothing is shown to a pointer: more points than are seen are there for it.
    """
    rows = figure.rows
    _mark_ends(rows)
    utc = alt.Scale(type="utc")  # as the days of the lake are
    ticks = _ticks({row["label"] for row in rows})
    # Labels at the ends that are moved inwards would run into those beside them.
    axis = alt.Axis(
        tickCount=ticks,
        labelFlush=False,
        labelOverlap=True,
        labelSeparation=_BETWEEN_LABELS,
    )
    x = alt.X("label:T", title=figure.remark.splitlines() or None, scale=utc, axis=axis)
    y = alt.Y("value:Q", **_value_axis(alt, chart))
    base = base.encode(x=x, y=y, **_color(alt, chart, rows, base.width))
    layers = [base.transform_filter("!datum.open").mark_line(aria=False)]
    if any(row.get("open") for row in rows):
        end = base.transform_filter("datum.open || datum.before")
        layers.append(end.mark_line(aria=False, strokeDash=[3, 3]))
    if len(rows) <= _MAX_TIPS:
        is_sparse = len({row["label"] for row in rows}) <= _POINTS
        points = base.mark_point(filled=True, size=18, opacity=1 if is_sparse else 0)
        layers.append(points.encode(**_tips(alt, chart)))
    return alt.layer(*layers)


def _ticks(moments: set[str]) -> Any:
    """Where an axis of time has ticks: of a week, at each day, so that none is at noon."""
    if not moments or not all(moment.endswith(_MIDNIGHT) for moment in moments):
        return 6
    days = {dt.date.fromisoformat(moment.removesuffix(_MIDNIGHT)) for moment in moments}
    # Two days may lie thousands of years apart.
    is_week = (max(days) - min(days)).days < _DAYS_WITH_TICKS
    return "day" if is_week else 6


def _mark_ends(rows: list[Row]) -> None:
    """Mark in each series the row `before` the open one: from there the line is dashed."""
    previous: dict[Any, Row] = {}
    for row in rows:
        if row.get("open") and row.get("series") in previous:
            previous[row.get("series")]["before"] = True
        previous[row.get("series")] = row


def _value_axis(alt: Any, chart: Chart, remark: str = "", **more: Any) -> dict[str, Any]:
    unit = _AXIS_UNITS.get(kind_of(chart.value), "")
    labels = f"({_SHORT_NUMBER}) + '{unit}'"
    return {
        "title": [title_of(chart.value), *remark.splitlines()],
        "axis": alt.Axis(
            labelExpr=labels,
            tickCount=5,
            labelOverlap=True,
            labelSeparation=_BETWEEN_LABELS,
            titlePadding=_TITLE_PADDING,
            **more,
        ),
    }


def _color(alt: Any, chart: Chart, rows: list[Row], width: int) -> dict[str, Any]:
    if not chart.series:
        return {"color": alt.value(_COLORS[0])}
    legend = _legend_below(alt, [row["series"] for row in rows], width)
    scale = _scale(alt, {row["series"] for row in rows})
    color = alt.Color(
        "series:N", title=title_of(chart.series), legend=legend, scale=scale
    )
    return {"color": color}


def _legend_below(alt: Any, names: Iterable[str], width: int) -> Any:
    """A legend in as many columns as fit below a chart of so many pixels."""
    longest = max(map(len, names), default=0)
    fitting = (width - _BESIDE_LEGEND) // (longest * _LETTER + _SYMBOL)
    columns = max(1, min(fitting, _LEGEND_COLUMNS))
    return alt.Legend(orient="bottom", columns=columns)


def _scale(alt: Any, names: set[str]) -> Any:
    """The colors of names: classes of HTTP status have their own, and the rest is grey, and the last."""
    shown = sorted(names, key=lambda name: (is_rest(name), name))
    if names <= set(_STATUS_COLORS):
        return alt.Scale(domain=shown, range=[_STATUS_COLORS[name] for name in shown])
    colors = [
        _GREY if is_rest(name) else color
        for name, color in zip(shown, _COLORS, strict=False)
    ]
    return alt.Scale(domain=shown, range=colors)


def _status_color(alt: Any, chart: Chart, rows: list[Row]) -> dict[str, Any] | None:
    """The colors of bars that are HTTP status codes."""
    if chart.label != "http_status" or chart.series:
        return None
    for row in rows:
        row["class"] = f"{str(row['label'])[:1]}xx"
    scale = _scale(alt, {row["class"] for row in rows} & set(_STATUS_COLORS))
    return {"color": alt.Color("class:N", scale=scale, legend=None)}


def _tips(alt: Any, chart: Chart) -> dict[str, Any]:
    """What a pointer on a mark shows: in a page with scripts a table, in an image its description."""
    fields = [("label:N", chart.label), ("value:Q", chart.value)]
    if chart.series:
        fields.append(("series:N", chart.series))
    # A tooltip makes a picture of what is called `image`, and a heading of `title`: not with a space at the end.
    tooltip = [
        alt.Tooltip(field, title=f"{title_of(column)} ") for field, column in fields
    ]
    return {"tooltip": tooltip, "description": alt.Description("tip:N")}
