"""The reports once more, in plain Python: what each must give for the records of a small lake, without any SQL.

A section of reports is a module here, and a report the public function of its name there. The function answers the
question in the report's head from the records alone, so that a report whose SQL computes something else fails its test.
"""

from collections.abc import Callable, Mapping, Sequence
from inspect import getmembers, isfunction
from types import ModuleType
from typing import Any

from small_lake import Record

from oracle import cost, lifecycle, operations, overview, security, website
from oracle.tables import Rows


def _reports_of(section: ModuleType) -> dict[str, Callable[..., Rows]]:
    name = section.__name__.rpartition(".")[2]
    return {
        f"{name}/{report}": function
        for report, function in getmembers(section, isfunction)
        if function.__module__ == section.__name__ and not report.startswith("_")
    }


ORACLES: dict[str, Callable[..., Rows]] = {}
"""What computes each report, by the report's name."""
for _section in (cost, lifecycle, operations, overview, security, website):
    ORACLES |= _reports_of(_section)


def compute(name: str, arguments: Mapping[str, Any], records: Sequence[Record]) -> Rows:
    """What the report must give for these records when it is run with these arguments."""
    params = dict(arguments)
    bucket = params.pop("bucket", None)
    date_from, date_to = params.pop("date_from", None), params.pop("date_to", None)
    limit = params.pop("limit", None)
    in_scope = [
        record
        for record in records
        if bucket in (None, record.bucket)
        and (date_from is None or record.date >= date_from)
        and (date_to is None or record.date <= date_to)
    ]
    return ORACLES[name](in_scope, **params)[:limit]
