"""Where the dashboard goes: files, standard output, S3, the browser."""

import sys
from pathlib import Path

import pytest
from conftest import S3, ingest_local, run_cli
from lines import LINE

from etl.cli.destination import folder_destination, page_destination
from etl.errors import UsageError


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("pages")
    (root / "logs").mkdir()
    (root / "logs" / "2026-02-06-01-00-00-0123456789ABCDEF").write_text(f"{LINE}\n")
    ingest_local(root / "logs", root / "lake")
    return root / "lake"


@pytest.mark.parametrize(
    "target", ["site", "site.csv", "site.html.gz", "s3://bucket/site", "s3://site.html", "gs://b/a.html"]
)
def test_a_name_that_is_none_of_a_page_is_refused(target: str) -> None:
    """Before anything is read: another suffix, another scheme, no key."""
    with pytest.raises(UsageError):
        page_destination(target)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--output FILE.html, or --per-bucket DIR"),
        (["--output", "a.html", "--per-bucket", "b"], "--output FILE.html, or --per-bucket DIR"),
        (["--output", "a.parquet"], "must end in .html or .htm"),
        (["--output", "-", "--open"], "--open shows a file on a disk"),
        (["--output", "s3://bucket/a.html", "--open"], "--open shows a file on a disk"),
        (["--per-bucket", "-"], "makes several files"),
    ],
)
def test_what_cannot_be_meant_is_refused(lake: Path, tmp_path: Path, arguments: list[str], message: str) -> None:
    """Exit code 2, a message that says what can be, and nothing written."""
    done = run_cli("dashboard", "--lake", str(lake), *arguments, cwd=tmp_path)
    assert (done.returncode, message in done.stderr) == (2, True), done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_dash_is_standard_output(lake: Path) -> None:
    """The page, all of it, and nothing else."""
    done = run_cli("dashboard", "--lake", str(lake), "--output", "-")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("<!DOCTYPE html>")
    assert done.stdout.rstrip().endswith("</html>")


def test_pages_on_s3(lake: Path, s3: S3) -> None:
    """At the endpoint of the settings, over what was there, and as HTML, which a browser shows."""
    s3.client.put_object(Bucket=s3.lake, Key="site/page.html", Body=b"old")
    options = ["--lake", str(lake), "--endpoint-url", s3.endpoint_url]
    for target in (["--output", f"s3://{s3.lake}/site/page.html"], ["--per-bucket", f"s3://{s3.lake}/site/"]):
        done = run_cli("dashboard", *options, *target)
        assert done.returncode == 0, done.stderr
    listed = s3.client.list_objects_v2(Bucket=s3.lake, Prefix="site/")["Contents"]
    assert {one["Key"] for one in listed} == {"site/index.html", "site/page.html", "site/site.html"}
    for item in listed:
        page = s3.client.get_object(Bucket=s3.lake, Key=item["Key"])
        assert page["ContentType"] == "text/html; charset=utf-8"
        assert page["Body"].read().startswith(b"<!DOCTYPE html>")


def test_a_bucket_that_is_not_there_is_one_line_of_error(lake: Path, s3: S3) -> None:
    """The message names the page."""
    options = ["--lake", str(lake), "--endpoint-url", s3.endpoint_url]
    done = run_cli("dashboard", *options, "--output", "s3://nobodys-bucket/page.html")
    assert done.returncode == 1
    assert "s3://nobodys-bucket/page.html" in done.stderr
    assert "Traceback" not in done.stderr


def test_open_shows_the_page(lake: Path, tmp_path: Path) -> None:
    """The browser gets the file's URL; without a browser, a line says so, and the page is there."""
    browser = tmp_path / "browser"
    browser.write_text(f'#!{sys.executable}\nimport sys\nopen("{tmp_path}/opened", "w").write(sys.argv[1])\n')
    browser.chmod(0o755)
    page = tmp_path / "a page.html"
    command = ["dashboard", "--lake", str(lake), "--output", str(page), "--open"]
    done = run_cli(*command, environment={"BROWSER": f"{browser} %s"})
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "opened").read_text() == page.as_uri()
    page.unlink()
    done = run_cli(*command, environment={"BROWSER": "/nowhere/browser", "PATH": "", "DISPLAY": ""})
    assert done.returncode == 0
    assert "no browser was found" in done.stderr
    assert page.exists()


def test_a_folder_that_cannot_be_made(lake: Path, tmp_path: Path) -> None:
    """One line of error."""
    (tmp_path / "file").touch()
    done = run_cli("dashboard", "--lake", str(lake), "--per-bucket", str(tmp_path / "file" / "pages"))
    assert done.returncode == 1
    assert "cannot make this directory" in done.stderr


def test_a_folder_may_have_any_name() -> None:
    """Only standard output is none."""
    assert folder_destination("pages").below("a.html").target == "pages/a.html"
    assert folder_destination("s3://bucket").below("a.html").target == "s3://bucket/a.html"
