"""`python -m etl` is `accesslake`."""

from etl.cli.commands import main

main()
