"""The commands: each parses its arguments, calls `Lake`, and prints. Data goes to stdout, all else to stderr."""
