"""Pictures and pages people look at."""
