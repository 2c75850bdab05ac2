"""What a user agent is: a person's browser, a bot or another program; by the data of the ua-parser project.

That data knows few of the programs that use S3, takes some of them for bots, and browsers that nobody sits in front of
for those of people. So two short lists come first.
"""

import re
from dataclasses import dataclass
from typing import Literal

Kind = Literal["browser", "bot", "program", "none"]

_BROWSER_PREFIXES = ("Mozilla/", "Opera/")
# Letters. The time that parsing takes grows with the text, which is untrusted; no browser names itself at more length.
_MAX_LENGTH = 512

# Browsers without a window, and the programs that steer them, wherever in the text they are named.
_BOTS = re.compile(
    r"\b(?:HeadlessChrome|PhantomJS|SlimerJS|Puppeteer|Playwright|Selenium|WebDriver|Cypress|HtmlUnit|jsdom"
    r"|Rendertron|Prerender|Chrome-Lighthouse|PTST|GTmetrix)\b",
    re.IGNORECASE,
)
# Programs that use S3, by what they say of themselves: a program before what it is built on, such as Terraform, which
# names aws-sdk-go, too.
_PROGRAMS = (
    ("Terraform", r"\bTerraform\b"),
    ("Pulumi", r"\bPulumi\b"),
    ("CloudFront", r"^Amazon CloudFront$"),
    ("S3 console", r"^\[?S3Console\b"),
    ("Athena", r"\bAthena\b"),
    ("EMRFS", r"\bEMRFS\b"),
    ("Spark", r"\bSpark\b"),
    ("Trino", r"\bTrino\b"),
    ("Presto", r"\bPresto\b"),
    ("Flink", r"\bFlink\b"),
    ("Iceberg", r"\b(?:Py)?Iceberg\b"),
    ("Hadoop", r"\bHadoop\b|\bS3A\b"),
    ("DuckDB", r"^DuckDB\b"),
    ("GDAL", r"^GDAL\b"),
    ("Mountpoint", r"^mountpoint-s3\b"),
    ("s3cmd", r"^s3cmd\b"),
    ("s5cmd", r"\bs5cmd\b"),
    ("rclone", r"^rclone\b"),
    ("MinIO client", r"^MinIO .*\bmc/"),
    ("MinIO SDK", r"^MinIO "),
    ("Cyberduck", r"^Cyberduck\b"),
    ("Mountain Duck", r"^Mountain Duck\b"),
    ("S3 Browser", r"^S3 Browser\b"),
    ("CloudBerry", r"^CloudBerry"),
    ("WinSCP", r"^WinSCP\b"),
    ("s3fs", r"^s3fs\b"),
    ("goofys", r"^goofys\b"),
    ("JuiceFS", r"^JuiceFS\b"),
    ("JetS3t", r"^jets3t\b"),
    ("aws-cli", r"^aws-cli\b"),
    ("aiobotocore", r"^aioboto(?:core|3)\b"),
    ("Boto3", r"^Boto3\b"),
    ("Botocore", r"^Botocore\b"),
    ("Boto", r"^(?:python-)?boto\b"),
    ("s3transfer", r"^s3-?transfer\b"),
    ("Java", r"^Java/"),
)
_KNOWN_PROGRAMS = [
    (family, re.compile(pattern, re.IGNORECASE)) for family, pattern in _PROGRAMS
]
# Programs of AWS's partners, which name the partner: `APN/1.0 Veeam/1.0 Backup/11.0`.
_PARTNER = re.compile(r"^APN[/_]1\.0[ _]([A-Za-z][\w.-]*)", re.IGNORECASE)
# The SDKs of AWS, of each language.
_SDK = re.compile(r"\b(aws-sdk-[a-z][a-z0-9-]*)", re.IGNORECASE)
# What most programs begin with (RFC 9110, 10.1.5): a product and its version, or the product alone.
_PRODUCT = re.compile(r"([A-Za-z][\w.+-]{0,63})(?:/v?\d|$)")


@dataclass(frozen=True, slots=True)
class UserAgent:
    """A user agent's kind, its family (`Chrome`, `Googlebot`, `curl`) and operating system, None where not known."""

    kind: Kind
    family: str | None
    system: str | None


def parse_user_agent(text: str | None) -> UserAgent:
    """The user agent that a header's text names. A client can send any text, so this is what it claims to be."""
    import ua_parser  # noqa: PLC0415 - slow to import, and few reports need it

    if not text:
        return UserAgent("none", None, None)
    text = text[:_MAX_LENGTH]
    parsed = ua_parser.parse(text)
    family = parsed.user_agent.family if parsed.user_agent else None
    system = parsed.os.family if parsed.os else None
    if bot := _BOTS.search(text):
        return UserAgent("bot", bot[0], system)
    is_like_a_browser = text.startswith(_BROWSER_PREFIXES)
    if not is_like_a_browser and (program := _program(text)):
        return UserAgent("program", program, system)
    if parsed.device and parsed.device.family == "Spider":
        return UserAgent("bot", family, system)
    if is_like_a_browser and family is not None and system is not None:
        return UserAgent("browser", family, system)
    return UserAgent("program", family or _product(text), system)


def _program(text: str) -> str | None:
    """The program of AWS or for S3 that a user agent names; None for any other."""
    for family, pattern in _KNOWN_PROGRAMS:
        if pattern.search(text):
            return family
    for pattern in (_PARTNER, _SDK):
        if found := pattern.search(text):
            return found[1]
    return None


def _product(text: str) -> str | None:
    """The product that a user agent begins with, where it does."""
    found = None if text.startswith(_BROWSER_PREFIXES) else _PRODUCT.match(text)
    return found[1] if found else None
