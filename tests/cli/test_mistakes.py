"""Mistakes that people make: each is told in a line that says what to do, and leaves everything as it was."""

from pathlib import Path

import pytest
from conftest import S3, ingest_local, run_cli
from lines import LINE

import etl
from etl.errors import NoLakeError, UsageError

NAME = "2026-02-06-01-00-00-AA"
READERS = (
    ("status",),
    ("verify",),
    ("expire", "--older-than", "400d"),
    ("report", "website/top_objects"),
    ("sql", "SELECT 1"),
    ("shell",),
    ("findings",),
    ("dashboard", "--output", "page.html"),
    ("lifecycle-rules", "--bucket", "b", "--rules", "rules.json"),
    ("never-read", "--inventory", "inventory.csv"),
)


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / NAME).write_text(f"{LINE}\n")
    return tmp_path / "logs"


@pytest.mark.parametrize("command", READERS)
def test_a_mistyped_lake_is_refused_by_every_command_that_reads(command: tuple[str, ...], tmp_path: Path) -> None:
    """Exit code 2, one line, the lake that is probably meant and how to make one; nothing is made or printed."""
    (tmp_path / "rules.json").write_text('{"Rules": []}')
    (tmp_path / "inventory.csv").write_text("bucket,key\n")
    (tmp_path / "access-lake" / "access_log").mkdir(parents=True)
    before = sorted(tmp_path.rglob("*"))
    mistyped = str(tmp_path / "acces-lake")
    done = run_cli(
        *command, "--lake", mistyped, cwd=tmp_path, environment={"PYTHONPATH": str(Path(etl.__file__).parents[1])}
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"accesslake: {mistyped}: there is no lake here; did you mean '{tmp_path}/access-lake'? "
        f"(`accesslake ingest --source LOGS --lake {mistyped}` makes one)\n"
    )
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("mistyped", "meant"),
    [
        ("deme/lake", "demo/lake"),
        ("demo", "demo/lake"),
        ("demo/lake/access_log", "demo/lake"),
        ("demo/lake2", "demo/lake"),
    ],
)
def test_the_lake_that_is_meant_is_found(mistyped: str, meant: str, logs: Path, tmp_path: Path) -> None:
    """A folder is misspelled, one too few or one too many is named. From Python it is an error of its own."""
    ingest_local(logs, tmp_path / "demo" / "lake")
    with pytest.raises(NoLakeError, match=f"did you mean '{tmp_path / meant}'\\?"):
        etl.open_lake(str(tmp_path / mistyped)).report("website/top_objects")


def test_a_mistyped_lake_on_s3_is_refused(s3: S3) -> None:
    """A prefix without a lake, and a bucket that there is not."""
    endpoint = ("--endpoint-url", s3.endpoint_url)
    for url in (f"s3://{s3.lake}/none", "s3://no-such-bucket-here/lake"):
        done = run_cli("sql", "SELECT 1", "--lake", url, *endpoint)
        assert (done.returncode, done.stdout) == (2, "")
        assert "there is no lake" in done.stderr


def test_a_lake_without_records_has_empty_results(tmp_path: Path) -> None:
    """A run that found nothing makes a lake: that is no mistake, but has nothing to look at. All say what to do."""
    (tmp_path / "logs").mkdir()
    lake = str(tmp_path / "lake")
    made = run_cli("ingest", "--source", str(tmp_path / "logs"), "--lake", lake)
    assert (made.returncode, "the sources list no log objects; check their names" in made.stderr) == (0, True)
    past = run_cli("ingest", "--source", str(tmp_path / "logs"), "--lake", lake, "--until", "2026-01-31")
    assert "where that is before the window, give --since, too" in past.stderr
    empty = run_cli("report", "website/top_objects", "--lake", lake, "--format", "json")
    assert (empty.returncode, empty.stdout.strip()) == (0, "[]")
    refused = run_cli("findings", "--lake", lake)
    assert (refused.returncode, refused.stdout) == (2, "")
    for done in (empty, refused):
        assert f"{lake} holds no records yet; `accesslake ingest` fills it" in done.stderr


@pytest.mark.parametrize("where", ["local", "s3"])
@pytest.mark.parametrize(
    ("name", "pattern"), [("app/access.log.gz", "app/*.log.gz"), ("2026/01/requests", "2026/01/*"), ("a.log.1", "*")]
)
def test_a_source_with_objects_but_no_log_objects_is_refused(
    name: str, pattern: str, where: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """By ingest, its dry run and verify: the form of names, an example, and the glob that reads what is there."""
    source, settings = str(tmp_path / "logs"), {}
    if where == "s3":
        s3: S3 = request.getfixturevalue("s3")
        source, settings = f"s3://{s3.logs}/logs", {"endpoint_url": s3.endpoint_url}
        s3.put("logs/", b"")
        s3.put(f"logs/{name}", f"{LINE}\n".encode())
    else:
        path = tmp_path / "logs" / name
        path.parent.mkdir(parents=True)
        path.write_text(f"{LINE}\n")
        (tmp_path / "logs" / ".DS_Store").touch()
    lake, glob = tmp_path / "lake", f"{source}/{pattern}"
    refused = etl.open_lake(str(lake), source=[source], **settings)
    for dry_run in (True, False):
        with pytest.raises(UsageError) as caught:
            refused.ingest(dry_run=dry_run)
        assert "[prefix]YYYY-MM-DD-hh-mm-ss-UNIQUE" in str(caught.value)
        assert f"one of them is {source}/{name}" in str(caught.value)
        assert f"--source {glob}" in str(caught.value).replace("'", "")
        assert not lake.exists()
    assert etl.open_lake(str(lake), source=[glob], **settings).ingest().result.rows == 1
    with pytest.raises(UsageError, match="none of the"):
        refused.verify()


def test_a_source_with_marks_of_folders_only_is_one_of_the_first_day(s3: S3, tmp_path: Path) -> None:
    """Consoles make an object for a folder, editors hidden files: there is nothing to be told about."""
    s3.put("logs/", b"")
    lake = etl.open_lake(str(tmp_path / "lake"), source=[f"s3://{s3.logs}/logs/"], endpoint_url=s3.endpoint_url)
    assert lake.ingest().found.skipped == 1


@pytest.mark.parametrize("where", ["local", "s3"])
def test_no_lake_is_made_inside_another_or_around_one(
    where: str, request: pytest.FixtureRequest, logs: Path, tmp_path: Path
) -> None:
    """Nor inside a source, which would list it; and nothing is written."""
    settings: dict[str, str] = {}
    root = str(tmp_path / "lakes")
    if where == "s3":
        s3: S3 = request.getfixturevalue("s3")
        root, settings = f"s3://{s3.lake}/lakes", {"endpoint_url": s3.endpoint_url}
    etl.open_lake(f"{root}/one", source=[str(logs)], **settings).ingest()
    for url, message in (
        (f"{root}/one/access_log/two", f"would be inside the lake {root}/one"),
        (root, f"the lake {root}/one is inside"),
    ):
        with pytest.raises(UsageError, match=message):
            etl.open_lake(url, source=[str(logs)], **settings).ingest()
        with pytest.raises(NoLakeError):
            etl.open_lake(url, **settings).status()
    etl.open_lake(f"{root}/two", source=[str(logs)], **settings).ingest()


@pytest.mark.parametrize("where", ["local", "s3"])
def test_no_lake_is_made_inside_a_source(
    where: str, request: pytest.FixtureRequest, logs: Path, tmp_path: Path
) -> None:
    """Each run would list what all before it wrote. A glob lists one folder only."""
    settings: dict[str, str] = {}
    source = str(tmp_path)
    if where == "s3":
        s3: S3 = request.getfixturevalue("s3")
        s3.put(f"in-{NAME}", f"{LINE}\n".encode())
        source, settings = f"s3://{s3.logs}/in", {"endpoint_url": s3.endpoint_url}
    lake = f"{tmp_path}/new" if where == "local" else f"{source}/lake"
    with pytest.raises(UsageError, match="would be inside the source"):
        etl.open_lake(lake, source=[source], **settings).ingest()
    with pytest.raises(NoLakeError):
        etl.open_lake(lake, **settings).status()
    glob = f"{logs}/*" if where == "local" else f"{source}*"
    assert etl.open_lake(lake, source=[glob], **settings).ingest().result.rows == 1
