"""The command line."""

import os
import signal
import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line on the arguments of the process."""
    # OpenBLAS, which numpy loads, starts threads that wait busily for linear algebra, which never comes.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # The worker processes of a run import the script that calls this, and need none of it.
    try:
        from etl.cli.app import main as run  # noqa: PLC0415
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    run()
