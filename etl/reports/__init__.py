"""Reports: their files, their parameters, their charts."""

from typing import TYPE_CHECKING

from etl.faces import lazy_face

if TYPE_CHECKING:
    from etl.reports.chart import ChartError, csp_hash, render, svg
    from etl.reports.compare import Comparison, compare_report
    from etl.reports.inventory import read_inventory
    from etl.reports.lifecycle_rules import check_rules, load_rules, read_rules
    from etl.reports.loader import find_report, load_reports
    from etl.reports.never_read import unread_objects
    from etl.reports.report import (
        Placement,
        Report,
        Section,
        bind,
        check_drawable,
        literal,
        query_report,
        run_report,
        statement,
    )
    from etl.reports.search import find_reports
    from etl.reports.shown import ReportResult

__getattr__ = lazy_face(
    __name__,
    {
        "chart": ("ChartError", "csp_hash", "render", "svg"),
        "compare": ("Comparison", "compare_report"),
        "inventory": ("read_inventory",),
        "lifecycle_rules": ("check_rules", "load_rules", "read_rules"),
        "loader": ("find_report", "load_reports"),
        "never_read": ("unread_objects",),
        "search": ("find_reports",),
        "shown": ("ReportResult",),
        "report": (
            "Placement",
            "Report",
            "Section",
            "bind",
            "check_drawable",
            "literal",
            "query_report",
            "run_report",
            "statement",
        ),
    },
)

__all__ = [
    "ChartError",
    "Comparison",
    "Placement",
    "Report",
    "ReportResult",
    "Section",
    "bind",
    "check_drawable",
    "check_rules",
    "compare_report",
    "csp_hash",
    "find_report",
    "find_reports",
    "literal",
    "load_reports",
    "load_rules",
    "query_report",
    "read_inventory",
    "read_rules",
    "render",
    "run_report",
    "statement",
    "svg",
    "unread_objects",
]
