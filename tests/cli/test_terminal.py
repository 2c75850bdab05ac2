"""What commands print on a terminal: names in one piece, and what a report is about."""

import sys
from pathlib import Path

import pytest
from conftest import ingest_local, run_cli
from lines import LINE
from rich.cells import cell_len
from terminals import Terminal

from etl.reports import load_reports

BUCKET = "a-bucket-whose-name-is-as-long-as-the-name-of-a-bucket-can-be.x"


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bucket with the longest name, and a key that is longer than a terminal is wide."""
    line = LINE.replace(" site ", f" {BUCKET} ").replace(" a.html ", f" {'k' * 200} ")
    root = tmp_path_factory.mktemp("terminal")
    logs = root / "logs"
    logs.mkdir()
    (logs / "2026-02-06-01-00-00-AA").write_text(f"{line}\n")
    ingest_local(logs, root / "lake")
    return root / "lake"


def shown(width: int, *command: str) -> list[str]:
    """The lines of a command on a terminal of that width."""
    terminal = Terminal(*command, COLUMNS=str(width))
    assert terminal.end() == 0
    return [line.rstrip() for line in terminal.lines]


@pytest.mark.parametrize("width", [80, 160])
def test_names_are_in_one_piece(lake: Path, width: int) -> None:
    """`reports` splits no report's name, and shows the question of each; `status` splits no bucket's."""
    lines = shown(width, "reports")
    reports = load_reports()
    assert set(reports) <= {line.split()[0] for line in lines if line.startswith("  ")}
    assert max(map(cell_len, lines)) <= width
    text = " ".join(line.strip() for line in lines)
    assert [name for name, report in reports.items() if report.question not in text] == []
    status = shown(width, "status", "--lake", str(lake))
    assert [line for line in status if BUCKET in line] != []
    assert len(BUCKET) == 63


def test_a_table_behind_a_pipe_fits_the_terminal(lake: Path, tmp_path: Path) -> None:
    """As on the terminal that shows it, or as COLUMNS says; in a file nothing is cut."""
    report = f"{sys.executable} -m etl report website/top_objects --lake {lake}"
    for ending, columns in (("| cat", ""), ("| cat", "60"), (f"> {tmp_path / 'all'}", "")):
        terminal = Terminal(command=["sh", "-c", f"{report} {ending}"], COLUMNS=columns)
        assert terminal.end() == 0
        lines = [line.rstrip() for line in terminal.lines]
        if ending == "| cat":
            assert any(line.endswith("1 row") for line in lines)
            assert max(map(cell_len, lines)) <= int(columns or 80)
    assert "k" * 200 in (tmp_path / "all").read_text()


@pytest.mark.parametrize(
    ("options", "period"),
    [
        (("--from", "2026-03-01", "--to", "2026-03-02"), "2026-03-01 to 2026-03-02 (no records), all buckets"),
        (("--from", "2026-03-01T13"), "from 2026-03-01 13:00 (no records), all buckets"),
        (("--to", "2026-01-31"), "until 2026-02-01 00:00 (no records), all buckets"),
        (("--bucket", BUCKET), f"2026-02-06 to 2026-02-06, bucket {BUCKET}"),
    ],
)
def test_the_period_of_an_empty_answer(lake: Path, options: tuple[str, ...], period: str) -> None:
    """It is the one that was asked for, and it is said that there are no records in it."""
    assert period in " ".join(shown(160, "report", "website/top_objects", "--lake", str(lake), *options))


def test_sentences_are_wrapped_between_words(lake: Path) -> None:
    """What `reports` and `findings` say fits the terminal, below its own indent, and is one line in a pipe."""
    name, report = "security/readers_below", load_reports()["security/readers_below"]
    lines = shown(60, "reports", name)
    assert all(line.startswith("    ") for line in lines[1:])
    assert max(map(cell_len, lines[1:3])) <= 60
    assert report.question in " ".join(line.strip() for line in lines)
    assert f"    {report.question}" in run_cli("reports", name).stdout.splitlines()
    lines = shown(60, "findings", "--lake", str(lake))
    start = next(number for number, line in enumerate(lines) if "ALARM   The newest record is " in line)
    alarm, rest = lines[start][lines[start].index("ALARM") :], lines[start + 1]
    assert cell_len(alarm) <= 60
    assert rest.startswith("        ")
    assert "are logs still delivered, and read? (stale)" in f"{alarm} {rest.strip()}"


def test_a_report_says_what_it_is_about(lake: Path) -> None:
    """Title, question, days and bucket above the table, and the note below; none of that in a pipe."""
    command = ["report", "website/requests_by_day", "--lake", str(lake), "--bucket", BUCKET]
    lines = shown(160, *command)
    report = load_reports()["website/requests_by_day"]
    start = lines.index(report.title)
    assert lines[start + 1] == report.question
    assert lines[start + 2] == f"2026-02-06 to 2026-02-06, bucket {BUCKET}"
    assert report.note[:40] in " ".join(lines[lines.index("1 row") :])
    piped = run_cli(*command).stdout
    assert piped.splitlines()[0].split() == ["date", "requests", "visits", "visitors", "bytes_sent"]
    assert piped.splitlines()[-1] == "1 row"


def test_a_chart_says_what_it_is_about(lake: Path, tmp_path: Path) -> None:
    """Its file has title, question, days and bucket, and until when there are records, as a day may not be complete."""
    chart = tmp_path / "chart.svg"
    done = run_cli("report", "website/requests_by_day", "--lake", str(lake), "--bucket", BUCKET, "--chart", str(chart))
    assert done.returncode == 0
    text = chart.read_text()
    assert "Requests by day" in text
    assert "2026-02-06 to 2026-02-06, bucket<" in text
    assert f">{BUCKET}<" in text
    assert "records until 2026-02-06 00:00 UTC; the last day may not be complete" in text
