"""Lossless YAML: a tree that knows every node's place, and edits that touch nothing else.

The tree is read from libyaml's event stream; edits are splices of the original text, re-parsed and
compared with the same edit made on the parsed data before anybody sees them.
"""

__all__ = ["data", "edits", "layout", "nodes", "reading", "scalar_places", "splices"]
