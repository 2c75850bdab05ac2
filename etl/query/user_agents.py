"""What a user agent is: a person's browser, a bot or another program; by the data of the ua-parser project."""

import re
from dataclasses import dataclass
from typing import Literal

# Programs of AWS and for it, of which ua-parser takes some for bots.
_PROGRAM = re.compile(
    r"\[?(?:aws-|boto|s3console|s3fs|s3-transfer|jets3t)", re.IGNORECASE
)
_BROWSER_PREFIXES = ("Mozilla/", "Opera/")
# Letters. The time that parsing takes grows with the text, which is untrusted; no browser names itself at more length.
_MAX_LENGTH = 512


@dataclass(frozen=True, slots=True)
class UserAgent:
    """A user agent's kind, its family (`Chrome`, `Googlebot`, `curl`) and operating system, None where not known."""

    kind: Literal["browser", "bot", "program", "none"]
    family: str | None
    system: str | None


def parse_user_agent(text: str | None) -> UserAgent:
    """The user agent that a header's text names. A client can send any text, so this is what it claims to be."""
    import ua_parser  # noqa: PLC0415 - slow to import, and few reports need it

    if not text:
        return UserAgent("none", None, None)
    parsed = ua_parser.parse(text[:_MAX_LENGTH])
    family = parsed.user_agent.family if parsed.user_agent else None
    system = parsed.os.family if parsed.os else None
    if _PROGRAM.match(text):
        return UserAgent("program", family, system)
    if parsed.device and parsed.device.family == "Spider":
        return UserAgent("bot", family, system)
    is_known = family is not None and system is not None
    if is_known and text.startswith(_BROWSER_PREFIXES):
        return UserAgent("browser", family, system)
    return UserAgent("program", family, system)
