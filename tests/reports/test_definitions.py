"""The words that reports share mean what they say, of each operation, status, error, requester and file."""

from collections.abc import Iterable
from typing import Any

import pytest
from conftest import empty_lake
from small_lake import ADMIN, ANONYMOUS_OF_OLD, APP

from etl import Lake

OPERATIONS = {
    "REST.GET.OBJECT": "read",
    "WEBSITE.GET.OBJECT": "read",
    "SOAP.GET.OBJECT": "read",
    "REST.GET.TORRENT": "read",
    "REST.POST.SELECT": "read",
    "REST.COPY.OBJECT_GET": "read part",
    "REST.COPY.PART_GET": "read part",
    "REST.HEAD.OBJECT": "look",
    "WEBSITE.HEAD.OBJECT": "look",
    "REST.PUT.OBJECT": "write upload change",
    "SOAP.PUT.OBJECT": "write upload change",
    "REST.POST.OBJECT": "write upload change",
    "REST.POST.BUCKET": "write upload change",
    "REST.COPY.OBJECT": "write upload change",
    "REST.POST.UPLOAD": "write upload change",
    "REST.POST.UPLOADS": "upload change",
    "REST.PUT.PART": "upload change",
    "REST.COPY.PART": "upload change",
    "REST.DELETE.OBJECT": "delete change",
    "SOAP.DELETE.OBJECT": "delete change",
    "BATCH.DELETE.OBJECT": "delete change part",
    "REST.POST.MULTI_OBJECT_DELETE": "change",
    "REST.DELETE.UPLOAD": "change",
    "REST.PUT.OBJECT_TAGGING": "change",
    "REST.PUT.RETENTION": "change",
    "REST.PUT.LEGAL_HOLD": "change",
    "REST.POST.RESTORE": "change restore",
    "REST.PUT.ACL": "change setting",
    "REST.PUT.BUCKET": "change setting",
    "REST.DELETE.BUCKETPOLICY": "change setting",
    "REST.PUT.OBJECT_LOCK_CONFIGURATION": "change setting",
    "REST.COPY.NOTIFICATION": "change setting",
    "REST.PATCH.ANYTHING": "change setting",
    "REST.GET.BUCKET": "list",
    "REST.GET.BUCKETVERSIONS": "list",
    "REST.GET.UPLOADS": "list",
    "REST.GET.UPLOAD": "list",
    "REST.GET.ACL": "",
    "REST.HEAD.BUCKET": "",
    "REST.OPTIONS.PREFLIGHT": "",
    "S3.EXPIRE.OBJECT": "rule expiry part",
    "S3.CREATE.DELETEMARKER": "rule expiry part",
    "S3.DELETE.UPLOAD": "rule part",
    "S3.TRANSITION.OBJECT": "rule part",
    "S3.RESTORE.OBJECT": "rule restore part",
    "S3.COMPUTE.OBJECT.CHECKSUM": "part",
}
"""What each operation is; `part` is a record that is no request."""
MACROS = {
    "read": "is_read",
    "look": "is_look",
    "write": "is_write",
    "upload": "is_upload",
    "delete": "is_delete",
    "change": "is_change",
    "setting": "is_configuration_change",
    "list": "is_list",
    "rule": "is_lifecycle",
    "expiry": "is_expiry",
    "restore": "is_restore",
    "part": "NOT is_request",
}


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A lake without records, of the owner of one account."""
    return empty_lake(tmp_path_factory.mktemp("empty"), accounts=["111122223333"])


def values(lake: Lake, expressions: Iterable[str]) -> list[Any]:
    """The value of each expression."""
    (row,) = (
        lake.sql("SELECT " + ", ".join(f"{one} AS v{n}" for n, one in enumerate(expressions))).to_arrow().to_pylist()
    )
    return list(row.values())


def test_each_operation_is_of_its_kinds(lake: Lake) -> None:
    """No operation is missing where it belongs, or is where it does not belong."""
    pairs = [(operation, word) for operation in OPERATIONS for word in MACROS]
    found = values(lake, [f"{MACROS[word]}('{operation}')" for operation, word in pairs])
    expected = [word in OPERATIONS[operation].split() for operation, word in pairs]
    assert dict(zip(pairs, found, strict=True)) == dict(zip(pairs, expected, strict=True))


ANSWERS = {
    ("REST.GET.OBJECT", 200, None): "succeeded",
    ("REST.GET.OBJECT", 206, None): "succeeded",
    ("REST.DELETE.OBJECT", 299, None): "succeeded",
    ("REST.GET.OBJECT", 304, None): "succeeded",
    ("S3.EXPIRE.OBJECT", None, None): "succeeded",
    ("REST.GET.OBJECT", None, None): "",
    ("REST.GET.OBJECT", 199, None): "",
    ("REST.GET.OBJECT", 300, None): "",
    ("REST.GET.OBJECT", 307, "TemporaryRedirect"): "",
    ("REST.GET.OBJECT", 400, "BadDigest"): "failed",
    ("REST.GET.OBJECT", 404, "NoSuchKey"): "failed",
    ("REST.HEAD.OBJECT", 404, None): "",
    ("REST.HEAD.OBJECT", 400, None): "failed",
    ("REST.GET.CORS", 404, "NoSuchCORSConfiguration"): "",
    ("REST.GET.CORS", 400, "NoSuchCORSConfiguration"): "failed",
    ("REST.GET.BUCKETPOLICY", 404, "NoSuchBucketPolicy"): "",
    ("REST.GET.TAGGING", 404, "NoSuchTagSet"): "",
    ("REST.GET.TAGGING", 404, "NoSuchTagSetError"): "",
    ("REST.GET.REPLICATION", 404, "ReplicationConfigurationNotFoundError"): "",
    ("REST.GET.OBJECT", 403, "InvalidObjectState"): "",
    ("REST.GET.OBJECT", 403, "SignatureDoesNotMatch"): "failed",
    ("REST.GET.OBJECT", 403, "AccessDenied"): "failed denied",
    ("REST.GET.OBJECT", 403, "AllAccessDisabled"): "failed denied",
    ("REST.GET.OBJECT", 403, "AccountProblem"): "failed denied",
    ("REST.HEAD.OBJECT", 403, None): "failed denied",
    ("REST.GET.OBJECT", 503, "SlowDown"): "failed",
}


def test_each_answer_is_a_success_a_failure_or_neither(lake: Lake) -> None:
    """What finds nothing, or something archived, by design has not failed; who may not is denied."""
    texts = [[repr(one) if one is not None else "NULL" for one in answer] for answer in ANSWERS]
    succeeded = values(lake, [f"succeeded({operation}, {status})" for operation, status, _ in texts])
    failed = values(lake, [f"failed({', '.join(answer)})" for answer in texts])
    denied = values(lake, [f"denied({status}, {code})" for _, status, code in texts])
    words = (("succeeded", succeeded), ("failed", failed), ("denied", denied))
    found = [" ".join(word for word, ones in words if ones[n]) for n in range(len(texts))]
    assert dict(zip(ANSWERS, found, strict=True)) == ANSWERS


def test_who_has_no_credentials_or_wrong_ones(lake: Lake) -> None:
    """A preflight never has any; the id of anonymous requests of old is nobody's."""
    cases = [
        ("REST.GET.OBJECT", None, None),
        ("REST.GET.OBJECT", ANONYMOUS_OF_OLD, None),
        ("REST.GET.OBJECT", None, "AuthHeader"),
        ("REST.GET.OBJECT", ADMIN, "AuthHeader"),
        ("REST.GET.OBJECT", ADMIN, None),
        ("REST.OPTIONS.PREFLIGHT", None, None),
        ("REST.COPY.OBJECT_GET", None, None),
    ]
    texts = [[repr(one) if one else "NULL" for one in case] for case in cases]
    assert values(lake, [f"is_anonymous({', '.join(one)})" for one in texts]) == [True, True, *[False] * 5]
    assert values(lake, [f"is_unverified({who}, {how})" for _, who, how in texts]) == [
        False,
        False,
        True,
        *[False] * 4,
    ]


WHO = {
    APP: ("arn:aws:sts::111122223333:assumed-role/app", "111122223333", False, False),
    ADMIN: (ADMIN, "111122223333", False, False),
    "arn:aws-cn:sts::444455556666:assumed-role/r/s": (
        "arn:aws-cn:sts::444455556666:assumed-role/r",
        "444455556666",
        True,
        False,
    ),
    "arn:aws:sts::444455556666:federated-user/f": (
        "arn:aws:sts::444455556666:federated-user/f",
        "444455556666",
        True,
        False,
    ),
    "arn:aws:iam::444455556666:root": ("arn:aws:iam::444455556666:root", "444455556666", True, False),
    "svc:delivery.logs.amazonaws.com": ("svc:delivery.logs.amazonaws.com", None, False, True),
    "AmazonS3": ("AmazonS3", None, False, True),
    "PROJECT:USER": ("PROJECT:USER", None, False, False),
    ANONYMOUS_OF_OLD: (None, None, False, False),
}


def test_who_is_behind_a_requester(lake: Lake) -> None:
    """The role without its session, the account of the ARN, whether it is another's, and whether it is a service."""
    macros = ("principal", "account_of", "is_foreign", "is_service")
    found = values(lake, [f"{macro}('{who}')" for who in WHO for macro in macros])
    assert {who: tuple(found[4 * n : 4 * n + 4]) for n, who in enumerate(WHO)} == WHO


def test_what_pages_show_as_their_own_is_told_by_its_ending(lake: Lake) -> None:
    """Pictures, sounds, films, fonts, style sheets and scripts; not pages, and nothing without an ending."""
    pictures = ["apng", "avif", "bmp", "gif", "ico", "jpeg", "jpg", "png", "svg", "tif", "tiff", "webp"]
    sounds_and_films = ["m4a", "m4v", "mov", "mp3", "mp4", "ogg", "ogv", "wav", "webm"]
    shown = [*pictures, *sounds_and_films, "otf", "ttf", "woff", "woff2", "css", "js"]
    assert values(lake, [f"is_embedded('a/b.{ending.upper()}')" for ending in shown]) == [True] * len(shown)
    assert values(lake, [f"is_embedded('{key}')" for key in ("a.html", "png", "a.png/", "a.pdf")]) == [False] * 4


def test_the_class_that_a_rule_moves_to(lake: Lake) -> None:
    """By the operation; other operations move nothing."""
    classes = {
        "S3.TRANSITION_SIA.OBJECT": "STANDARD_IA",
        "S3.TRANSITION_ZIA.OBJECT": "ONEZONE_IA",
        "S3.TRANSITION_INT.OBJECT": "INTELLIGENT_TIERING",
        "S3.TRANSITION_GIR.OBJECT": "GLACIER_IR",
        "S3.TRANSITION.OBJECT": "GLACIER",
        "S3.TRANSITION_GDA.OBJECT": "DEEP_ARCHIVE",
        "S3.EXPIRE.OBJECT": None,
    }
    assert values(lake, [f"storage_class('{operation}')" for operation in classes]) == list(classes.values())


def test_bytes_that_came_with_a_request(lake: Lake) -> None:
    """Of objects, parts and forms; a copy and the completion of an upload have a size, but send nothing."""
    sent = ("REST.PUT.OBJECT", "SOAP.PUT.OBJECT", "REST.POST.OBJECT", "REST.POST.BUCKET", "REST.PUT.PART")
    not_sent = ("REST.COPY.OBJECT", "REST.COPY.PART", "REST.POST.UPLOAD", "REST.GET.OBJECT")
    found = values(lake, [f"uploaded_bytes('{operation}', 200, 5)" for operation in (*sent, *not_sent)])
    assert found == [5] * len(sent) + [None] * len(not_sent)
    assert values(lake, ["uploaded_bytes('REST.PUT.OBJECT', 403, 5)"]) == [None]
