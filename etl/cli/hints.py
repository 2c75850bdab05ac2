"""What the command line says where somebody takes one thing for another."""

from typing import Any

import typer
from typer.core import TyperCommand

from etl.errors import UsageError, reason_of
from etl.reports import load_reports


class Command(TyperCommand):
    """A command that says what is wrong with an option, without pydantic's words for it."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except typer.BadParameter as error:
            error.message = reason_of(error.message)
            raise


class ReportCommand(Command):
    """A command that tells parameters of reports from options of its own."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        # The parser takes them out of the list one by one.
        given = list(args)
        try:
            return super().parse_args(ctx, args)
        except Exception as error:
            # Typer has a class for this, under a name of its own modules.
            if hint := _parameter_hint(getattr(error, "option_name", ""), given):
                raise UsageError(hint) from error
            raise


def _parameter_hint(option: str, args: list[str]) -> str | None:
    """How to write a report's parameter that was written as an option."""
    name = option.lstrip("-").replace("-", "_")
    known = {name for report in load_reports().values() for name in report.params}
    if name not in known:
        return None
    value = _value_after(option, args) or "..."
    return (
        f"{option} is a parameter of the report, not an option: write -p {name}={value}"
    )


def _value_after(option: str, args: list[str]) -> str | None:
    for number, text in enumerate(args):
        written, is_joined, value = text.partition("=")
        if written == option:
            return value if is_joined else "".join(args[number + 1 : number + 2])
    return None
