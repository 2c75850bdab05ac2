"""One page about a lake, and what is unusual in it."""

from etl.dashboard.page import render_dashboard

__all__ = ["render_dashboard"]
