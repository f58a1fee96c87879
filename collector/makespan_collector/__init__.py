"""Receives spans and samples over OTLP and keeps them: receivers, the store, the server."""

__all__ = ["app", "otlp", "server", "store"]
