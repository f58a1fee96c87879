"""Receives OTLP and keeps the history of runs, jobs, steps and samples."""
