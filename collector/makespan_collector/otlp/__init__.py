"""OTLP export requests to store rows; what cannot be kept is counted and said, never dropped in silence."""

__all__ = ["attributes", "metrics", "payload", "traces"]
