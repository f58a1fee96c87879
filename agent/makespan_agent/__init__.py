"""Wraps CI steps: runs them exactly, measures them, spools and exports what it saw over OTLP."""
