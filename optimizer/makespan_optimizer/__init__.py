"""Turns a workflow file and its measured history into verified rewrites, and runs workflows locally."""
