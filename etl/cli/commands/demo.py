"""The command that shows the whole job on generated logs."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from etl.cli import events
from etl.cli.demo import Dates, build_demo, print_demo
from etl.cli.lakes import next_step
from etl.cli.progress import Reporter


def demo(
    directory: Annotated[
        Path, typer.Option("--dir", metavar="DIR", help="Where to put logs and lake.")
    ] = Path("accesslake-demo"),
    dates: Annotated[
        Dates,
        typer.Option(
            "--dates",
            help="When the records are from: the last weeks, or 2021, the same every time.",
        ),
    ] = Dates.TODAY,
) -> None:
    """Generate logs of two buckets, ingest them and run reports; no AWS account needed."""
    with Reporter() as reporter:
        build_demo(
            directory,
            dates,
            lambda text: reporter.event(events.DEMO_STEP, text),
            reporter.progress,
        )
    print_demo(directory, sys.stdout)
    typer.echo(next_step(str(directory / "lake")))
