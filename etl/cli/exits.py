"""The exit codes of the command line, and what `ingest` ends with."""

from collections.abc import Mapping

from etl.config import Settings
from etl.errors import UsageError
from etl.ingest import RunSummary

EXIT_FAILED = 1
EXIT_REJECTS = 3
EXIT_DIFFERENCES = 4
EXIT_ATTENTION = 5
EXITS_DONE = (0, EXIT_REJECTS)
"""Those of a run that ingested all that it found."""

MEANINGS: Mapping[int, str] = {
    0: "done",
    EXIT_FAILED: "failed",
    2: "wrong usage",
    EXIT_REJECTS: "more rejects than max_reject_fraction",
    EXIT_DIFFERENCES: "`verify` found a difference",
    EXIT_ATTENTION: "`findings` or `status` found something to look at",
    75: "another run is at work",
    130: "ended by Ctrl-C",
    143: "ended by SIGTERM",
    141: "nobody reads the output any more",
}
"""All of them. Whoever alerts on one relies on it, so none ever gets another meaning."""
# Shells take those from 126 on for themselves: no such command, or ended by a signal.
HIGHEST_FREE = 125


def exceeds_rejects(summary: RunSummary, settings: Settings) -> bool:
    """Whether more lines were rejected than the settings allow."""
    return summary.reject_fraction > settings.max_reject_fraction


def exit_code_of(
    summary: RunSummary, settings: Settings, *, has_stale_table: bool
) -> int:
    """What a run ends with that was not broken off; whether a table of it could not be brought up to date."""
    if summary.result.failures or has_stale_table:
        return EXIT_FAILED
    return EXIT_REJECTS if exceeds_rejects(summary, settings) else 0


def check_free(flag: str, code: int) -> None:
    """Raise UsageError for an exit code that means something else; 0 is what a run ends with anyway."""
    if code == 0 or (code <= HIGHEST_FREE and code not in MEANINGS):
        return
    meaning = MEANINGS.get(code, "for shells, that a program was not run, or was killed")
    raise UsageError(
        f"{flag} {code}: that means already: {meaning}; take another up to {HIGHEST_FREE}, like 99"
    )
