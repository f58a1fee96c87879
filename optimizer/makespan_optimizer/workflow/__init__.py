"""GitHub Actions workflows as typed values that know their places in the file."""

__all__ = ["fields", "model", "reading"]
