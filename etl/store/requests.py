"""What was requested of S3, by kind, and how many bytes went each way."""

import threading
from dataclasses import asdict, dataclass, field, fields
from typing import Any

# What each operation of the API is called in a bill.
_KINDS = {
    "ListObjectsV2": "list",
    "GetObject": "get",
    "HeadObject": "head",
    "HeadBucket": "head",
    "PutObject": "put",
    "DeleteObject": "delete",
}


@dataclass(slots=True)
class Requests:
    """How many requests of each kind, those that were tried again included, and bytes of objects."""

    list: int = 0
    get: int = 0
    head: int = 0
    put: int = 0
    delete: int = 0
    other: int = 0
    bytes_received: int = 0
    bytes_sent: int = 0

    def __add__(self, other: "Requests") -> "Requests":
        return Requests(
            *(a + b for a, b in zip(self._values, other._values, strict=True))
        )

    def __sub__(self, other: "Requests") -> "Requests":
        return Requests(
            *(a - b for a, b in zip(self._values, other._values, strict=True))
        )

    @property
    def by_kind(self) -> dict[str, int]:
        """How many there are of each kind."""
        return {
            name: count
            for name, count in asdict(self).items()
            if not name.startswith("bytes_")
        }

    @property
    def _values(self) -> tuple[int, ...]:
        return tuple(getattr(self, one.name) for one in fields(self))


@dataclass(frozen=True, slots=True)
class Usage:
    """What was requested of S3, and what S3 charges for it: requests only, as bytes within a region cost nothing."""

    requests: Requests = field(default_factory=Requests)
    price: float = 0.0

    def as_dict(self, prefix: str = "requests") -> dict[str, Any]:
        """One flat object: `requests_list`, ..., `requests_price`."""
        figures = {**asdict(self.requests), "price": round(self.price, 6)}
        return {f"{prefix}_{name}": value for name, value in figures.items()}


class RequestCounter:
    """Counts requests, of several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts = Requests()

    def counts(self) -> Requests:
        """What was counted so far."""
        with self._lock:
            return self._counts + Requests()

    def count_operation(self, operation: str, sent: int = 0) -> None:
        """Count a request for an operation of S3's API, which sends so many bytes of an object."""
        kind = _KINDS.get(operation, "other")
        with self._lock:
            setattr(self._counts, kind, getattr(self._counts, kind) + 1)
            self._counts.bytes_sent += sent

    def count_received(self, size: int) -> None:
        """Count bytes of an object that arrived."""
        with self._lock:
            self._counts.bytes_received += size
