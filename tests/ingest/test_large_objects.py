"""Log objects that are too large to be held in memory: read as streams, written in pieces, counted as one."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard
from conftest import S3, ingest_local, rows_of
from hypothesis import given
from hypothesis import strategies as st
from lines import LINE

from etl.api import Lake
from etl.config import Settings
from etl.ingest.read import _cut
from etl.sources.text import Text

NAME = "2026-02-06-02-00-00-AA"
COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "": lambda text: text,
    ".gz": gzip.compress,
    ".zst": zstandard.ZstdCompressor().compress,
}


@pytest.fixture
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Objects of more than 64 kB are large, and written 40 kB at a time."""
    monkeypatch.setattr("etl.sources.fetch.WHOLE_TEXT", 64_000)
    monkeypatch.setattr("etl.ingest.read.PIECE_TEXT", 40_000)


def request(number: int) -> str:
    """A line with a request id of its own."""
    return LINE.replace("3E57427F3EXAMPLE", f"{number:016X}")


def text_of_many_days() -> bytes:
    """Lines of several days, with what is no record in between, and a line delivered twice far apart."""
    lines = []
    for n in range(600):
        day = f"{1 + n % 3:02d}/Feb/2026"
        lines.append(request(n).replace("06/Feb/2026", day))
        lines += ["nonsense"] if n % 100 == 50 else []
        lines += [""] if n % 150 == 7 else []
    return "".join(f"{line}\n" for line in [*lines, lines[3]]).encode()


def written(tmp_path: Path, name: str, data: bytes) -> tuple[Path, Path]:
    logs, lake = tmp_path / "logs", tmp_path / "lake"
    logs.mkdir()
    (logs / name).write_bytes(data)
    return logs, lake


def stored(lake: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]]]:
    """Records, rejects and the ledger, without what differs from run to run."""
    handle = Lake(Settings(lake=str(lake)))
    rejects = handle.sql("SELECT line_number, reason, line FROM rejects ORDER BY ALL").to_arrow().to_pylist()
    ledger = handle.sql(
        "SELECT lines, rows, rejects, duplicates, blank_lines, list_sort(partitions) AS partitions FROM ledger"
    )
    return rows_of(lake, "* EXCLUDE (log_object)"), rejects, ledger.to_arrow().to_pylist()


@pytest.mark.parametrize("suffix", COMPRESS)
@pytest.mark.usefixtures("small_limits")
def test_pieces_make_the_same_lake(suffix: str, tmp_path: Path) -> None:
    """Row for row what one piece makes: numbers of lines, accounting and duplicates included; verify finds nothing."""
    text = text_of_many_days()
    assert len(text) > 3 * 40_000
    logs, lake = written(tmp_path, f"{NAME}{suffix}", COMPRESS[suffix](text))
    summary = ingest_local(logs, lake, max_reject_fraction=1)
    assert summary.result.failures == {}
    assert (summary.result.objects_ingested, summary.result.bytes_read) == (1, len(text))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("etl.sources.fetch.WHOLE_TEXT", 10_000_000)
        whole = tmp_path / "whole"
        ingest_local(logs, whole, max_reject_fraction=1)
    assert stored(lake) == stored(whole)
    assert Lake(Settings(lake=str(lake), source=(str(logs),))).verify().differences == []


@pytest.mark.usefixtures("small_limits")
def test_a_run_that_died_between_pieces_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever append was the last, the next run adds what is missing, once."""
    logs, lake = written(tmp_path, NAME, text_of_many_days())
    ingest_local(logs, tmp_path / "whole", max_reject_fraction=1)
    whole = stored(tmp_path / "whole")
    for last in range(1, 40):
        with monkeypatch.context() as patch:
            patch.setattr("etl.ingest.write.append_rows", dying_after(last))
            try:
                ingest_local(logs, lake, max_reject_fraction=1)
            except KilledError:
                pass
            else:
                break
    else:
        pytest.fail("there are more appends than were tried")
    assert last > 5
    assert stored(lake) == whole
    assert Lake(Settings(lake=str(lake), source=(str(logs),))).verify().differences == []


class KilledError(Exception):
    """As if the process had died."""


def dying_after(count: int) -> Callable[..., Any]:
    """`append_rows`, which appends so many times, and then no more."""
    from etl.lake.append import append_rows  # noqa: PLC0415 - the real one

    left = [count]

    def append(*arguments: Any, **options: Any) -> Any:
        if not left[0]:
            raise KilledError
        left[0] -= 1
        return append_rows(*arguments, **options)

    return append


@pytest.mark.usefixtures("small_limits")
def test_one_that_is_overwritten_half_way_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its rows of before are found by verify, and replaced by a repair; nothing of it is committed meanwhile."""
    logs, lake = written(tmp_path, NAME, text_of_many_days())
    with monkeypatch.context() as patch:
        patch.setattr("etl.ingest.write.append_rows", dying_after(4))
        with pytest.raises(KilledError):
            ingest_local(logs, lake, max_reject_fraction=1)
    text = text_of_many_days() + f"{request(7_000)}\n".encode()
    (logs / NAME).write_bytes(text)
    result = ingest_local(logs, lake, max_reject_fraction=1).result
    assert (result.objects_ingested, result.rows) == (0, 0)
    assert "overwritten after a run that was killed" in result.failures[str(logs / NAME)]
    handle = Lake(Settings(lake=str(lake), source=(str(logs),), max_reject_fraction=1))
    assert {one.kind for one in handle.verify().differences} >= {"uncommitted"}
    assert handle.repair().after.differences == []
    assert len(rows_of(lake)) == 601


@pytest.mark.usefixtures("small_limits")
def test_one_that_fails_half_way_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What turns out to be no log in a later piece is named, and no row of it is in the lake, whatever was written."""
    monkeypatch.setattr("etl.parser.parser.MOST_REJECTS", 20)
    text = text_of_many_days() + b"nonsense\n" * 50
    logs, lake = written(tmp_path, NAME, text)
    (logs / "2026-02-06-03-00-00-BB").write_text(f"{request(9_000)}\n")
    for _ in range(2):
        result = ingest_local(logs, lake, max_reject_fraction=1).result
        assert "lines that are no records" in result.failures[str(logs / NAME)]
        assert len(rows_of(lake)) == 1
    assert result.objects_ingested == 0
    (logs / NAME).unlink()
    assert Lake(Settings(lake=str(lake), source=(str(logs),))).verify().differences == []


@pytest.mark.usefixtures("small_limits")
def test_a_large_object_on_s3_is_read_by_ranges(s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few requests for its bytes, none for all of it; the rows are those of the same object on a disk."""
    monkeypatch.setattr("etl.store.range_file._FIRST_BLOCK", 1_000)
    monkeypatch.setattr("etl.store.range_file._BLOCK", 50_000)
    text = text_of_many_days()
    s3.put(f"logs/{NAME}", text)
    settings = Settings(
        source=(f"s3://{s3.logs}/logs/",), lake=str(tmp_path / "lake"), endpoint_url=s3.endpoint_url, workers=1,
        max_reject_fraction=1,
    )  # fmt: skip
    handle = Lake(settings)
    assert handle.ingest().result.rows == 600
    requests = handle._session.requests.counts()
    assert requests.get == 1 + 1 + -(-(len(text) - 1_000) // 50_000)
    assert requests.bytes_received == 1_000 + len(text)
    logs, _ = written(tmp_path, NAME, text)
    ingest_local(logs, tmp_path / "local", max_reject_fraction=1)
    assert stored(tmp_path / "lake") == stored(tmp_path / "local")


@given(st.lists(st.binary(max_size=40), max_size=12), st.integers(1, 60), st.data())
def test_pieces_depend_on_the_text_only(texts: list[bytes], size: int, data: st.DataObject) -> None:
    """However the text comes, it is cut behind the same lines: a later run must know which pieces are written."""
    text = b"\n".join(texts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=5)))
    arriving = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert pieces(_lines(arriving), size) == pieces(_lines([text]), size)
    assert b"".join(pieces(_lines(arriving), size)) == text


def _lines(arriving: list[bytes]) -> list[bytes]:
    text = Text(lambda: None)  # type: ignore[arg-type, return-value]
    text.pieces = lambda: iter(arriving)  # type: ignore[method-assign]
    return list(text.lines())


def pieces(lines: list[bytes], size: int) -> list[bytes]:
    found = [b""]
    for text, is_end in _cut(lines, size):
        found[-1] += text
        if is_end:
            found.append(b"")
    return found
