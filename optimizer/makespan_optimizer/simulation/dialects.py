"""Pipeline files of every CI system as shapes with what recorded runs show of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from makespan_model.records import PipelineRun
from makespan_optimizer.file_replacement import read_utf8
from makespan_optimizer.simulation.github_shape import github_shape
from makespan_optimizer.simulation.observations import Observations, observe
from makespan_optimizer.simulation.recorded_jobs import with_recorded_legs
from makespan_optimizer.simulation.shape import PipelineShape
from makespan_optimizer.simulation.step_composition import StepComposition
from makespan_optimizer.workflow.model import Workflow
from makespan_optimizer.workflow.reading import read_workflow


def read_pipeline(file: Path) -> Workflow:
    """The pipeline of a file.

    Raises:
        WorkflowError: It is none; says what and where.
    """
    return read_workflow(read_utf8(file), file=str(file))


def observed_pipeline(
    file: Path, measured_file: Path, runs: Sequence[PipelineRun]
) -> tuple[PipelineShape, Observations]:
    """The shape of a file, and what the runs of `measured_file` show of its jobs.

    Raises:
        InputError: A file is broken.
    """
    workflow = read_pipeline(file)
    shape = with_recorded_legs(github_shape(workflow), runs)
    if file == measured_file or not runs:
        return shape, observe(shape, runs)
    return shape, observe(shape, runs, StepComposition(workflow, read_pipeline(measured_file), runs))
