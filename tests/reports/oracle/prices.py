"""What requests and bytes cost by the bundled prices, in dollars."""

from collections.abc import Iterable

from small_lake import CLOUDFRONT, Record

from oracle.selections import is_anonymous
from oracle.tables import Records

PER_THOUSAND_REQUESTS = {
    "put_copy_post_list": 0.005,
    "get_and_others": 0.0004,
    "free": 0.0,
    "transition_standard_ia": 0.01,
    "transition_onezone_ia": 0.01,
    "transition_intelligent_tiering": 0.01,
    "transition_glacier_ir": 0.02,
    "transition_glacier": 0.03,
    "transition_deep_archive": 0.05,
}
STORAGE_CLASSES = {
    "S3.TRANSITION_SIA.OBJECT": "STANDARD_IA",
    "S3.TRANSITION_ZIA.OBJECT": "ONEZONE_IA",
    "S3.TRANSITION.OBJECT": "GLACIER",
    "S3.TRANSITION_INT.OBJECT": "INTELLIGENT_TIERING",
    "S3.TRANSITION_GIR.OBJECT": "GLACIER_IR",
    "S3.TRANSITION_GDA.OBJECT": "DEEP_ARCHIVE",
}
"""The storage class that an operation moves an object to."""


def price_class(record: Record) -> str:
    if record.op in STORAGE_CLASSES:
        return f"transition_{STORAGE_CLASSES[record.op].lower()}"
    if record.op.startswith(("S3.", "BATCH.", "REST.DELETE.")) or record.op.endswith(("_GET", "MULTI_OBJECT_DELETE")):
        return "free"
    listings = ("REST.GET.BUCKET", "REST.GET.BUCKETVERSIONS")
    if record.op.startswith(("REST.PUT.", "REST.COPY.", "REST.POST.")) or record.op in listings:
        return "put_copy_post_list"
    return "get_and_others"


def billed(records: Iterable[Record]) -> Records:
    """What is neither free nor a server error, nor a redirect to another endpoint, nor an anonymous request denied."""
    return [
        record
        for record in records
        if price_class(record) != "free"
        and (record.status or 0) < 500
        and record.status not in (301, 307)
        and not (record.status == 403 and is_anonymous(record))
    ]


def billed_requests(records: Iterable[Record]) -> int:
    return len(billed(records))


def unrounded_request_cost(records: Iterable[Record]) -> float:
    return sum((PER_THOUSAND_REQUESTS[price_class(record)] / 1_000 for record in billed(records)), 0.0)


def egress_bytes(records: Iterable[Record]) -> int:
    """Bytes that left AWS: not those sent to a Region of AWS or to CloudFront."""
    return sum(record.sent or 0 for record in records if record.region is None and record.agent != CLOUDFRONT)


def unrounded_egress_cost(records: Iterable[Record]) -> float:
    return egress_bytes(records) * 0.09 / 10**9


def request_cost(records: Iterable[Record]) -> float:
    return _rounded(unrounded_request_cost(records))


def egress_cost(records: Iterable[Record]) -> float:
    return _rounded(unrounded_egress_cost(records))


def cost(records: Records) -> float:
    return _rounded(unrounded_request_cost(records) + unrounded_egress_cost(records))


def _rounded(dollars: float) -> float:
    return round(dollars, 6)
