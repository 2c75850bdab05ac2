"""Which records a question is about: requests and lifecycle events, reads and writes, successes and failures."""

from collections.abc import Iterable
from dataclasses import replace

from small_lake import ANONYMOUS_OF_OLD, Record

from oracle.tables import Records


def is_request(record: Record) -> bool:
    """Not what S3 does by itself, and a copy or a deletion of many objects only once."""
    return not (
        record.op.startswith("S3.")
        or record.op in ("BATCH.DELETE.OBJECT", "REST.COPY.OBJECT_GET", "REST.COPY.PART_GET")
    )


def requests(records: Iterable[Record]) -> Records:
    return [record for record in records if is_request(record)]


def lifecycle_events(records: Iterable[Record]) -> Records:
    """What lifecycle rules did; checksum jobs are S3's own work, too, but of no rule."""
    return [record for record in records if record.op.startswith("S3.") and record.op != "S3.COMPUTE.OBJECT.CHECKSUM"]


def with_operation(records: Iterable[Record], *operations: str) -> Records:
    return [record for record in records if record.op in operations]


def downloads(records: Iterable[Record]) -> Records:
    return with_operation(records, "REST.GET.OBJECT", "WEBSITE.GET.OBJECT")


def reads(records: Iterable[Record]) -> Records:
    """Requests for an object's data, which a copy reads, too."""
    return with_operation(records, "REST.GET.OBJECT", "WEBSITE.GET.OBJECT", "REST.COPY.OBJECT_GET")


def writes(records: Iterable[Record]) -> Records:
    """Requests after which a key has new data."""
    return with_operation(
        records, "REST.PUT.OBJECT", "REST.POST.OBJECT", "REST.POST.BUCKET", "REST.COPY.OBJECT", "REST.POST.UPLOAD"
    )


def uploads(records: Iterable[Record]) -> Records:
    """Writes, and the steps of a multipart upload."""
    steps = with_operation(records, "REST.PUT.PART", "REST.POST.UPLOADS", "REST.COPY.PART")
    return writes(records) + steps


def deletes(records: Iterable[Record]) -> Records:
    """Deletions by request."""
    return with_operation(records, "REST.DELETE.OBJECT", "BATCH.DELETE.OBJECT")


def expiries(records: Iterable[Record]) -> Records:
    """Deletions by a lifecycle rule: for good, or below a delete marker."""
    return with_operation(records, "S3.EXPIRE.OBJECT", "S3.CREATE.DELETEMARKER")


def with_status(records: Iterable[Record], low: int, high: int = 599) -> Records:
    return [record for record in records if record.status is not None and low <= record.status <= high]


def is_answer(record: Record) -> bool:
    """Whether S3 says that there is none to somebody who expects that, or that an object has to be restored first."""
    error = record.error or ""
    if record.status == 404:
        return (
            ".HEAD." in record.op
            or error in ("NoSuchBucketPolicy", "NoSuchTagSet", "NoSuchTagSetError")
            or (error.startswith("NoSuch") and error.endswith("Configuration"))
            or error.endswith("NotFoundError")
        )
    return record.status == 403 and error == "InvalidObjectState"


def failures(records: Iterable[Record]) -> Records:
    """What S3 would not or could not do."""
    return [record for record in with_status(records, 400) if not is_answer(record)]


def denials(records: Iterable[Record]) -> Records:
    """What somebody may not do."""
    codes = (None, "AccessDenied", "AllAccessDisabled", "AccountProblem")
    return [record for record in with_status(records, 403, 403) if record.error in codes]


def successes(records: Iterable[Record]) -> Records:
    """What S3 carried out; some records that are no requests have no status of their own."""
    return [
        record
        for record in records
        if (not is_request(record) if record.status is None else record.status < 300 or record.status == 304)
    ]


def is_nobody(record: Record) -> bool:
    return record.requester in (None, ANONYMOUS_OF_OLD)


def is_anonymous(record: Record) -> bool:
    """Without credentials, not with wrong ones; a preflight never has any."""
    return is_nobody(record) and is_request(record) and record.auth is None and ".OPTIONS." not in record.op


def anonymous(records: Iterable[Record]) -> Records:
    return [record for record in records if is_anonymous(record)]


def is_by_cloudfront(record: Record) -> bool:
    """CloudFront asks for people who are unknown."""
    requester = record.requester or ""
    return (
        record.agent == "Amazon CloudFront"
        or requester.startswith("svc:cloudfront.")
        or ":iam::cloudfront:" in requester
    )


def visits(records: Iterable[Record]) -> Records:
    """Requests of the public for objects that were answered."""
    answered = [record for record in downloads(records) if record.status in (200, 206, 304)]
    return [
        record
        for record in answered
        if is_anonymous(record) or (record.requester is not None and is_by_cloudfront(record))
    ]


def authenticated(records: Iterable[Record]) -> Records:
    """Requests with credentials, of people or programs."""
    return [record for record in requests(records) if not is_nobody(record)]


def is_service(record: Record) -> bool:
    """Whether a service of AWS acted, S3 itself, or CloudFront."""
    name = record.requester or ""
    return name == "AmazonS3" or name.startswith("svc:") or "/AWSServiceRoleFor" in name or ":cloudfront:" in name


def by_principal(records: Iterable[Record]) -> Records:
    """The records with the role in place of the session as requester, where a role was assumed."""
    return [
        replace(record, requester=record.requester.rpartition("/")[0])
        if record.requester and ":assumed-role/" in record.requester
        else replace(record, requester=None if is_nobody(record) else record.requester)
        for record in records
    ]


def folder_of(record: Record, below: str, depth: int = 1) -> str:
    """The folder that the record's key is in, so many levels below another one."""
    *folders, _name = (record.key or "").removeprefix(below).split("/")
    return below + "".join(f"{name}/" for name in folders[:depth])


def of_same_object(records: Iterable[Record], example: Record) -> Records:
    """The records of the object that the example is of."""
    return [record for record in records if (record.bucket, record.key) == (example.bucket, example.key)]
