"""Random acyclic pipelines of job costs for tests of the prediction."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

from makespan_optimizer.prediction.step_costs import JobCost, StepCost


def job(
    job_id: str, *steps: tuple[float, float], needs: Sequence[str] = (), legs: int = 1, overhead_s: float = 0.0
) -> JobCost:
    """A job; its steps are (wall seconds, CPU seconds)."""
    costs = tuple(StepCost(wall_s, cpu_s) for wall_s, cpu_s in steps)
    return JobCost(job_id, tuple(needs), legs, overhead_s, costs, ())


def serial_s(item: JobCost) -> float:
    """Seconds of one leg that has the machine to itself."""
    return item.overhead_s + sum(step.wall_s for step in item.steps)


def critical_path_s(jobs: Sequence[JobCost]) -> float:
    """The longest chain of needs: a slow, obvious reference."""
    by_id = {item.job_id: item for item in jobs}

    def end_s(item: JobCost) -> float:
        before = max((end_s(by_id[need]) for need in item.needs), default=0.0)
        return before + (serial_s(item) if item.legs else 0.0)

    return max((end_s(item) for item in jobs), default=0.0)


@st.composite
def job_graphs(draw: st.DrawFn, *, max_cores_a_step: float = 3.0) -> list[JobCost]:
    """Up to six jobs in file order; needs may point forwards in the file too."""
    count = draw(st.integers(1, 6))
    order = draw(st.permutations(range(count)))
    jobs: list[JobCost] = []
    for position, number in enumerate(order):
        steps = [
            (wall_s, wall_s * draw(st.floats(0, max_cores_a_step)))
            for wall_s in draw(st.lists(st.floats(0, 50), max_size=3))
        ]
        needs = draw(st.lists(st.sampled_from(order[:position]), unique=True, max_size=3)) if position else []
        jobs.append(
            job(
                f"j{number}",
                *steps,
                needs=[f"j{need}" for need in needs],
                legs=draw(st.integers(0, 3)),
                overhead_s=draw(st.floats(0, 5)),
            )
        )
    return sorted(jobs, key=lambda item: item.job_id)
