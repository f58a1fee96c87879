"""How much sooner a pipeline would end if something in it got faster: history replayed with that changed."""

__all__ = ["contended_replay", "replay", "speedups", "task_graph"]
