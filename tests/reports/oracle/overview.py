"""Reports of the section overview."""

from small_lake import REJECTS

from oracle.measures import (
    bytes_sent,
    client_failures,
    clients,
    distinct,
    error_percent,
    minutes_to_delivery,
    quantile,
    server_failures,
)
from oracle.objects import removed
from oracle.prices import cost
from oracle.selections import (
    anonymous,
    authenticated,
    by_principal,
    deletes,
    denials,
    expiries,
    requests,
    successes,
    visits,
)
from oracle.tables import Records, Rows


def figures(records: Records) -> Rows:
    everything = requests(records)
    # a rule that removes a version takes no object away, and what has no size was not there, or only marked
    gone = [record for record in expiries(records) if record.op == "S3.CREATE.DELETEMARKER" or not record.version]
    deleted = [record for record in successes(deletes(records)) if record.size is not None]
    old_versions = [record for record in expiries(records) if removed(record) == "old version"]
    return [
        (
            len(everything),
            client_failures(everything),
            server_failures(everything),
            error_percent(everything),
            len(denials(everything)),
            bytes_sent(everything),
            clients(visits(records)),
            distinct(by_principal(authenticated(everything)), "requester"),
            len(anonymous(everything)),
            distinct(gone, "bucket", "key"),
            len(old_versions),
            distinct(deleted, "bucket", "key"),
            cost(records),
            len(REJECTS),
            round(quantile([minutes_to_delivery(record) for record in records], 0.95)),
        )
    ]
