"""What a lake keeps of people: one policy for all of its records, noted in it."""

import hashlib
import hmac
import json

from pydantic import BaseModel

from etl.config import Privacy
from etl.errors import UsageError
from etl.lake.document import Document
from etl.store import Store

# Hexadecimal digits that tell one key from another, and say nothing about it.
_MARK_LENGTH = 32


class Policy(BaseModel):
    """The privacy settings that a lake is written with."""

    remote_ip: str
    query_strings: str
    key_mark: str | None


_DOCUMENT = Document(
    "_privacy.json", Policy, "remove it if the privacy settings are right"
)


def check_policy(store: Store, privacy: Privacy) -> None:
    """Note in the lake what is kept of people, or see that it is what was kept so far.

    Raises UsageError where it is not: a record that is delivered again would not be recognized, and counted twice.
    """
    policy = Policy(
        remote_ip=privacy.remote_ip,
        query_strings=privacy.query_strings,
        key_mark=_key_mark(privacy),
    )
    known = _DOCUMENT.update(store, lambda before: before or policy)
    if known != policy:
        raise UsageError(
            f"{store.url} is written with other privacy settings ({json.dumps(known.model_dump())}) or another key; "
            "records that are delivered again would count twice. Use the same, or a new lake; or remove "
            f"{_DOCUMENT.name} from the lake, and accept that"
        )


def _key_mark(privacy: Privacy) -> str | None:
    if privacy.remote_ip != "hash" or privacy.hash_key is None:
        return None
    # A hash of a constant under the key tells keys apart; the key cannot be had from it.
    key = privacy.hash_key.get_secret_value().encode()
    return hmac.new(key, b"accesslake", hashlib.sha256).hexdigest()[:_MARK_LENGTH]
