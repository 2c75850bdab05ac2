"""A batch far from its run: unpacked, completed with what is never sent, and ingested."""

import gc
import os
import socket
from dataclasses import replace
from functools import lru_cache
from operator import attrgetter

from pydantic import SecretStr

from etl.config import HASH_KEY_VARIABLE, Privacy, Settings
from etl.errors import AccessLakeError, UsageError
from etl.ingest.activity import COUNTED, Counts, Meter
from etl.ingest.batch import GARBAGE, ingest_alone
from etl.ingest.executor import DONE, FAILED, Outcome, pack, unpack
from etl.ingest.plan import Batch
from etl.ingest.privacy import with_hash_key
from etl.lake import check_policy
from etl.store import S3Session, open_store
from etl.store.s3_session import ReaderName

_figures = attrgetter(*COUNTED)


def pack_batch(batch: Batch) -> bytes:
    """A batch as it travels: without secrets, as Spark may keep or show what it is told to do."""
    return pack(replace(batch, settings=_without_secrets(batch.settings)))


def ingest_task(task: bytes) -> tuple[Outcome, tuple[int, ...]]:
    """Ingest a packed batch: what became of it, and what it counted.

    An error of ours would be the same wherever the batch is tried again, so it is an outcome. Any other is raised.
    """
    _prepare()
    batch: Batch = unpack(task)
    counts = Counts()
    try:
        batch = replace(batch, settings=_with_own_key(batch.settings))
        result = ingest_alone(batch, Meter(counts))
    except AccessLakeError as error:
        return (FAILED, pack(error)), _figures(Counts())
    return (DONE, pack(result)), _figures(counts)


@lru_cache(maxsize=1)
def _prepare() -> None:
    """Once for each process, which has one batch after the other."""
    gc.set_threshold(GARBAGE)


def _without_secrets(settings: Settings) -> Settings:
    privacy = settings.privacy.model_copy(update={"hash_key": None})
    # The options for Spark are the driver's, and may hold anything.
    absent = {"ping_url": None, "spark_conf": ()}
    return settings.model_copy(update={"privacy": privacy, **absent})


def _with_own_key(settings: Settings) -> Settings:
    """The settings with the key for hashed addresses, which this process finds itself.

    Raises UsageError where there is none, or it is not the lake's.
    """
    if settings.privacy.remote_ip != "hash":
        return settings
    # Nobody has loaded settings here: this is the edge.
    key = os.environ.get(HASH_KEY_VARIABLE)
    own_key = {"hash_key": SecretStr(key) if key else None}
    try:
        privacy = with_hash_key(settings.privacy.model_copy(update=own_key))
        _check_policy(settings.lake_url, settings.endpoint_url, settings.reader, privacy)
    except UsageError as error:
        raise UsageError(f"executor {socket.gethostname()}: {error}") from error
    return settings.model_copy(update={"privacy": privacy})


@lru_cache(maxsize=1)
def _check_policy(
    lake_url: str, endpoint_url: str | None, reader: ReaderName, privacy: Privacy
) -> None:
    """Once for each process, as it takes a request."""
    check_policy(open_store(lake_url, S3Session(endpoint_url, reader)), privacy)
