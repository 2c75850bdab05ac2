"""What a person should look at first, of the results of reports."""

from typing import TYPE_CHECKING

from etl.faces import lazy_face

if TYPE_CHECKING:
    from etl.findings.case import Window
    from etl.findings.find import chart_failed, find, report_failed
    from etl.findings.finding import Excerpt, Finding, Period
    from etl.findings.inspection import FIGURES, Answer, Inspection, inspect_lake

__getattr__ = lazy_face(
    __name__,
    {
        "case": ("Window",),
        "find": ("chart_failed", "find", "report_failed"),
        "finding": ("Excerpt", "Finding", "Period"),
        "inspection": ("FIGURES", "Inspection", "Answer", "inspect_lake"),
    },
)

__all__ = [
    "FIGURES",
    "Answer",
    "Excerpt",
    "Finding",
    "Inspection",
    "Period",
    "Window",
    "chart_failed",
    "find",
    "inspect_lake",
    "report_failed",
]
