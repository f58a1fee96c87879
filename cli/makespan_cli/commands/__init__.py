"""One module per command; each has `configure(parser)` and `execute(arguments) -> int`."""
