"""Turns the history of runs into statements with evidence."""
