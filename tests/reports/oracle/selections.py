"""Which records a question is about: requests and lifecycle events, reads and writes, successes and failures."""

from collections.abc import Iterable
from dataclasses import replace

from small_lake import ANONYMOUS_OF_OLD, RULES, Record

from oracle.tables import Records


def requests(records: Iterable[Record]) -> Records:
    """Requests of somebody: what lifecycle rules do is none."""
    return [record for record in records if record.requester != RULES]


def lifecycle_events(records: Iterable[Record]) -> Records:
    return [record for record in records if record.requester == RULES]


def with_operation(records: Iterable[Record], *operations: str) -> Records:
    return [record for record in records if record.op in operations]


def downloads(records: Iterable[Record]) -> Records:
    return with_operation(records, "REST.GET.OBJECT", "WEBSITE.GET.OBJECT")


def reads(records: Iterable[Record]) -> Records:
    """Requests for an object's data, which a copy reads, too."""
    return with_operation(records, "REST.GET.OBJECT", "WEBSITE.GET.OBJECT", "REST.COPY.OBJECT_GET")


def writes(records: Iterable[Record]) -> Records:
    """Requests after which a key has new data."""
    return with_operation(records, "REST.PUT.OBJECT", "REST.POST.OBJECT", "REST.COPY.OBJECT", "REST.POST.UPLOAD")


def deletes(records: Iterable[Record]) -> Records:
    """Deletions by request."""
    return with_operation(records, "REST.DELETE.OBJECT", "BATCH.DELETE.OBJECT")


def expiries(records: Iterable[Record]) -> Records:
    """Deletions by a lifecycle rule: for good, or below a delete marker."""
    return with_operation(records, "S3.EXPIRE.OBJECT", "S3.CREATE.DELETEMARKER")


def with_status(records: Iterable[Record], low: int, high: int = 599) -> Records:
    return [record for record in records if record.status is not None and low <= record.status <= high]


def failures(records: Iterable[Record]) -> Records:
    return with_status(records, 400)


def successes(records: Iterable[Record]) -> Records:
    """The requests that S3 carried out; some records of a request have no status of their own."""
    return [record for record in records if record.status is None or record.status < 300 or record.status == 304]


def is_anonymous(record: Record) -> bool:
    return record.requester in (None, ANONYMOUS_OF_OLD)


def anonymous(records: Iterable[Record]) -> Records:
    return [record for record in records if is_anonymous(record)]


def authenticated(records: Iterable[Record]) -> Records:
    """Requests with credentials, of people or programs."""
    return [record for record in requests(records) if not is_anonymous(record)]


def by_principal(records: Iterable[Record]) -> Records:
    """The records with the role in place of the session as requester, where a role was assumed."""
    return [
        replace(record, requester=record.requester.rpartition("/")[0])
        if record.requester and ":assumed-role/" in record.requester
        else record
        for record in records
    ]


def of_same_object(records: Iterable[Record], example: Record) -> Records:
    """The records of the object that the example is of."""
    return [record for record in records if (record.bucket, record.key) == (example.bucket, example.key)]
