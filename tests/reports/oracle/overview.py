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
from oracle.selections import anonymous, authenticated, deletes, expiries, requests, successes, visits, with_status
from oracle.tables import Records, Rows


def figures(records: Records) -> Rows:
    everything = requests(records)
    return [
        (
            len(everything),
            client_failures(everything),
            server_failures(everything),
            error_percent(everything),
            len(with_status(everything, 403, 403)),
            bytes_sent(everything),
            clients(visits(records)),
            distinct(authenticated(everything), "requester"),
            len(anonymous(everything)),
            distinct(expiries(records), "bucket", "key"),
            len(successes(deletes(records))),
            len(REJECTS),
            round(quantile([minutes_to_delivery(record) for record in records], 0.95)),
        )
    ]
