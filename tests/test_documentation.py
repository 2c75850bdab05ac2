"""What the README files say is so: their tables are generated, their examples run, their links lead somewhere.

`python tests/test_documentation.py` writes the generated tables after a change of what they describe.
"""

import datetime as dt
import inspect
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

import duckdb
import pytest
from conftest import empty_lake, ingest_local, run_cli
from lines import LINE

from etl.api import Lake, open_lake
from etl.cli.app import app
from etl.cli.events import EVENTS, FIGURES
from etl.cli.exits import MEANINGS
from etl.kinds import KINDS
from etl.monitoring.gauges import GAUGES
from etl.parser import Note
from etl.query.catalog import NOTES, columns, functions
from etl.reports.loader import load_reports

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("config", "etl", "sql", "tests")
README = ROOT / "README.md"
PARQUET = ROOT / "config" / "parquet.md"
RUNNING = ROOT / "config" / "running.md"
READMES = [
    README,
    *(path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("README.md"))),
    *sorted((ROOT / "config").glob("[a-z]*.md")),
]
"""The pages of the documentation: each folder's own, and those beside the settings."""
LONGEST_README = 200
"""Lines of the first page: a reader should see all that there is before losing patience."""
DEMO_LAKE = "accesslake-demo/lake"

Row = tuple[str, ...]


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def code_blocks(path: Path, language: str) -> list[str]:
    """The fenced blocks of one language in a file."""
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", path.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    return [text for name, text in blocks if name == language]


def section(path: Path, heading: str) -> str:
    """The text between a heading and the next one of the same level or above."""
    level = heading.partition(" ")[0]
    _, _, below = path.read_text("utf-8").partition(f"\n{heading}\n")
    return re.split(rf"^#{{1,{len(level)}}} ", below, flags=re.MULTILINE)[0]


def markdown_table(header: Row, rows: Sequence[Row]) -> str:
    cells = [header, ("---",) * len(header), *rows]
    lines = (" | ".join(cell.replace("|", r"\|") for cell in row) for row in cells)
    return "\n".join(f"| {line} |" for line in lines)


def report_tables() -> str:
    """A table for each section, as the directory `sql/` has them."""
    tables = []
    for name, reports in groupby(load_reports().values(), lambda report: report.name.partition("/")[0]):
        rows = [(f"`{one.name}`", one.question, one.chart.kind if one.chart else "") for one in reports]
        tables.append(f"### {name.capitalize()}\n\n{markdown_table(('report', 'question', 'chart'), rows)}")
    return "\n\n".join(tables)


def column_table() -> str:
    rows = [(f"`{one.column}`", one.type, one.unit, one.meaning) for one in columns() if one.view == "access_log"]
    return markdown_table(("column", "type", "unit", "meaning"), rows)


def function_table() -> str:
    return markdown_table(("function", "meaning"), [(f"`{one.call}`", one.meaning) for one in functions()])


def setting_table() -> str:
    """The settings file as a table: each setting, its default, and the comment above it."""
    rows: list[Row] = []
    comment: list[str] = []
    table = ""
    for line in (ROOT / "config" / "accesslake.toml").read_text("utf-8").splitlines():
        header = re.fullmatch(r"\[(\w+)\]", line)
        setting = re.fullmatch(r"(# )?(\w+) = (.+)", line)
        if header:
            rows.append((f"`{header[1]}`", "a table", " ".join(comment)))
            table, comment = f"{header[1]}.", []
        elif setting and comment:
            unset, name, default = setting.groups()
            rows.append((f"`{table}{name}`", "none" if unset else f"`{default}`", " ".join(comment)))
            comment = []
        elif line.startswith("# ") and not line.startswith("# ---"):
            comment.append(line.removeprefix("# "))
        else:
            comment = []
    return markdown_table(("setting", "default", "meaning"), rows)


def findings_table() -> str:
    """Each kind of finding: what triggers it, and its thresholds with their defaults."""
    header = ("finding", "severity", "what triggers it", "thresholds", "ATT&CK", "report")
    rows = []
    for kind in KINDS.values():
        thresholds = ", ".join(
            f"`{name} = {threshold.default:.15g}` ({threshold.meaning})" for name, threshold in kind.thresholds.items()
        )
        report = f"`{kind.report}`" if kind.report else ""
        rows.append((f"`{kind.id}`", kind.severity.value, kind.trigger, thresholds, kind.technique or "", report))
    return markdown_table(header, rows)


def gauge_table() -> str:
    rows = [(f"`accesslake_{name}`", gauge.label and f"`{gauge.label}`", gauge.help) for name, gauge in GAUGES.items()]
    return markdown_table(("gauge", "label beside `lake`", "meaning"), rows)


def event_table() -> str:
    """Log lines; the fields of the one with all figures are in a table of their own."""
    rows = []
    for event in EVENTS:
        fields = "those of the next table" if set(event.fields) == set(FIGURES) else ", ".join(event.fields)
        rows.append((f"`{event.name}`", event.level, event.meaning, fields))
    return markdown_table(("`event`", "`level`", "when", "further fields"), rows)


def figure_table() -> str:
    return markdown_table(("figure", "meaning"), [(f"`{name}`", meaning) for name, meaning in FIGURES.items()])


GENERATED: dict[str, tuple[Path, Callable[[], str]]] = {
    "reports": (ROOT / "sql" / "README.md", report_tables),
    "columns": (ROOT / "sql" / "README.md", column_table),
    "functions": (ROOT / "sql" / "README.md", function_table),
    "findings": (ROOT / "etl" / "README.md", findings_table),
    "settings": (ROOT / "config" / "README.md", setting_table),
    "gauges": (RUNNING, gauge_table),
    "events": (RUNNING, event_table),
    "figures": (RUNNING, figure_table),
}
"""The generated parts: the file that each is in, and its text."""


def with_generated(text: str, name: str, generated: str) -> str:
    """A file's text with the part `name` written anew."""
    part = re.compile(rf"(<!-- generated: {name} -->\n).*?(<!-- end -->)", flags=re.DOTALL)
    replaced, count = part.subn(lambda found: f"{found[1]}\n{generated}\n\n{found[2]}", text)
    assert count == 1, f"no part {name}"
    return replaced


def write_generated() -> None:
    for name, (path, generate) in GENERATED.items():
        path.write_text(with_generated(path.read_text("utf-8"), name, generate()), "utf-8")


@pytest.mark.parametrize("name", GENERATED)
def test_generated_parts_are_up_to_date(name: str) -> None:
    """The lists of reports, columns, functions and settings are those of the code."""
    path, generate = GENERATED[name]
    text = path.read_text("utf-8")
    assert text == with_generated(text, name, generate()), "run: python tests/test_documentation.py"


def test_the_list_of_reports_is_complete() -> None:
    """Each report is in the list, once."""
    listed = re.findall(r"^\| `(\w+/\w+)` \|", (ROOT / "sql" / "README.md").read_text("utf-8"), flags=re.MULTILINE)
    assert listed == list(load_reports())


def test_every_setting_is_described() -> None:
    """Each setting and table of the settings file is in the table of settings."""
    settings = tomllib.loads((ROOT / "config" / "accesslake.toml").read_text("utf-8"))
    text = section(ROOT / "config" / "README.md", "## Settings")
    assert all(f"| `{name}` |" in text for name in settings)
    assert all(f"| `privacy.{name}` |" in text for name in settings["privacy"])


@pytest.mark.parametrize(("path", "heading"), [(README, "## Commands"), (RUNNING, "## What to alert on")])
def test_every_exit_code_is_described(path: Path, heading: str) -> None:
    """The tables of exit codes have each of them, in order."""
    cells = re.findall(r"^\| ([\d, ]+) \|", section(path, heading), flags=re.MULTILINE)
    assert [int(code) for cell in cells for code in cell.split(",")] == list(MEANINGS)


def test_the_first_page_is_short() -> None:
    """The README is read in a minute; everything else stands where it is needed."""
    assert len(README.read_text("utf-8").splitlines()) <= LONGEST_README


def anchors(path: Path) -> set[str]:
    """What a link to a heading of a file may say after `#`."""
    headings = re.findall(r"^#+ (.*)$", path.read_text("utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", READMES, ids=relative)
def test_links_lead_somewhere(path: Path) -> None:
    """Each relative link names a file or folder that exists, and a heading that is in it."""
    prose = re.sub(r"^```.*?^```", "", path.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", prose):
        if link.startswith("https://"):
            continue
        name, _, anchor = link.partition("#")
        target = path.parent / name if name else path
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_every_readme_is_within_reach() -> None:
    """The README leads to each of the others."""
    text = README.read_text("utf-8")
    assert [path for path in READMES[1:] if f"]({relative(path)})" not in text] == []


def test_every_command_is_described() -> None:
    """The table of commands has each command of the command line."""
    text = section(README, "## Commands")
    names = [command.name or command.callback.__name__ for command in app.registered_commands if command.callback]
    assert names
    assert [name for name in names if f"`accesslake {name.replace('_', '-')}" not in text] == []


def test_every_view_is_described() -> None:
    """The table of views has each view that queries may use, and no other."""
    text = section(ROOT / "sql" / "README.md", "## Views")
    assert set(re.findall(r"^\| `(\w+)` \|", text, flags=re.MULTILINE)) == set(NOTES)


def test_every_parse_note_is_described() -> None:
    """The table of parse notes has each of them, the most severe first."""
    text = section(ROOT / "etl" / "README.md", "## Parse notes").partition("\n### ")[0]
    assert re.findall(r"^\| `(\w+)` \|", text, flags=re.MULTILINE) == [note.value for note in Note]


def test_every_method_of_the_handle_is_described() -> None:
    """What the table says of the lake in Python is there, and the other way round."""
    text = (ROOT / "etl" / "README.md").read_text("utf-8").partition("## From Python")[2].partition("\n## ")[0]
    described = set(re.findall(r"`\.(\w+)", text)) - {"batches"}
    assert described == {name for name in vars(Lake) if not name.startswith("_")}
    (signature,) = re.findall(r"open_lake\((.*)\)\n", text)
    named = re.findall(r"(\w+)(?==|,|$)", re.sub(r"=\S+?(?=,|$)", "", signature))
    assert named == list(inspect.signature(open_lake).parameters)


def test_the_import_layers_are_those_that_are_checked() -> None:
    """The layers of the packages are written as import-linter has them."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    layers = next(one["layers"] for one in contracts if one.get("containers") == ["etl"])
    text = section(ROOT / "etl" / "README.md", "## The packages")
    assert "".join(f"    {layer}\n" for layer in layers) in text
    modules = {name for layer in layers for name in re.findall(r"\w+", layer)}
    assert modules <= set(re.findall(r"`(\w+)`", text))


def test_every_folder_of_tests_is_described() -> None:
    """The table of folders has each folder that tests are in."""
    text = section(ROOT / "tests" / "README.md", "## How they are organized")
    folders = {path.parent.name for path in (ROOT / "tests").glob("*/*.py")}
    assert folders == set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`.*?`) \|", text, flags=re.MULTILINE))))


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the demo was run."""
    directory = tmp_path_factory.mktemp("demo")
    done = run_cli("demo", "--dates", "2021", cwd=directory)
    assert done.returncode == 0, done.stderr
    return directory


def run_in_shell(command: str, directory: Path) -> str:
    """What a command of the documentation prints."""
    words = command.replace("accesslake ", f"{sys.executable} -m etl ", 1)
    done = subprocess.run(["/bin/bash", "-c", words], cwd=directory, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stderr}"
    return done.stdout


def sessions() -> Iterator[tuple[str, str]]:
    """Each command that the README files show with its output."""
    for path in READMES:
        for block in code_blocks(path, ""):
            yield from re.findall(r"^\$ (accesslake .*)\n((?:(?!\$ ).+\n)+)", block, flags=re.MULTILINE)


def test_the_sessions_are_real(demo: Path) -> None:
    """Each command that is shown with its output prints just that."""
    shown = list(sessions())
    assert len(shown) >= 3
    for command, output in shown:
        assert run_in_shell(command, demo).split() == output.split(), command


def demo_commands() -> list[str]:
    """The commands over the lake of the demo that are shown without their output."""
    lines = [line for path in READMES for block in code_blocks(path, "sh") for line in block.splitlines()]
    return [line for line in lines if line.startswith("accesslake ") and (DEMO_LAKE in line or " reports" in line)]


@pytest.mark.parametrize("command", demo_commands())
def test_the_commands_run(command: str, demo: Path) -> None:
    """Each command over the lake of the demo succeeds."""
    run_in_shell(command, demo)


def test_a_copy_of_a_lake_is_a_lake(demo: Path) -> None:
    """The steps of moving a lake: nothing is missing in the copy, and nothing is new to it."""
    (steps,) = [block for block in code_blocks(ROOT / "config" / "operating.md", "sh") if "cp -r" in block]
    printed = run_in_shell(steps.replace("\naccesslake ", f"\n{sys.executable} -m etl "), demo)
    assert "all is right" in printed
    assert re.search(r"^objects new +0$", printed, flags=re.MULTILINE)


def test_the_notebook_lines_run(demo: Path) -> None:
    """The Python of the README works on the lake of the demo."""
    (code,) = code_blocks(README, "python")
    program = [sys.executable, "-c", f"{code}\nprint(df)"]
    done = subprocess.run(program, cwd=demo, capture_output=True, text=True, check=False)
    assert "favicon.ico" in done.stdout, done.stderr


def query_of_the_readme(lake: Path) -> str:
    """The query over plain Parquet files, of another lake."""
    (query,) = code_blocks(README, "sql")
    assert DEMO_LAKE in query
    return query.replace(DEMO_LAKE, str(lake))


def test_the_plain_query_runs(demo: Path) -> None:
    """The SQL for other programs counts each record of the lake of the demo."""
    rows = duckdb.connect().sql(query_of_the_readme(demo / DEMO_LAKE)).fetchall()
    assert {bucket for bucket, _, _ in rows} == {"demo-cf-origin", "demo-lifecycle"}
    assert sum(records for _, _, records in rows) == 3883 + 4609


@pytest.mark.parametrize("bucket", ["12345", "2026-01-01"])
def test_the_plain_query_keeps_names_of_buckets(bucket: str, tmp_path: Path) -> None:
    """A bucket whose name looks like a number or a date stays text; without the types it would not."""
    logs, lake = tmp_path / "logs", tmp_path / "lake"
    logs.mkdir()
    (logs / "2026-02-06-01-00-00-0123456789ABCDEF").write_text(LINE.replace(" site ", f" {bucket} ") + "\n")
    ingest_local(logs, lake)
    query = query_of_the_readme(lake)
    assert duckdb.connect().sql(query).fetchall() == [(bucket, dt.date(2026, 2, 6), 1)]
    guessed = re.sub(r", hive_types = \{.*?\}", "", query)
    assert duckdb.connect().sql(guessed).fetchall() != duckdb.connect().sql(query).fetchall()


def test_the_python_of_the_parquet_page_runs(demo: Path) -> None:
    """Its blocks, one after the other, get at what columns mean, and at days and whole numbers in pandas."""
    shown = 'print(meanings["object_size"], len(df[df["date"] >= "2021-11-03"]), *map(str, df.dtypes), sep="; ")'
    program = "\n".join([*code_blocks(PARQUET, "python"), shown])
    done = subprocess.run([sys.executable, "-c", program], cwd=demo, capture_output=True, text=True, check=False)
    meaning, rows, *types = done.stdout.rstrip().split("; ")
    assert meaning == "of the whole object, also where a range was requested [bytes]", done.stderr
    assert rows == "3531"
    assert types[0].startswith("str")
    assert types[1].startswith("datetime64")
    assert types[4] == "Int16"


def files_read(query: str) -> int:
    """How many files a DuckDB without accesslake opens for a query."""
    ((_, plan),) = duckdb.connect().sql(f"EXPLAIN ANALYZE {query}").fetchall()
    (count,) = re.findall(r"Total Files Read: (\d+)", plan)
    return int(count)


def test_the_queries_of_the_parquet_page_run(demo: Path) -> None:
    """They show what columns mean, and open the files of the days in question only, as the condition on `date` says."""
    meanings, records = (one.replace(DEMO_LAKE, str(demo / DEMO_LAKE)) for one in code_blocks(PARQUET, "sql"))
    assert ("tls_version", "such as TLSv1.3; NULL without TLS") in duckdb.connect().sql(meanings).fetchall()
    assert duckdb.connect().sql(records).fetchall() == [(3390,)]
    files = list((demo / DEMO_LAKE / "access_log").glob("*/date=*/*.parquet"))
    of_days = [path for path in files if path.parent.name >= "date=2021-11-03"]
    assert files_read(records) == len(of_days) < len(files)
    by_time_alone = records.replace("date >= '2021-11-03' AND ", "")
    assert files_read(by_time_alone) == len(files)


def test_the_own_report_runs(tmp_path: Path) -> None:
    """The example of a report file is one."""
    (text,) = code_blocks(ROOT / "sql" / "README.md", "sql")
    (tmp_path / "own.sql").write_text(text)
    result = empty_lake(tmp_path, sql_dir=[tmp_path]).report("own")
    assert result.columns == ["key", "downloads"]


if __name__ == "__main__":
    write_generated()
