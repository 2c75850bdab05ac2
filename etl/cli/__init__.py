"""The command line."""

import os
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line on the arguments of the process."""
    # Those threads wait busily for a while, in each process, for linear algebra that never comes.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # The worker processes of a run import the script that calls this, and need none of it.
    from etl.cli.commands import main as run  # noqa: PLC0415

    run()
