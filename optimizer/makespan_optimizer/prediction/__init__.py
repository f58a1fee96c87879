"""Predicts how long a workflow takes from the measured times of its steps."""
