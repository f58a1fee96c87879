"""Content-addressed caching of step results; holds no code before the cache issue."""
