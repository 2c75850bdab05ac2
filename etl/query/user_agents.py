"""What a user agent is: a person's browser, a bot or another program; by the data of the ua-parser project."""

import re
from dataclasses import dataclass
from typing import Literal

_PROGRAM = re.compile(r"\[?(?:aws-|boto|s3console|s3fs|s3-transfer|jets3t)", re.IGNORECASE)
"""Programs of AWS and for it, of which ua-parser takes some for bots."""
_LONGEST = 512
"""Letters; time grows with the text, and no browser says more."""


@dataclass(frozen=True, slots=True)
class UserAgent:
    """A user agent's kind, its family (`Chrome`, `Googlebot`, `curl`) and operating system, None where not known."""

    kind: Literal["browser", "bot", "program", "none"]
    family: str | None
    system: str | None


def parse_user_agent(text: str | None) -> UserAgent:
    """The user agent that a header's text names. It says what it likes, so this is what it claims to be."""
    import ua_parser  # noqa: PLC0415 - slow to import, and few reports need it

    if not text:
        return UserAgent("none", None, None)
    parsed = ua_parser.parse(text[:_LONGEST])
    family = parsed.user_agent.family if parsed.user_agent else None
    system = parsed.os.family if parsed.os else None
    if _PROGRAM.match(text):
        return UserAgent("program", family, system)
    if parsed.device and parsed.device.family == "Spider":
        return UserAgent("bot", family, system)
    is_browser = family is not None and system is not None and text.startswith(("Mozilla/", "Opera/"))
    return UserAgent("browser" if is_browser else "program", family, system)
