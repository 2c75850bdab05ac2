"""The lake for assistants that speak the Model Context Protocol."""

from etl.assistant.server import make_server

__all__ = ["make_server"]
