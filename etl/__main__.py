"""`python -m etl` is `accesslake`."""

from etl.cli import main

main()
