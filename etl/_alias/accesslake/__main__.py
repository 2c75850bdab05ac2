"""`python -m accesslake` is `accesslake`."""

from etl.cli import main

main()
