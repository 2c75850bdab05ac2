"""`python -m accesslake` is `accesslake`."""

from etl.cli.commands import main

main()
