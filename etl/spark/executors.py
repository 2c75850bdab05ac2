"""Whether an executor of Spark has what the driver asks of it.

The driver sends this code along: it has to run where there is no accesslake, or another version. Nothing of etl is
imported before that is known.
"""

import importlib
import socket
import sys
from importlib.metadata import PackageNotFoundError, version


def find_problem(driver_version: str, module: str) -> str | None:
    """Why this executor cannot do what a module of accesslake does, if that is so."""
    problem = _problem(driver_version, module)
    return problem and f"executor {socket.gethostname()}, {sys.executable}: {problem}"


def _problem(driver_version: str, module: str) -> str | None:
    try:
        own_version = version("accesslake")
        importlib.import_module(module)
    except PackageNotFoundError:
        return f"accesslake is not installed there (the driver has {driver_version})"
    except ImportError as error:
        return f"accesslake cannot be imported there: {error}"
    if own_version != driver_version:
        return f"has accesslake {own_version}, and the driver {driver_version}"
    return None
