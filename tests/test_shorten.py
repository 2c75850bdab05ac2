"""Long texts, cut so that people can tell them apart."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from etl.shorten import fitted, shortened

ROLE = "arn:aws:sts::123456789012:assumed-role"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("index.html", "index.html"),
        (f"{'a' * 30}{'b' * 30}", f"{'a' * 11}\u2026{'b' * 18}"),
        # of who acts, the role and the end of the session, before the account
        ("arn:aws:iam::111122223333:user/site-admin-of-the-website", "\u2026user/site-admi\u2026of-the-website"),
        (f"{ROLE}/DataPipelineRole/i-0abc00000000000017", "\u2026DataPipelineRole/i-0a\u20260000017"),
        # of a number all digits, or none
        ("logs/2026/11/24/part-00000000017-of-00000000100.parquet", "logs/2026/\u202600000000100.parquet"),
    ],
)
def test_a_long_text_is_cut_in_the_middle(text: str, name: str) -> None:
    """Both ends are kept, and of numbers all digits."""
    assert shortened(text, 30) == name


def test_texts_that_would_look_alike_show_where_they_differ() -> None:
    """Sessions of one role, keys that differ in their middle, roles of two accounts."""
    sessions = [f"{ROLE}/ReadOnly/{'abc' * 8}{number:02}xyz{'abc' * 8}" for number in range(17)]
    names = fitted(sessions, 30)
    assert all(
        re.fullmatch(rf"\u2026ReadOnly/\u2026\w*{number:02}xyz.*", names[text]) for number, text in enumerate(sessions)
    )
    keys = [f"{'a' * 30}{number}{'b' * 30}" for number in range(3)]
    assert [fitted(keys, 30)[key][:20] for key in keys] == [f"{'a' * 15}\u2026aa{number}b" for number in range(3)]
    roles = [
        f"arn:aws:iam::{account}:role/the-administrator-of-all-buckets" for account in (111122223333, 444455556666)
    ]
    assert [name for name in fitted(roles, 30).values() if "111122223333" in name or "444455556666" in name]


@given(st.lists(st.text(max_size=200), max_size=8), st.integers(12, 60))
def test_names_fit_and_differ(texts: list[str], width: int) -> None:
    """Whatever the texts and however wide their letters are, each has a name of its own that fits."""
    names = fitted(texts, width)
    assert set(names) == set(texts)
    assert all(cell_len(name) <= width for name in names.values())
    assert len(set(names.values())) == len(names)
