"""What a user installs works, and has in it what belongs there."""

import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

from etl.reports.loader import load_reports

ROOT = Path(__file__).resolve().parent.parent
READMES = [ROOT / "README.md", *(ROOT / "tests").rglob("README.md"), *ROOT.glob("[a-z]*/README.md")]


def run(*command: str | Path, cwd: Path) -> str:
    """What a command prints, that nobody has told where the source tree is."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the source archive, and with the wheel that is made of it."""
    directory = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--installer", "uv", "--outdir", directory, ROOT, cwd=directory)
    return directory


def test_the_packages_can_be_published(built: Path) -> None:
    """Their metadata is complete, and the first page can be shown on the page of the package."""
    run(sys.executable, "-m", "twine", "check", "--strict", *built.iterdir(), cwd=built)


def test_the_wheel_works_from_another_directory(built: Path, tmp_path: Path) -> None:
    """Installed in an empty environment, with SQL, templates and settings inside, the demo and reports run anywhere."""
    (wheel,) = built.glob("*.whl")
    venv.create(tmp_path / "venv")
    programs = tmp_path / "venv" / "bin"
    run(sys.executable, "-m", "uv", "pip", "install", "--python", programs / "python", wheel, cwd=tmp_path)
    (place,) = run(programs / "python", "-c", "import etl; print(etl.__file__)", cwd=tmp_path).split()
    assert Path(place).is_relative_to(tmp_path / "venv")
    text = run(programs / "accesslake", "demo", cwd=tmp_path)
    assert "favicon.ico" in text
    lake = tmp_path / "accesslake-demo" / "lake"
    assert (lake / "access_log").is_dir()
    report = ("report", "website/top_objects", "--lake", lake, "--format", "csv")
    assert run(programs / "accesslake", *report, cwd=tmp_path).startswith(
        "key,requests,successful,failed\nfavicon.ico,"
    )
    assert len(load_reports()) == run(programs / "accesslake", "reports", "--json", cwd=tmp_path).count('"title"')


def test_what_is_in_the_packages(built: Path) -> None:
    """The wheel has the package, SQL and settings only; the source archive has tests and documentation too."""
    (wheel,) = built.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "etl/_bundled/sql/website/top_objects.sql" in names
    assert "etl/_bundled/config/accesslake.toml" in names
    assert "etl/dashboard/templates/dashboard.html" in names
    assert {"etl/py.typed", "accesslake/py.typed"} <= set(names)
    assert not [name for name in names if name.endswith("README.md")]
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"accesslake", "etl"}
    (archive,) = built.glob("*.tar.gz")
    with tarfile.open(archive) as file:
        inside = {name.partition("/")[2] for name in file.getnames()}
    assert {path.relative_to(ROOT).as_posix() for path in READMES} <= inside
    tops = {name.split("/")[0] for name in inside}
    assert {"etl", "sql", "config", "tests", "README.md", "pyproject.toml"} <= tops


def test_the_top_level_is_the_agreed_one() -> None:
    """etl, sql, tests, config, pyproject.toml, README.md and dotfiles, and nothing else is tracked."""
    tracked = run("git", "ls-files", cwd=ROOT).split()
    tops = {name.split("/")[0] for name in tracked}
    assert {top for top in tops if not top.startswith(".")} == {
        "etl", "sql", "tests", "config", "pyproject.toml", "README.md",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("module", "without"),
    [
        ("etl", "duckdb boto3 s3fs altair vl_convert pandas pyarrow numpy typer"),
        ("accesslake", "duckdb boto3 s3fs altair vl_convert pandas pyarrow numpy typer"),
        ("etl.parser", "duckdb boto3 s3fs altair vl_convert pandas rich typer"),
        ("etl.ingest", "duckdb boto3 s3fs altair vl_convert pandas rich typer"),
        ("etl.lake", "duckdb boto3 s3fs altair vl_convert pandas rich typer"),
        ("etl.query", "duckdb boto3 s3fs altair vl_convert pandas rich typer"),
        ("etl.query.worker", "boto3 s3fs altair vl_convert pandas rich typer pydantic"),
        ("etl.api", "boto3 s3fs altair vl_convert pandas typer sqlglot pyspark"),
        ("etl.cli.app", "boto3 s3fs altair vl_convert pandas sqlglot pyspark"),
    ],
)
def test_what_a_module_does_not_load(module: str, without: str) -> None:
    """The faces of packages are cheap: parsing loads no query engine, and querying no AWS client."""
    code = f"import sys, {module}; print(*sorted({set(without.split())!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_both_names_of_the_package(tmp_path: Path) -> None:
    """`accesslake` gives what `etl` gives, and can be run."""
    code = "import accesslake, etl; print(all(getattr(accesslake, n) is getattr(etl, n) for n in etl.__all__))"
    assert run(sys.executable, "-c", code, cwd=tmp_path) == "True\n"
    assert run(sys.executable, "-c", "from accesslake import *; print(open_lake, Lake)", cwd=tmp_path)
    assert run(sys.executable, "-m", "accesslake", "--version", cwd=tmp_path).startswith("accesslake ")
    missing = subprocess.run(
        [sys.executable, "-c", "import accesslake; accesslake.nothing"], capture_output=True, text=True, check=False
    )
    assert "has no attribute 'nothing'" in missing.stderr
