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
        ("[S3Console/0.4, aws-internal/3]", "program", "S3 console", None),
        ("python-requests/2.31.0", "program", "Python Requests", None),
        ("nothing that anybody knows", "program", None, None),
    ],
)
def test_kinds(text: str | None, kind: str, family: str | None, system: str | None) -> None:
    """Browsers, bots, and other programs, among them those of AWS."""
    found = parse_user_agent(text)
    assert (found.kind, found.family, found.system) == (kind, family, system)


@pytest.mark.parametrize(
    ("text", "family"),
    [
        ("DuckDB/v1.1.3(linux_amd64) cpp", "DuckDB"),
        ("s3cmd/2.4.0", "s3cmd"),
        ("mountpoint-s3/1.4.0 mountpoint-s3-crt/0.6", "Mountpoint"),
        ("GDAL/3.8.0", "GDAL"),
        ("APN/1.0 HashiCorp/1.0 Terraform/1.5.0 (+https://www.terraform.io) aws-sdk-go-v2/1.24.0", "Terraform"),
        ("APN/1.0 Veeam/1.0 Backup/11.0", "Veeam"),
        ("rclone/v1.65.0", "rclone"),
        ("Cyberduck/8.7.0.40629 (Mac OS X/13.5) (x86_64)", "Cyberduck"),
        ("Botocore/1.34.0 md/awscrt#0.19", "Botocore"),
        ("aiobotocore/2.5.0", "aiobotocore"),
        ("aws-sdk-js/3.300.0 ua/2.0 os/linux", "aws-sdk-js"),
        ("aws-sdk-rust/0.55 os/linux", "aws-sdk-rust"),
        ("aws-sdk-go/1.44.0 (go1.20; linux; amd64)", "aws-sdk-go"),
        ("Hadoop 3.3.4, aws-sdk-java/1.12.262 Linux/5.10 OpenJDK", "Hadoop"),
        ("aws-sdk-java/2.20.0 Linux/5.10 exec-env/EMR app/Trino", "Trino"),
        ("Apache Spark/3.5.0 aws-sdk-java/2.20.0", "Spark"),
        ("MinIO (linux; amd64) minio-go/v7.0.66 mc/RELEASE.2024-01-05", "MinIO client"),
        ("s5cmd/v2.2.2", "s5cmd"),
        ("Java/1.8.0_292", "Java"),
        ("AWSConfig", "AWSConfig"),
        ("some-tool.of-ours/3", "some-tool.of-ours"),
    ],
)
def test_programs_that_use_s3_have_names(text: str, family: str) -> None:
    """What reads buckets is told apart: by the program before the SDK in it, or by the product that it begins with."""
    found = parse_user_agent(text)
    assert (found.kind, found.family) == ("program", family)


@pytest.mark.parametrize(
    ("text", "family"),
    [
        (f"Mozilla/5.0 (X11; Linux x86_64) {ENGINE} HeadlessChrome/120.0.0.0 Safari/537.36", "HeadlessChrome"),
        ("Mozilla/5.0 (Unknown; Linux x86_64) AppleWebKit/538.1 (KHTML, like Gecko) PhantomJS/2.1.1", "PhantomJS"),
        (f"Mozilla/5.0 (X11; Linux x86_64) {ENGINE} Chrome/110.0 Safari/537.36 Puppeteer", "Puppeteer"),
        (f"Mozilla/5.0 (Linux; Android 11) {ENGINE} Chrome/119.0 Safari/537.36 Chrome-Lighthouse", "Chrome-Lighthouse"),
    ],
)
def test_browsers_without_a_window_are_bots(text: str, family: str) -> None:
    """Nobody sits in front of a headless browser, however much it looks like one of a person."""
    found = parse_user_agent(text)
    assert (found.kind, found.family) == ("bot", family)


def test_a_long_text_takes_no_long_time() -> None:
    """Whatever a client sends: the engine looks at each character a bounded number of times."""
    began = time.process_time()
    for text in ("Mozilla/5.0 " * 10_000, "(" * 100_000, "a" * 100_000 + "!", "Android " * 20_000, "aws-sdk-" * 20_000):
        parse_user_agent(text)
    assert time.process_time() - began < 20
