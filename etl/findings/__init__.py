"""What a person should look at first, of the results of reports."""

from typing import TYPE_CHECKING

from etl.faces import lazy_face

if TYPE_CHECKING:
    from etl.findings.case import Span
    from etl.findings.find import chart_failed, find, report_failed
    from etl.findings.finding import Excerpt, Finding, Period
    from etl.findings.inspection import FIGURES, Inspection, ReportResult, find_in

__getattr__ = lazy_face(
    __name__,
    {
        "case": ("Span",),
        "find": ("chart_failed", "find", "report_failed"),
        "finding": ("Excerpt", "Finding", "Period"),
        "inspection": ("FIGURES", "Inspection", "ReportResult", "find_in"),
    },
)

__all__ = [
    "FIGURES",
    "Excerpt",
    "Finding",
    "Inspection",
    "Period",
    "ReportResult",
    "Span",
    "chart_failed",
    "find",
    "find_in",
    "report_failed",
]
