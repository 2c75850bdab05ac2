"""The command line as spark-submit starts it: `spark-submit accesslake_job.py ingest --engine spark --lake s3://...`."""

from etl.cli import main

if __name__ == "__main__":
    try:
        main()
    except SystemExit as end:
        # Some platforms take any exit for a failure.
        if end.code:
            raise
