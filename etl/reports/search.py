"""Finding reports by what they are about."""

from collections.abc import Iterable, Sequence
from tempfile import TemporaryDirectory

from etl.config import DEFAULTS
from etl.query import Database
from etl.reports.report import Report, bind, examples
from etl.store import open_store


def find_reports(words: Sequence[str], reports: Iterable[Report]) -> list[Report]:
    """The reports that are about all of these words, whatever their case; those that are named after them first.

    Words, or parts of them, are looked for in the name, title, question, note, parameters and the result's columns.
    """
    reports = list(reports)
    columns = result_columns(reports)
    ranked = []
    for report in reports:
        named = f"{report.name} {report.title}"
        places = (named, report.question, _details(report, columns[report.name]))
        rank = _first_with_all(words, places)
        if rank is not None:
            ranked.append((rank, report))
    return [report for _, report in sorted(ranked, key=lambda pair: pair[0])]


def result_columns(reports: Iterable[Report]) -> dict[str, list[str]]:
    """The columns of each report's result, by its name; no report is run for that."""
    with TemporaryDirectory() as nothing:
        database = Database(open_store(nothing), settings=DEFAULTS)
        return {report.name: _columns_of(report, database) for report in reports}


def _columns_of(report: Report, database: Database) -> list[str]:
    values = bind(report, examples(report))
    return database.query(f"SELECT * FROM ({report.sql}\n) LIMIT 0", values).columns


def _first_with_all(words: Sequence[str], places: Iterable[str]) -> int | None:
    """How many of the places are needed, from the first on, to have all words; None where all are too few."""
    text = ""
    for number, place in enumerate(places):
        text += f" {place.lower()}"
        if all(word.lower() in text for word in words):
            return number
    return None


def _details(report: Report, columns: Sequence[str]) -> str:
    parameters = (f"{name} {one.help}" for name, one in report.params.items())
    return " ".join([report.note, *parameters, *columns])
