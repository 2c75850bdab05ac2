"""Pages of HTML that fetch nothing: their policy allows no style and no script but their own."""

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from etl.dashboard.cards import CHART
from etl.reports import csp_hash
from etl.resources import template, template_text


def page_of(name: str, steps: Sequence[int], **contents: Any) -> str:
    """The page of a template with these contents, whose tables and cards need the widths `steps` (cards.STEPS)."""
    style = str(template("dashboard", "dashboard.css").render(steps=steps, chart=CHART))
    script = template_text("dashboard", "dashboard.js")
    html = template("dashboard", name).render(
        **contents,
        style=Markup(style),  # noqa: S704 - our own
        script=Markup(script),  # noqa: S704
        style_hash=csp_hash(style),
        script_hash=csp_hash(script),
    )
    return str(html)
