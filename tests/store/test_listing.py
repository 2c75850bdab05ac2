"""Listings within bounds, and many at a time: whatever the requests, nothing is missing, and nothing is there twice."""

import string
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from conftest import S3
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etl.store.base import Store
from etl.store.listing import list_below
from etl.store.local import LocalStore
from etl.store.open import open_store
from etl.store.s3_session import S3Session

NAMES = ("a/1", "a/2", "a-b/1", "a.c/d/1", "a.c/d/2", "a.c/e", "b!", "b%2F/1", "b/1", "c/1")
AFTER = ("", "x/a", "x/a/1", "x/a.c/d", "x/b/", "x/z")
BEFORE = (None, "x/a.c/d/2", "x/b", "x/b/1", "x/z")
LIMITS = (None, 1, 3, 100)


def test_entries_within_bounds(store: Store) -> None:
    """Names greater than one bound and less than the other, of these the first ones, in the order of names."""
    names = sorted(f"x/{name}" for name in NAMES)
    for name in names:
        store.write(name, b"", if_match=None)
    for after, before, limit in product(AFTER, BEFORE, LIMITS):
        between = [name for name in names if name > after and (before is None or name < before)]
        assert [one.name for one in store.entries("x/", after, before, limit)] == between[:limit]


@pytest.mark.parametrize("page", range(1, 8))
def test_objects_named_as_folders(s3: S3, page: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What consoles make for an empty folder is listed with all the others, wherever a page or a group ends."""
    monkeypatch.setattr("etl.store.listing.PAGE", page)
    store = open_store(f"s3://{s3.lake}/lake", S3Session(s3.endpoint_url))
    names = sorted(f"x/{folder}/{name}" for folder in ("a", "a-b", "b", "c") for name in ("", "1"))
    for name in names:
        store.write(name, b"", if_match=None)
    assert [one.name for one in list_below(store, "x/")] == names


PARTS = st.text(st.sampled_from(string.ascii_lowercase[:3] + "-.%~"), min_size=1, max_size=3).filter(
    lambda name: name not in (".", "..")
)


@given(folders=st.lists(st.tuples(PARTS, PARTS), min_size=1, max_size=20, unique=True), page=st.integers(1, 8))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
def test_all_below_a_prefix(folders: list[tuple[str, str]], page: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many objects fill a page, and however folders are called: what one listing gives, in its order."""
    monkeypatch.setattr("etl.store.listing.PAGE", page)
    with TemporaryDirectory() as root:
        store = LocalStore(Path(root))
        for folder, name in folders:
            path = Path(root) / "x" / f"f{folder}" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        (Path(root) / "x" / "file between").touch()
        assert list_below(store, "x/") == store.entries("x/")
