"""The figures at the top of the page."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from etl.text import counted, in_words, safe_text

_TILES = {
    "requests": "Requests",
    "error_percent": "Errors",
    "bytes_sent": "Bytes sent",
    "cost": "Cost (estimate)",
    "visitors": "Visitors",
    "expired": "Expired objects",
    "rejects": "Rejects",
    "lag_minutes": "Delivery lag (p95)",
}
"""The figures at the top, and what they are called."""
_PLACES = (
    ("countries", "Countries", "country"),
    ("networks", "Networks", "network"),
)
# Of a figure that nobody knows, such as how many people are behind CloudFront.
_NOT_KNOWN = "not known"
_SAME = "as before"
_NEARLY_SAME = "about as before"


@dataclass(frozen=True, slots=True)
class Tile:
    """A figure at the top of the page, and how it changed against the period before."""

    name: str
    value: str
    number: float | None
    change: str | None
    aside: str | None = None
    """What the figure leaves out."""


def tiles_of(figures: Mapping[str, Any], before: Mapping[str, Any]) -> list[Tile]:
    """The tiles of a row of `overview/figures`, and of that of the period before, which is empty if there is none."""
    return [
        Tile(
            label,
            in_words(name, figures.get(name)),
            figures.get(name),
            _change(name, figures.get(name), before) if before else None,
            _aside(name, figures),
        )
        for name, label in _TILES.items()
    ]


def place_tiles_of(places: Mapping[str, Any], before: Mapping[str, Any]) -> list[Tile]:
    """The tiles of where requests came from; none where nothing tells."""
    return [
        Tile(
            label,
            in_words(name, places[name]),
            places[name],
            _change(name, places[name], before) if before else None,
            safe_text(f"most from {places[most]}") if places[most] else None,
        )
        for name, label, most in _PLACES
        if name in places
    ]


def _aside(name: str, figures: Mapping[str, Any]) -> str | None:
    versions = figures.get("expired_versions") or 0
    if name != "expired" or not versions:
        return None
    return f"and {counted(versions, 'old version')}"


def _change(name: str, new: float | None, before: Mapping[str, Any]) -> str:
    if new is None or before.get(name, 0) is None:
        return _NOT_KNOWN
    old = before.get(name) or 0
    if new == old:
        return _SAME
    if name.endswith("percent"):
        return _shown(f"{new - old:+.1f} points")
    return _shown(f"{(new - old) / old:+,.0%}") if old else "none before"


def _shown(change: str) -> str:
    """A change that is not rounded to nothing."""
    return change if any(digit in change for digit in "123456789") else _NEARLY_SAME
