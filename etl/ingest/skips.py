"""What a run is told to skip from now on, or to read again: log objects, by name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from etl.errors import UsageError, nearest
from etl.lake import (
    Ledger,
    Skip,
    forget_covered,
    new_skips,
    read_skipped,
    write_skipped,
)
from etl.sources import Source, find_object, log_day
from etl.store import ReadableStore, S3Session, Store


@dataclass(frozen=True, slots=True)
class SkipRequest:
    """Names of log objects that are to be skipped, why, and names of those that are not to be skipped any more."""

    skip: tuple[str, ...] = ()
    unskip: tuple[str, ...] = ()
    reason: str = ""


NO_CHANGE = SkipRequest()


@dataclass(frozen=True, slots=True)
class Skips:
    """What a run skips, and what of that the lake does not know yet."""

    etags: Mapping[str, str] = field(default_factory=dict)
    """Of the log objects that are skipped, by name, as they were when somebody skipped them."""
    added: Mapping[str, Skip] = field(default_factory=dict)
    removed: Sequence[str] = ()

    def save(self, store: Store) -> None:
        """Have the lake remember. Only for the holder of the lease."""
        if self.added or self.removed:
            write_skipped(store, self.added, self.removed)
        # What was skipped may be older than the days that a run lists.
        if self.removed:
            forget_covered(store)


def plan_skips(
    request: SkipRequest,
    store: ReadableStore,
    sources: Sequence[Source],
    session: S3Session,
) -> Skips:
    """What the lake skips, with the changes of a request.

    Raises UsageError for a log object that no source has or that is in the lake, and for one to be read again that is
    not skipped.
    """
    known = read_skipped(store)
    for name in request.unskip:
        if name not in known:
            raise UsageError(
                f"--unskip {name}: is not skipped{nearest(name, known)} (`accesslake status` lists what is)"
            )
    etags = {
        name: _etag(name, store, sources, session)
        for name in request.skip
        if name not in known
    }
    added = new_skips(etags, request.reason)
    skipped = {
        name: skip.etag
        for name, skip in {**known, **added}.items()
        if name not in request.unskip
    }
    return Skips(skipped, added, request.unskip)


def _etag(
    name: str, store: ReadableStore, sources: Sequence[Source], session: S3Session
) -> str:
    """The ETag of a log object that may be skipped."""
    one = find_object(name, sources, session)
    if one is None:
        raise UsageError(
            f"--skip {name}: no source has this log object; give its full name, as errors print it"
        )
    # Of a name without a day, the ledger has it under the day when it was modified.
    lookup = Ledger(store).lookup(None if log_day(name) else name)
    if lookup(one.day, name) is not None:
        raise UsageError(
            f"--skip {name}: is in the lake already; --skip is for what cannot be read"
        )
    return one.etag
