"""Caches of bounded memory for untrusted text: long texts are not kept."""

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Concatenate, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

# Characters of a text whose result is kept.
_LONGEST = 512


def cached_by_text(
    entries: int,
) -> Callable[[Callable[Concatenate[str, P], R]], Callable[Concatenate[str, P], R]]:
    """Keep the results of a function for the `entries` texts, its first argument, that were used last."""

    def decorate(
        function: Callable[Concatenate[str, P], R],
    ) -> Callable[Concatenate[str, P], R]:
        cached = lru_cache(maxsize=entries)(function)

        @wraps(function)
        def call(text: str, *args: P.args, **kwargs: P.kwargs) -> R:
            if len(text) > _LONGEST:
                return function(text, *args, **kwargs)
            return cached(text, *args, **kwargs)  # type: ignore[arg-type]

        return call  # type: ignore[return-value]

    return decorate
