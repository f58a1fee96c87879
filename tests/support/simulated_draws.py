"""Pipelines and draws for tests of the simulation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from makespan_optimizer.simulation.draws import Draws, Floats
from makespan_optimizer.simulation.shape import ConcurrencyGroup, JobShape, PipelineShape, StartsWhen


def pipeline(*jobs: JobShape, sees_ancestors: bool = True, group: ConcurrencyGroup | None = None) -> PipelineShape:
    return PipelineShape("github", "ci.yml", jobs, sees_ancestors, group)


def draws(
    duration_s: Floats | Sequence[Sequence[float]],
    *,
    fails: Sequence[Sequence[bool]] | None = None,
    runs: Sequence[Sequence[bool]] | None = None,
    delay_s: Floats | None = None,
    startup_s: Floats | None = None,
) -> Draws:
    """One attempt at every job; rows are runs."""
    durations_s = np.array(duration_s, dtype=np.float64)
    nothing = np.zeros_like(durations_s)
    return Draws(
        runs=np.ones(durations_s.shape, dtype=np.bool_) if runs is None else np.array(runs),
        duration_s=durations_s[None],
        fails=np.zeros((1, *durations_s.shape), dtype=np.bool_) if fails is None else np.array(fails)[None],
        delay_s=nothing if delay_s is None else delay_s,
        startup_s=nothing if startup_s is None else startup_s,
        tail_s=np.zeros(len(durations_s)),
    )


@st.composite
def pipelines(draw: st.DrawFn) -> PipelineShape:
    """Any pipeline whose jobs wait for nothing but their needs."""
    jobs: list[JobShape] = []
    ids: list[str] = []
    for number in range(draw(st.integers(1, 6))):
        needs = tuple(draw(st.lists(st.sampled_from(ids), unique=True, max_size=3))) if ids else ()
        job_id = f"j{number}"
        legs = draw(st.integers(1, 3))
        fail_fast = draw(st.booleans())
        job = JobShape(
            job_id,
            job_id,
            needs,
            starts_when=draw(st.sampled_from(StartsWhen)),
            labels=("linux",),
            failure_tolerated=draw(st.booleans()),
            retries=0 if fail_fast else draw(st.integers(0, 2)),
            fail_fast=fail_fast,
        )
        jobs += [replace(job, name=f"{job_id} ({leg})") for leg in range(legs)]
        ids.append(job_id)
    sees_ancestors = draw(st.booleans())
    return replace(
        pipeline(*jobs, sees_ancestors=sees_ancestors), absent_passes=not sees_ancestors and draw(st.booleans())
    )


def any_draws(shape: PipelineShape, seed: int, count: int = 4) -> Draws:
    """Random draws; whole seconds, so that jobs end at one instant often."""
    random = np.random.default_rng(seed)
    size = (count, len(shape.jobs))
    return Draws(
        runs=random.random(size) < 0.8,
        duration_s=random.integers(1, 9, (3, *size)).astype(np.float64),
        fails=random.random((3, *size)) < 0.3,
        delay_s=random.integers(0, 4, size).astype(np.float64),
        startup_s=np.zeros(size),
        tail_s=random.integers(0, 3, count).astype(np.float64),
    )
