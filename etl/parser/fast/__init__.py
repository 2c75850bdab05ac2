"""Regular log lines, a block at a time, at the speed of numpy and Arrow.

A line is regular where its bytes leave one interpretation only: printable ASCII; six quotes, at the places where URI,
referrer and user agent begin and end, or none at all; single spaces outside quotes; a number of fields that lines
have had; a time in UTC; plain numbers. This is decided from the positions of spaces, quotes and newlines, for all
lines of a block at once, and the same positions slice the columns out of the block. Every other line is left to
`etl.parser.line`, which reads a regular one just the same.
"""

from collections.abc import Iterator

import pyarrow as pa

from etl.arrow import Ints
from etl.parser.fast.block import Block
from etl.parser.fast.columns import slice_columns
from etl.parser.fast.fields import find_fields
from etl.parser.fast.values import read_values
from etl.parser.grammar import NO_LATEST


def read_regular(
    block: Block, latest: int = NO_LATEST
) -> Iterator[tuple[Ints, pa.RecordBatch]]:
    """The regular lines of a block, of times up to `latest`, by their numbers, and their columns (`columns.SLICED`)."""
    for found in find_fields(block):
        lines, values = read_values(block, found, latest)
        if len(lines.number):
            yield slice_columns(block, lines, values)
