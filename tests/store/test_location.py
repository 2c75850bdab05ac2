"""URLs of lakes and sources, taken apart once."""

from pathlib import Path

import pytest

from etl.errors import UsageError
from etl.store.location import Location, parse_location


@pytest.mark.parametrize(
    ("url", "location"),
    [
        ("s3://bucket/a/b", Location("bucket", "a/b")),
        ("s3://bucket/a/b/", Location("bucket", "a/b/")),
        ("s3://bucket", Location("bucket", "")),
        ("/srv/lake", Location(None, "/srv/lake")),
        ("/srv/./x/../lake/", Location(None, "/srv/lake")),
        ("file:///srv/my%20lake", Location(None, "/srv/my lake")),
    ],
)
def test_locations(url: str, location: Location) -> None:
    """A bucket and a key, or an absolute path."""
    assert parse_location(url) == location


@pytest.mark.parametrize(
    ("url", "message"),
    [("s3://", "names no bucket"), ("s3:///key", "names no bucket"), ("https://x/y", "unknown scheme 'https'")],
)
def test_wrong_urls(url: str, message: str) -> None:
    """The message says what is wrong, and what to write."""
    with pytest.raises(UsageError, match=f"{message}.*s3://bucket/prefix"):
        parse_location(url)


def test_inside(tmp_path: Path) -> None:
    """Below a folder, or the folder itself; never a folder whose name only begins alike, nor another bucket."""
    lake = Location("bucket", "lake")
    assert Location("bucket", "lake/x").is_inside(lake)
    assert Location("bucket", "lake/").is_inside(lake)
    assert not Location("bucket", "lake-logs/x").is_inside(lake)
    assert not Location("other", "lake/x").is_inside(lake)
    assert Location("bucket", "x").is_inside(Location("bucket", ""))
    (tmp_path / "lake").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "lake")
    here = Location(None, str(tmp_path / "lake"))
    assert Location(None, str(tmp_path / "link" / "logs")).is_inside(here)
    assert not Location(None, str(tmp_path)).is_inside(here)
    assert not Location("bucket", "lake").is_inside(here)
