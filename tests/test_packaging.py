"""What a user installs works, and what the README says is so."""

import re
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

from etl import open_lake
from etl.query.catalog import columns
from etl.reports.loader import load_reports

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text("utf-8")


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run([str(word) for word in command], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--outdir", directory, ROOT, cwd=directory)
    return directory


def test_the_wheel_works_from_another_directory(built: Path, tmp_path: Path) -> None:
    """Installed in an empty environment, with SQL and settings inside, the demo runs anywhere."""
    (wheel,) = built.glob("*.whl")
    venv.create(tmp_path / "venv", with_pip=True)
    programs = tmp_path / "venv" / "bin"
    run(programs / "pip", "install", "--quiet", wheel, cwd=tmp_path)
    text = run(programs / "accesslake", "demo", cwd=tmp_path)
    assert "favicon.ico" in text
    assert (tmp_path / "accesslake-demo" / "lake" / "access_log").is_dir()
    assert len(load_reports()) == run(programs / "accesslake", "reports", "--json", cwd=tmp_path).count('"title"')


def test_what_is_in_the_packages(built: Path) -> None:
    """The wheel has the package, SQL and settings, and nothing else; the source archive has the tests too."""
    (wheel,) = built.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "etl/_bundled/sql/website/top_objects.sql" in names
    assert "etl/_bundled/config/accesslake.toml" in names
    assert "etl/dashboard/templates/dashboard.html" in names
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"accesslake", "etl"}
    (archive,) = built.glob("*.tar.gz")
    with tarfile.open(archive) as file:
        tops = {name.split("/")[1] for name in file.getnames() if "/" in name}
    assert {"etl", "sql", "config", "tests", "README.md", "pyproject.toml"} <= tops


def test_the_top_level_is_the_agreed_one() -> None:
    """etl, sql, tests, config, pyproject.toml, README.md and dotfiles, and nothing else is tracked."""
    tracked = run("git", "ls-files", cwd=ROOT).split()
    tops = {name.split("/")[0] for name in tracked}
    assert {top for top in tops if not top.startswith(".")} == {
        "etl", "sql", "tests", "config", "pyproject.toml", "README.md",
    }  # fmt: skip


def test_the_readme_names_every_report_and_setting() -> None:
    """The lists in the README cannot go stale."""
    assert set(re.findall(r"^\| `(\w+/\w+)` \|", README, flags=re.MULTILINE)) == set(load_reports())
    settings = tomllib.loads((ROOT / "config" / "accesslake.toml").read_text())
    assert all(f"`{name}`" in README for name in settings)


def test_the_readme_describes_every_column() -> None:
    """The table of columns is that of `accesslake schema`."""
    rows = [one for one in columns() if one.view == "access_log"]
    table = "\n".join(f"| `{one.column}` | {one.type} | {one.unit} | {one.meaning} |" for one in rows)
    assert f"{table}\n\n" in README


def test_the_own_report_of_the_readme_runs(tmp_path: Path) -> None:
    """The example of a report file is one."""
    (text,) = re.findall(r"^```sql\n(-- /// report.*?)^```", README, flags=re.MULTILINE | re.DOTALL)
    (tmp_path / "own.sql").write_text(text)
    result = open_lake(str(tmp_path / "nothing"), sql_dir=[tmp_path]).report("own")
    assert result.columns == ["key", "downloads"]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the demo was run."""
    directory = tmp_path_factory.mktemp("demo")
    run(sys.executable, "-m", "etl", "demo", cwd=directory)
    return directory


def test_the_session_in_the_readme_is_real(demo: Path) -> None:
    """The README's session, run again, prints what is printed there."""
    sessions = re.findall(r"^\$ accesslake (.*)\n((?:.+\n)+?)(?=```|\n)", README, flags=re.MULTILINE)
    assert len(sessions) >= 2
    for command, shown in sessions:
        done = subprocess.run(
            ["/bin/bash", "-c", f"{sys.executable} -m etl {command}"],
            cwd=demo, capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert _words(done.stdout) == _words(shown), command


def _words(text: str) -> list[str]:
    return text.split()


def test_the_python_in_the_readme_runs(demo: Path) -> None:
    """The notebook lines of the README work on the demo's lake."""
    (code,) = re.findall(r"^```python\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)
    assert "favicon.ico" in run(sys.executable, "-c", f"{code}\nprint(df)", cwd=demo)
