"""What caches find, what that saves and costs, and why they miss."""

__all__ = ["cache_statistics", "hit_ratios", "miss_reasons", "restores", "time_saved"]
