"""Keeping secrets out of what is recorded when arguments or environment were asked for."""
