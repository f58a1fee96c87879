"""Where a series changes its level: all such points of a history, and whether the newest runs are off."""

from makespan_analytics.change_points.detection import ChangePoint, detect, detect_many
from makespan_analytics.change_points.newest import Deviation, newest_deviation

__all__ = ["ChangePoint", "Deviation", "detect", "detect_many", "newest_deviation"]
