"""Find what a workflow file wastes, and rewrite it where the evidence is good enough.

Findings carry evidence: proven (by the workflow itself), measured (by its recorded runs) or assumed (you
must agree). Only proven ones are applied unless --evidence says more. Every rewrite is verified before
it is shown; nothing is written without --write. Without recorded runs nothing can be `measured`.

Exit codes: 0 done (also when nothing was found), 2 usage, 3 broken workflow file (file:line:col, nothing
written), 5 refused: a rewrite did not pass verification or the file changed meanwhile.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from makespan_cli.workflow_files import read_github_workflow
from makespan_cli.workflow_history import pipeline_names, workflow_history
from makespan_model.errors import ExitCode, UsageError
from makespan_model.settings import EVIDENCE_LEVELS, Settings, load_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from makespan_analytics.profiles import PipelineProfile
    from makespan_cli.rendering.plan_report import Forecast
    from makespan_model.records import PipelineRun
    from makespan_optimizer.plan import Plan

_DEFAULT_RUNS = 20
_NO_HISTORY = "No history: only what the file itself proves is certain. `makespan exec` or the agent records runs."
# How `makespan exec` begins the ids of its runs.
_LOCAL_RUN = "local-"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("file", type=Path, metavar="FILE", help="GitHub workflow file")
    parser.add_argument(
        "--pipeline", metavar="NAME", help="whose history counts (default: the workflow's name, or its path)"
    )
    parser.add_argument("--repository", metavar="NAME", help="where several repositories have a pipeline of this name")
    parser.add_argument("--store", metavar="DIR", help="directory of the store (setting: store)")
    parser.add_argument(
        "--runs", type=int, default=_DEFAULT_RUNS, metavar="N", help="how many of the newest runs (default: 20)"
    )
    parser.add_argument(
        "--evidence", choices=EVIDENCE_LEVELS, help="weakest evidence that is applied (setting: evidence)"
    )
    parser.add_argument("--diff", action="store_true", help="print the rewrite as a unified diff")
    parser.add_argument("--write", action="store_true", help="replace the file by its verified rewrite")
    parser.add_argument("--json", action="store_true", help="print findings and rewrite as JSON")


def execute(arguments: argparse.Namespace) -> int:
    """Optimize one file.

    Raises:
        InputError: The file cannot be read or is no workflow.
        UsageError: No such pipeline, or a wrong number of runs.
        RefusedError: The file changed while it was optimized.
    """
    from makespan_analytics.profiles import profile_pipeline
    from makespan_cli.rendering.consoles import result_console
    from makespan_cli.rendering.plan_report import PlanReport, print_report, report_as_json
    from makespan_optimizer.file_replacement import replace_text
    from makespan_optimizer.passes.evidence import evidence_for
    from makespan_optimizer.passes.findings import LEVELS
    from makespan_optimizer.plan import optimize
    from makespan_optimizer.prediction.cache_speed import HOSTED, LOCAL
    from makespan_optimizer.repository import file_reader, repository_root
    from makespan_optimizer.workflow.calls import call_faults
    from makespan_optimizer.workflow.expression_sites import expression_faults
    from makespan_optimizer.workflow.other_keys import not_understood

    if arguments.runs < 1:
        raise UsageError(f"--runs must be 1 or more, not {arguments.runs}")
    settings = load_settings(Path.cwd(), flags={"store": arguments.store, "evidence": arguments.evidence})
    level = LEVELS[LEVELS.index(settings.evidence)]
    file: Path = arguments.file
    workflow = read_github_workflow(file)
    root = repository_root(file)
    history = workflow_history(
        settings,
        pipeline_names(workflow.name, workflow.file, root),
        pipeline=arguments.pipeline,
        repository=arguments.repository,
        limit=arguments.runs,
        must_exist=arguments.store is not None or arguments.pipeline is not None,
        without=_NO_HISTORY,
    )
    runs = history.runs
    profile = profile_pipeline(runs) if runs else None
    evidence = evidence_for(workflow, profile, file_reader(root), LOCAL if _ran_here(runs) else HOSTED)
    plan = optimize(workflow, evidence, level=level)
    forecast = _forecast(plan, profile, runs, settings) if profile is not None else None
    # One refused rewrite puts the passes in doubt: nothing is written then.
    written = bool(arguments.write and plan.changed and not plan.refused)
    if written:
        replace_text(file, before=workflow.text, after=plan.after.text)
    faults = (*expression_faults(workflow.document), *call_faults(workflow, file_reader(root)))
    strange = not_understood(workflow)
    report = PlanReport(plan, level, history.sentence, forecast, written, faults, strange)
    if arguments.json:
        print(json.dumps(report_as_json(report), indent=2))
    else:
        print_report(result_console(), report, with_diff=arguments.diff)
    return int(ExitCode.REFUSED if plan.refused else ExitCode.SUCCESS)


def _ran_here(runs: Sequence[PipelineRun]) -> bool:
    """Whether the latest run was one of `makespan exec`."""
    return bool(runs) and runs[-1].identity.run_id.startswith(_LOCAL_RUN)


def _forecast(plan: Plan, profile: PipelineProfile, runs: Sequence[PipelineRun], settings: Settings) -> Forecast:
    from makespan_cli.rendering.plan_report import Forecast
    from makespan_optimizer.local.environment import cpu_count
    from makespan_optimizer.prediction.replay import predict

    # Hosted runners come one for each job and share nothing; runs of `makespan exec` share this machine.
    hosted = not _ran_here(runs)
    runners = settings.runners or (sum(job.runs for job in profile.jobs) if hosted else cpu_count())
    cores = None if hosted else float(cpu_count())

    before = predict(plan.before, measured_on=plan.before, profile=profile, runners=runners, cores=cores)
    warm, cold = (
        predict(
            plan.after,
            measured_on=plan.before,
            profile=profile,
            runners=runners,
            cores=cores,
            estimates=plan.estimates,
            cache=cache,
        )
        for cache in ("warm", "cold")
    )
    return Forecast(before.makespan_s, warm.makespan_s, cold.makespan_s, warm.unmeasured)
