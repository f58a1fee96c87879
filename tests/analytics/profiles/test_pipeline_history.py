from __future__ import annotations

from makespan_analytics.profiles.history_profile import profile_history_of
from makespan_analytics.profiles.pipeline_history import pipeline_history
from makespan_analytics.profiles.run_variance import run_variance
from makespan_collector.store.series import job_series_of
from support.pipeline_histories import build_and_test, history


def test_it_is_the_profiles_of_jobs_and_what_all_their_times_differ_by() -> None:
    runs = history(30, build_and_test)
    found = pipeline_history(runs)
    assert [job.job_id for job in found.jobs] == ["build", "test"]
    assert found.jobs == profile_history_of(runs)
    assert found.variance == run_variance(job_series_of(runs))
    assert found.variance is not None


def test_of_no_runs_nothing_is_known() -> None:
    found = pipeline_history([])
    assert (found.jobs, found.variance) == ((), None)
