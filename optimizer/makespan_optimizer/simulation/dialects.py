"""Pipeline files of every CI system as shapes with what recorded runs show of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from makespan_model.errors import UsageError
from makespan_model.records import PipelineRun
from makespan_optimizer.dialects import GITHUB, dialect_of
from makespan_optimizer.file_replacement import read_utf8
from makespan_optimizer.gitlab.pipeline import Pipeline
from makespan_optimizer.repository import repository_at, repository_root
from makespan_optimizer.simulation.github_shape import github_shape
from makespan_optimizer.simulation.gitlab_shape import ChangedJobs, gitlab_shape
from makespan_optimizer.simulation.observations import Observations, observe
from makespan_optimizer.simulation.recorded_jobs import with_recorded_legs
from makespan_optimizer.simulation.shape import PipelineShape
from makespan_optimizer.simulation.step_composition import StepComposition
from makespan_optimizer.workflow.model import Workflow

AnyPipeline = Workflow | Pipeline


def read_pipeline(file: Path) -> AnyPipeline:
    """The pipeline of a file: of the language its name and folder tell, of GitHub where they tell none.

    Raises:
        InputError: It cannot be read, or is no pipeline; says what and where.
    """
    dialect = dialect_of(str(file.resolve())) or GITHUB
    return dialect.read(read_utf8(file), file=str(file), repository=repository_at(repository_root(file)))


def pipeline_shape(pipeline: AnyPipeline) -> PipelineShape:
    """The shape of a pipeline of any language.

    Raises:
        InputError: It cannot run as it is.
    """
    return github_shape(pipeline) if isinstance(pipeline, Workflow) else gitlab_shape(pipeline)


def pipeline_name(pipeline: AnyPipeline) -> str | None:
    """What the file calls its runs; None where it does not, or calls each another name."""
    name = pipeline.name if isinstance(pipeline, Workflow) else pipeline.workflow.name
    return None if name is None or "$" in name else name


def observed_pipeline(
    file: Path, measured_file: Path, runs: Sequence[PipelineRun]
) -> tuple[PipelineShape, Observations]:
    """The shape of a file, and what the runs of `measured_file` show of its jobs.

    Raises:
        InputError: A file is broken.
        UsageError: The files are written in different languages.
    """
    pipeline = read_pipeline(file)
    shape = with_recorded_legs(pipeline_shape(pipeline), runs)
    if file == measured_file or not runs:
        return shape, observe(shape, runs)
    measured = read_pipeline(measured_file)
    if isinstance(pipeline, Workflow) and isinstance(measured, Workflow):
        return shape, observe(shape, runs, StepComposition(pipeline, measured, runs))
    if isinstance(pipeline, Workflow) or isinstance(measured, Workflow):
        raise UsageError(f"{file} and {measured_file} are pipelines of different CI systems")
    return shape, observe(shape, runs, ChangedJobs(pipeline, measured))
