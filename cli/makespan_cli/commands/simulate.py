"""Predict how long runs of a pipeline file take and what they cost, as distributions.

Durations, failures and queueing are drawn from recorded runs, all jobs of a run together. With --runners the jobs
wait for runners of a pool instead, with --arrivals beside other runs. --compare simulates a second file with the same
chance. The same --seed prints the same bytes. Refuses when nothing is known of a job, unless --assume says how long it
takes.

Exit codes: 0 done, 2 usage, 3 broken file, nothing known of a job, or runners that cannot keep up, 4 no store at the
place that was named.
"""

from __future__ import annotations

import argparse
import json
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

from makespan_cli.workflow_history import WorkflowHistory, origin_path, pipeline_names, workflow_history
from makespan_model.errors import InputError, UsageError
from makespan_model.matching import did_you_mean
from makespan_model.settings import Settings, load_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from makespan_cli.rendering.simulation_report import SimulatedFile
    from makespan_model.records import PipelineRun
    from makespan_optimizer.simulation.arrivals import Arrivals
    from makespan_optimizer.simulation.simulate import Question

_DEFAULT_HISTORY = 200
_MOST_RUNS = 1_000_000
_RECORDED = "recorded"
_NO_HISTORY = "No history: all durations are assumed."


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("file", type=Path, metavar="FILE", help="GitHub workflow file or .gitlab-ci.yml")
    parser.add_argument("--runs", type=int, default=2000, metavar="N", help="simulated runs (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="of the random numbers (default: %(default)s)")
    parser.add_argument(
        "--runners",
        action="append",
        default=[],
        metavar="LABEL=N",
        help="jobs that ask for LABEL share a pool of N runners; may be repeated",
    )
    parser.add_argument(
        "--arrivals",
        metavar="PER_HOUR",
        help=f"so many runs of this pipeline begin in an hour, at random, and share the runners; `{_RECORDED}` has "
        "them begin as the recorded ones did",
    )
    parser.add_argument(
        "--assume",
        action="append",
        default=[],
        metavar="JOB=SECONDS",
        help="the job takes exactly that and never fails, whatever was recorded; may be repeated",
    )
    parser.add_argument(
        "--compare", type=Path, metavar="OTHER_FILE", help="simulate this file too and say what it saves"
    )
    parser.add_argument(
        "--history",
        type=int,
        default=_DEFAULT_HISTORY,
        metavar="N",
        help="how many of the newest recorded runs to draw from (default: %(default)s)",
    )
    parser.add_argument(
        "--pipeline",
        metavar="NAME",
        help="whose history counts (default: the file's name for it, its path, or the project's)",
    )
    parser.add_argument("--repository", metavar="NAME", help="where several repositories have a pipeline of this name")
    parser.add_argument("--store", metavar="DIR", help="directory of the store (setting: store)")
    parser.add_argument("--json", action="store_true", help="print the simulation as JSON")


def execute(arguments: argparse.Namespace) -> int:
    """Simulate one file, or two.

    Raises:
        InputError: A file cannot be read, nothing is known of a job, or the runners cannot keep up.
        UsageError: A wrong number, or a job, runner or pipeline that is not there.
    """
    from makespan_cli.rendering.consoles import result_console
    from makespan_cli.rendering.simulation_report import SimulationReport, print_simulation, report_as_json
    from makespan_optimizer.repository import repository_root
    from makespan_optimizer.simulation.comparison import compare
    from makespan_optimizer.simulation.dialects import pipeline_name, read_pipeline

    _check(arguments)
    settings = load_settings(Path.cwd(), flags={"store": arguments.store})
    pipeline, root = read_pipeline(arguments.file), repository_root(arguments.file)
    names = pipeline_names(pipeline_name(pipeline), str(arguments.file), root)
    history = workflow_history(
        settings,
        [*names, *([origin] if (origin := origin_path(root)) is not None else [])],
        pipeline=arguments.pipeline,
        repository=arguments.repository,
        limit=arguments.history,
        must_exist=arguments.store is not None or arguments.pipeline is not None,
        without=_NO_HISTORY,
    )
    question = _question(arguments, settings, history)
    files = [arguments.file, *([arguments.compare] if arguments.compare is not None else [])]
    simulated, *others = _simulated(files, history.runs, question)
    compared = None
    if others:
        comparison = compare(simulated.outcome, others[0].outcome, streams=question.arrivals is not None)
        compared = (others[0], comparison)
    _check_assumed(question, [simulated, *others])
    asked = {
        "runs": question.runs,
        "seed": question.seed,
        "recorded_runs": len(history.runs),
        "pipeline": history.pipeline,
        "runners": dict(question.runners),
        "startup_s": dict(question.startup_s),
        "arrivals_per_hour": None if question.arrivals is None else question.arrivals.per_hour,
        "assumed_s": dict(question.assumed_s),
    }
    report = SimulationReport(simulated, history.sentence, asked, compared)
    if arguments.json:
        print(json.dumps(report_as_json(report), indent=2))
    else:
        print_simulation(result_console(), report)
    return 0


def _check(arguments: argparse.Namespace) -> None:
    if not 1 <= arguments.runs <= _MOST_RUNS:
        raise UsageError(f"--runs must be 1 to {_MOST_RUNS}, not {arguments.runs}")
    if arguments.seed < 0:
        raise UsageError(f"--seed must be 0 or more, not {arguments.seed}")
    if arguments.history < 1:
        raise UsageError(f"--history must be 1 or more, not {arguments.history}")


def _simulated(files: Sequence[Path], runs: Sequence[PipelineRun], question: Question) -> list[SimulatedFile]:
    """Every file simulated with the same chance; the runs are those of the first."""
    from makespan_cli.rendering.simulation_report import SimulatedFile
    from makespan_optimizer.simulation.basis import bases, warnings
    from makespan_optimizer.simulation.dialects import observed_pipeline
    from makespan_optimizer.simulation.resampling import unknown_jobs
    from makespan_optimizer.simulation.simulate import Settling, settling, simulate

    observed = [observed_pipeline(file, files[0], runs) for file in files]
    for file, (shape, observations) in zip(files, observed, strict=True):
        unknown = unknown_jobs(shape, observations, question.assumed_s)
        if unknown:
            raise InputError(
                f"{file}: no recorded run tells how long these jobs take: {', '.join(unknown)}; "
                "say it with --assume JOB=SECONDS, or name a history with --pipeline or --store"
            )
    settled = [settling(shape, observations, question) for shape, observations in observed]
    longest = Settling(max(one.before for one in settled), max(one.after for one in settled))
    found: list[SimulatedFile] = []
    for file, (shape, observations) in zip(files, observed, strict=True):
        outcome = simulate(shape, observations, question, longest)
        basis = bases(shape, observations, question.assumed_s)
        told = (*_unknown_startup(question), *warnings(shape, observations, basis))
        found.append(SimulatedFile(str(file), outcome, basis, told))
    return found


def _question(arguments: argparse.Namespace, settings: Settings, history: WorkflowHistory) -> Question:
    from makespan_optimizer.simulation.simulate import Question
    from makespan_optimizer.simulation.startup import startup_s

    runners = {label: _runners(label, text) for label, text in _pairs("--runners", arguments.runners)}
    return Question(
        runs=arguments.runs,
        seed=arguments.seed,
        assumed_s={job: _seconds(job, text) for job, text in _pairs("--assume", arguments.assume)},
        runners=runners,
        arrivals=None if arguments.arrivals is None else _arrivals(arguments.arrivals, history.runs),
        startup_s=startup_s(history.runs, runners),
        own_usd_per_hour=settings.runner_usd_per_hour,
    )


def _unknown_startup(question: Question) -> list[str]:
    unknown = [label for label in question.runners if label not in question.startup_s]
    if not unknown:
        return []
    labels = ", ".join(unknown)
    return [f"too few recorded queue times to tell how long runners take to start, so they start at once: {labels}"]


def _pairs(option: str, given: Sequence[str]) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for text in given:
        # A job's label may hold `=`; what follows the last one is the number.
        name, separator, value = text.rpartition("=")
        if not separator or not name:
            raise UsageError(f"{option} wants NAME=NUMBER, not {text!r}")
        if name in dict(found):
            raise UsageError(f"{option} names {name!r} twice")
        found.append((name, value))
    return found


def _runners(label: str, text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 6 or int(text) < 1:
        raise UsageError(f"--runners {label}={text}: a pool has 1 to 999999 runners")
    return int(text)


def _seconds(job: str, text: str) -> float:
    found = _number(text)
    if found is None or found < 0:
        raise UsageError(f"--assume {job}={text}: a job takes 0 or more seconds")
    return found


def _number(text: str) -> float | None:
    try:
        found = float(text)
    except ValueError:
        return None
    return found if isfinite(found) else None


def _arrivals(text: str, runs: Sequence[PipelineRun]) -> Arrivals:
    from makespan_optimizer.simulation.arrivals import Arrivals, recorded_arrivals

    if text == _RECORDED:
        return recorded_arrivals([run.start_ns for run in runs])
    found = _number(text)
    if found is None or found <= 0:
        raise UsageError(f"--arrivals must be a number of runs an hour above 0, or `{_RECORDED}`, not {text!r}")
    return Arrivals(found)


def _check_assumed(question: Question, files: Sequence[SimulatedFile]) -> None:
    known = {name for file in files for job in file.outcome.jobs for name in (job.name, job.job_id)}
    for job in question.assumed_s:
        if job not in known:
            raise UsageError(f"--assume names a job {job!r} that is not there{did_you_mean(job, known)}")
