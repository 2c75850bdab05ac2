"""One log line, read exactly: the slow path, for every line that the fast path leaves.

A line is read from both its ends (see `interpretation`). One that can be interpreted in more than one way is taken as
the first says, and noted `ambiguous`; a number on which interpretations differ is NULL.

A record without a note says all that its line said: `format_line` gives the line back, byte for byte.
"""

import re

from etl.parser.grammar import (
    CONTROL_CHARACTER,
    CONTROLS,
    DELETE,
    LEADING_FIELDS,
    LONGEST_LINE,
    NO_LATEST,
    TIME_STAMP,
    Note,
    Record,
    RejectError,
)
from etl.parser.interpretation import choose
from etl.parser.record import record_of, why_no_bucket

# Some editors put a byte order mark wherever a file began.
_AROUND = " \r\ufeff"


def parse_line(raw: bytes, latest: int = NO_LATEST) -> Record:
    """The record in one line (without its line end, not blank), of a time up to `latest`. Raises RejectError."""
    if len(raw) > LONGEST_LINE:
        raise RejectError("too_long")
    notes: set[Note] = set()
    text = _decode(raw, notes)
    line = text.strip(_AROUND)
    leading = LEADING_FIELDS.match(line)
    if leading is None or not leading["bucket_owner"].isascii():
        raise RejectError("not_a_record")
    if reason := why_no_bucket(leading["bucket_owner"], leading["bucket"]):
        raise RejectError(reason)
    if _has_control(leading):
        raise RejectError(CONTROL_CHARACTER)
    rest = line[leading.end() :]
    chosen = choose(rest)
    if not chosen.is_only or TIME_STAMP.search(rest):
        # A time inside a quoted text is somebody's forgery, or a second record that ran into this one.
        notes.add(Note.AMBIGUOUS)
    if line != text or "  " in leading[0] or chosen.interpretation.is_spaced:
        notes.add(Note.SPACING)
    return record_of(leading, chosen, notes, latest)


def _has_control(leading: re.Match[str]) -> bool:
    """Whether there is a control character in the fields before the URI that cannot be there."""
    begin, end = leading.span("requester")
    requester = leading["requester"].replace(DELETE, "")
    others = leading.string[:begin] + leading.string[end : leading.end()]
    return CONTROLS.search(others + requester) is not None


def _decode(raw: bytes, notes: set[Note]) -> str:
    if b"\0" in raw:
        raise RejectError("nul_byte")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        notes.add(Note.REPLACED_BYTES)
        return raw.decode("utf-8", errors="backslashreplace")
