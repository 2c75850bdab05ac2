"""What a user agent says it is."""

import time

import pytest

from etl.query.user_agents import parse_user_agent

ENGINE = "AppleWebKit/537.36 (KHTML, like Gecko)"
GOOGLE = "(compatible; Googlebot/2.1; +http://www.google.com/bot.html)"


@pytest.mark.parametrize(
    ("text", "kind", "family", "system"),
    [
        (None, "none", None, None),
        ("", "none", None, None),
        (
            f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {ENGINE} Chrome/120.0 Safari/537.36",
            "browser",
            "Chrome",
            "Windows",
        ),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:94.0) Gecko/20100101 Firefox/94.0", "browser", "Firefox", "Linux"),
        (f"Mozilla/5.0 {GOOGLE}", "bot", "Googlebot", None),
        (f"Mozilla/5.0 (Linux; Android 6.0.1) {ENGINE} Chrome/120.0 Mobile {GOOGLE}", "bot", "Googlebot", "Android"),
        ("GPTBot/1.0 (+https://openai.com/gptbot)", "bot", "GPTBot", None),
        ("curl/8.4.0", "program", "curl", None),
        ("Boto3/1.34.0 md/Botocore#1.34.0", "program", "Boto3", None),
        ("aws-cli/2.15.0 Python/3.11.6 Linux/5.10", "program", "aws-cli", "Linux"),
        ("[S3Console/0.4, aws-internal/3]", "program", None, None),
        ("python-requests/2.31.0", "program", "Python Requests", None),
        ("nothing that anybody knows", "program", None, None),
    ],
)
def test_kinds(text: str | None, kind: str, family: str | None, system: str | None) -> None:
    """Browsers, bots, and other programs, among them those of AWS."""
    found = parse_user_agent(text)
    assert (found.kind, found.family, found.system) == (kind, family, system)


def test_a_long_text_takes_no_long_time() -> None:
    """Whatever a client sends: the engine looks at each character a bounded number of times."""
    began = time.process_time()
    for text in ("Mozilla/5.0 " * 10_000, "(" * 100_000, "a" * 100_000 + "!", "Android " * 20_000):
        parse_user_agent(text)
    assert time.process_time() - began < 20
