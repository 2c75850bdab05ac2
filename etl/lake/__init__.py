"""The lake as it is stored: parts, their footers, the ledger, and who may write."""

from etl.lake.append import Appended, append_rows, remove_rows
from etl.lake.coverage import forget_covered
from etl.lake.format import has_older_parts, migrate
from etl.lake.lease import IncompleteRun, hold_lease, note_complete, read_incomplete
from etl.lake.ledger import Ledger
from etl.lake.parts import (
    SET_ASIDE,
    Footer,
    damaged,
    encode_part,
    is_edited,
    is_part,
    list_parts,
    object_of,
    open_part,
    part_number,
    partition_path,
    read_footer,
)
from etl.lake.place import is_new, refuse_nested, require_lake
from etl.lake.policy import check_policy
from etl.lake.retention import read_retention, write_retention
from etl.lake.skipped import Skip, new_skips, read_skipped, write_skipped

__all__ = [
    "SET_ASIDE",
    "Appended",
    "Footer",
    "IncompleteRun",
    "Ledger",
    "Skip",
    "append_rows",
    "check_policy",
    "damaged",
    "encode_part",
    "forget_covered",
    "has_older_parts",
    "hold_lease",
    "is_edited",
    "is_new",
    "is_part",
    "list_parts",
    "migrate",
    "new_skips",
    "note_complete",
    "object_of",
    "open_part",
    "part_number",
    "partition_path",
    "read_footer",
    "read_incomplete",
    "read_retention",
    "read_skipped",
    "refuse_nested",
    "remove_rows",
    "require_lake",
    "write_retention",
    "write_skipped",
]
