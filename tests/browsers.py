"""A page in a real browser."""

from pathlib import Path
from typing import Any, Self

from playwright.sync_api import Browser, Page

_CUT_OFF = """
() => [...document.querySelectorAll('body, body *')]
    .filter((one) => !one.closest('svg, script') && one.checkVisibility() && getComputedStyle(one).display !== 'inline')
    .filter((one) => one.scrollWidth > one.clientWidth + 1
        || (one.scrollHeight > one.clientHeight + 1 && getComputedStyle(one).overflowY !== 'visible'
            && one.offsetWidth - one.clientWidth < 8))
    .map((one) => `${one.tagName} ${one.className} ${one.closest('article')?.id} ${one.textContent.slice(0, 60)}`)
"""


class Opened:
    """The page in a window, with its messages (console and errors) and the URLs of its requests."""

    def __init__(self, browser: Browser, path: Path, width: int = 1400, scheme: Any = "light") -> None:
        self.context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        self.page: Page = self.context.new_page()
        self.messages: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.messages.append(message.text))
        self.page.on("pageerror", lambda error: self.messages.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(path.as_uri())

    def unfold(self) -> None:
        """Open all that is folded, as a reader would by clicking."""
        self.page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")

    def cut_off(self) -> list[str]:
        """Elements whose content is wider than they are, and boxes that scroll without a bar that shows it."""
        return self.page.evaluate(_CUT_OFF)  # type: ignore[no-any-return]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()
