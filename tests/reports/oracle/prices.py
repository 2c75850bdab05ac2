"""What requests and bytes cost by the bundled prices, in dollars; all buckets of the small lake are in one Region."""

import ipaddress
from collections.abc import Iterable

from small_lake import CLOUDFRONT, RECORDS, Record

from oracle.selections import is_nobody, is_request, of_same_object, reads, successes, writes
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
    "restore": 0.05,
    "get_standard_ia": 0.001,
    "get_onezone_ia": 0.001,
    "get_glacier_ir": 0.01,
}
PER_GB = {
    "egress": 0.09,
    "egress_regions": 0.02,
    "acceleration": 0.04,
    "STANDARD_IA": 0.01,
    "ONEZONE_IA": 0.01,
    "GLACIER_IR": 0.03,
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
LISTINGS = ("REST.GET.BUCKET", "REST.GET.BUCKETVERSIONS", "REST.GET.UPLOADS", "REST.GET.UPLOAD")
UNBILLED = {
    (301, "PermanentRedirect"),
    (307, "TemporaryRedirect"),
    (400, "InvalidRequest"),
    (403, "InvalidAccessKeyId"),
    (403, "SignatureDoesNotMatch"),
    (404, "NoSuchUpload"),
}
"""The errors of the small lake that AWS does not bill, whoever causes them."""
HOME = "eu-central-1"
"""The Region of all buckets of the small lake."""


def price_class(record: Record) -> str:
    if record.op in STORAGE_CLASSES:
        return f"transition_{STORAGE_CLASSES[record.op].lower()}"
    if record.op.startswith(("S3.", "BATCH.", "REST.DELETE.")) or record.op.endswith(("_GET", "MULTI_OBJECT_DELETE")):
        return "free"
    if record.op == "REST.GET.OBJECT" and (storage_class := cold_class(record)):
        return f"get_{storage_class.lower()}"
    if record.op == "REST.POST.RESTORE":
        return "restore" if record.status == 202 else "get_and_others"
    if record.op.startswith(("REST.PUT.", "REST.COPY.", "REST.POST.")) or record.op in LISTINGS:
        return "put_copy_post_list"
    return "get_and_others"


def cold_class(record: Record) -> str | None:
    """The class of an object that was read, where it has a price for that: by the last move, if nobody wrote since."""
    if record not in successes(reads([record])):
        return None
    before = [
        one
        for one in of_same_object(RECORDS, record)
        if one.time <= record.time
        and ((one.op in STORAGE_CLASSES and one.version == record.version) or one in successes(writes([one])))
    ]
    last = max(before, key=lambda one: one.time, default=None)
    storage_class = STORAGE_CLASSES.get(last.op) if last else None
    return storage_class if storage_class in PER_GB else None


def retrieved_bytes(records: Iterable[Record]) -> int:
    return sum(record.sent or 0 for record in records if cold_class(record))


def is_denied_outsider(record: Record) -> bool:
    """Somebody without credentials who may not do that; website endpoints are no matter of credentials."""
    is_denied = record.status == 403 and record.error in (None, "AccessDenied")
    return is_denied and is_nobody(record) and not record.op.startswith("WEBSITE.")


def is_unbilled_error(record: Record) -> bool:
    """An error that costs nothing; website endpoints answer all but S3's own errors with a page that does."""
    if (record.status or 0) >= 500:
        return True
    return (record.status, record.error) in UNBILLED and not record.op.startswith("WEBSITE.")


def billed(records: Iterable[Record]) -> Records:
    """What AWS bills."""
    return [
        record
        for record in records
        if price_class(record) != "free" and not is_unbilled_error(record) and not is_denied_outsider(record)
    ]


def billed_requests(records: Iterable[Record]) -> int:
    return len(billed(records))


def requests_of_somebody(records: Iterable[Record]) -> int:
    return sum(is_request(record) for record in records)


def transfer(record: Record) -> str:
    """Where the response went."""
    requester = record.requester or ""
    if record.agent == CLOUDFRONT or "CloudFront" in requester or requester.startswith("svc:"):
        return "nowhere"
    if record.region:
        return "nowhere" if record.region == HOME else "region"
    return "nowhere" if _is_private(record.ip) else "internet"


def _is_private(ip: str | None) -> bool:
    networks = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "fc00::/7")
    return ip is not None and any(ipaddress.ip_address(ip) in ipaddress.ip_network(one) for one in networks)


def _sent(records: Iterable[Record], to: str) -> int:
    return sum(record.sent or 0 for record in records if transfer(record) == to and not is_denied_outsider(record))


def egress_bytes(records: Iterable[Record]) -> int:
    """Bytes that went to the internet, and that the owner pays for."""
    return _sent(records, "internet")


def region_bytes(records: Iterable[Record]) -> int:
    """Bytes that went to another Region of AWS."""
    return _sent(records, "region")


def uploaded(record: Record) -> int:
    """Bytes that came with a request that succeeded."""
    is_upload = record.op in ("REST.PUT.OBJECT", "REST.PUT.PART", "REST.POST.OBJECT", "REST.POST.BUCKET")
    return (record.size or 0) if is_upload and record.status is not None and record.status < 300 else 0


def accelerated_bytes(records: Iterable[Record]) -> int:
    """Bytes of both ways that Transfer Acceleration carried."""
    return sum((record.sent or 0) + uploaded(record) for record in records if is_accelerated(record))


def is_accelerated(record: Record) -> bool:
    """By Transfer Acceleration, or by an access point of several Regions."""
    host = record.host or ""
    return ".s3-accelerate." in host or ".accesspoint.s3-global." in host


def _unrounded_request_cost(records: Iterable[Record]) -> float:
    return sum((PER_THOUSAND_REQUESTS[price_class(record)] / 1_000 for record in billed(records)), 0.0)


def _price(number: int, name: str) -> float:
    return number / 1024**3 * PER_GB[name]


def _unrounded_transfer_cost(records: Records) -> float:
    return (
        _price(egress_bytes(records), "egress")
        + _price(region_bytes(records), "egress_regions")
        + _price(accelerated_bytes(records), "acceleration")
    )


def request_cost(records: Iterable[Record]) -> float:
    return _rounded(_unrounded_request_cost(records))


def egress_cost(records: Iterable[Record]) -> float:
    return _rounded(_price(egress_bytes(records), "egress"))


def region_cost(records: Iterable[Record]) -> float:
    return _rounded(_price(region_bytes(records), "egress_regions"))


def acceleration_cost(records: Iterable[Record]) -> float:
    return _rounded(_price(accelerated_bytes(records), "acceleration"))


def transfer_cost(records: Records) -> float:
    return _rounded(_unrounded_transfer_cost(records))


def cost(records: Records) -> float:
    return _rounded(
        _unrounded_request_cost(records) + _unrounded_transfer_cost(records) + _unrounded_retrieval_cost(records)
    )


def _unrounded_retrieval_cost(records: Iterable[Record]) -> float:
    return sum(_price(record.sent or 0, storage_class) for record in records if (storage_class := cold_class(record)))


def retrieval_cost(records: Iterable[Record]) -> float:
    return _rounded(_unrounded_retrieval_cost(records))


def _rounded(dollars: float) -> float:
    return round(dollars, 6)
