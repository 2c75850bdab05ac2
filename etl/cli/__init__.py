"""The command line."""

from typing import NoReturn


def main() -> NoReturn:
    """Run the command line on the arguments of the process."""
    # The worker processes of a run import the script that calls this, and need none of it.
    from etl.cli.commands import main as run  # noqa: PLC0415

    run()
