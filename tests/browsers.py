"""A page in a real browser."""

from pathlib import Path
from typing import Any, Self

from playwright.sync_api import Browser, Page


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

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()
