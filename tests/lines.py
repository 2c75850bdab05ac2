"""Log lines of each kind, and what the slow path reads in one."""

from typing import Any

import pytest

from etl.parser.grammar import RejectError
from etl.parser.line import parse_line
from etl.schema import LOG_FIELDS

HEAD = "79a59df900b9 site [06/Feb/2026:00:00:38 +0000] 192.0.2.3 arn:aws:iam::111122223333:user/a 3E57427F3EXAMPLE"
HOST = "s9lzHYrFp76ZVxRcpX9+5cjAnEH2ROuNkd2BHfIa6UkFVdtjf5mKR3/eTPFvsiP/XV/VLi31234="
TAIL = f"- {HOST} SigV4 TLS_AES_128_GCM_SHA256 AuthHeader site.s3.eu-central-1.amazonaws.com TLSv1.3 - - eu-central-1"
GET = f'{HEAD} REST.GET.OBJECT a.html "GET /a.html HTTP/1.1" 200 - 113 226 7 5'
BATCH_DELETE = f"{HEAD} BATCH.DELETE.OBJECT a - 204 - - 42 - - - - {TAIL}"
LINE = f'{GET} "https://example.com/" "curl/7.79.1" {TAIL}'
LIFECYCLE = (
    f'79a59df900b9 site [23/Nov/2020:03:01:48 +0000] - AmazonS3 113CAD211FA4F4B4 S3.EXPIRE.OBJECT a+b "-" - - - 5632055'
    f' - - "-" "-" NBh28WVku.QO7ZIdWpI2hEA_qAfBi_fY {HOST} - - - - -'
)


def read(line: str | bytes) -> dict[str, Any]:
    raw = line if isinstance(line, bytes) else line.encode()
    return dict(zip(LOG_FIELDS, parse_line(raw), strict=True))


def rejected(line: str | bytes) -> str:
    with pytest.raises(RejectError) as caught:
        read(line)
    return caught.value.reason
