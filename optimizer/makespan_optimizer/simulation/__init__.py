"""Simulates runs of a pipeline that nobody has run yet: makespan, cost and queueing as distributions."""
