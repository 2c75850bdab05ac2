"""Where the bundled `sql/` and `config/` directories are, and the templates of pages."""

from functools import cache
from pathlib import Path
from typing import Any

DEFINITIONS = "views"
"""The folder of `sql` that has no reports, but what they are made of."""

_PACKAGE = Path(__file__).resolve().parent


def bundled(name: str) -> Path:
    """The directory `name` ("sql" or "config"): inside an installed wheel, else beside `etl` in a checkout."""
    installed = _PACKAGE / "_bundled" / name
    return installed if installed.is_dir() else _PACKAGE.parent / name


def template_text(package: str, name: str) -> str:
    """The text of a template of one of the packages ("dashboard")."""
    return (_templates(package) / name).read_text("utf-8")


@cache
def template(package: str, name: str) -> Any:
    """A Jinja template of one of the packages; what is put into it is escaped unless it is marked as safe."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415 - only pages need it

    loader = FileSystemLoader(_templates(package))
    return Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True
    ).get_template(name)


def _templates(package: str) -> Path:
    return _PACKAGE / package / "templates"
