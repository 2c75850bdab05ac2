"""One page about a lake, and what is unusual in it."""

from typing import TYPE_CHECKING

from etl.faces import lazy_face

if TYPE_CHECKING:
    from etl.dashboard.buckets import render_buckets
    from etl.dashboard.page import render_dashboard

__getattr__ = lazy_face(
    __name__,
    {
        "buckets": ("render_buckets",),
        "page": ("render_dashboard",),
    },
)

__all__ = ["render_buckets", "render_dashboard"]
