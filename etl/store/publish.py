"""Putting what others are to read where they read it: pages on S3."""

from etl.store.location import Location
from etl.store.s3_session import S3Session


def publish(
    location: Location, data: bytes, content_type: str, session: S3Session
) -> None:
    """Put an object on S3, whatever was there; whoever reads it gets the old one or the new one, whole.

    Raises StoreError.
    """
    from etl.store.s3_errors import s3_errors  # noqa: PLC0415 - as slow to import as the AWS client

    with s3_errors(location.url):
        session.client.put_object(
            Bucket=location.bucket, Key=location.key, Body=data, ContentType=content_type
        )
