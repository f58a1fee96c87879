"""Pictures and pages people look at."""

__all__ = ["demo_page", "timeline"]
