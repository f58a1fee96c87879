from __future__ import annotations

import pytest
from opentelemetry.semconv._incubating.attributes import cicd_attributes as cicd
from opentelemetry.semconv._incubating.attributes import cpu_attributes as cpu
from opentelemetry.semconv._incubating.attributes import disk_attributes as disk
from opentelemetry.semconv._incubating.attributes import process_attributes as process
from opentelemetry.semconv._incubating.attributes import test_attributes as test
from opentelemetry.semconv._incubating.attributes import vcs_attributes as vcs
from opentelemetry.semconv._incubating.metrics import process_metrics
from opentelemetry.semconv.attributes import code_attributes as code
from opentelemetry.semconv.attributes import error_attributes as error

from makespan_model import vocabulary
from makespan_model.records import Result

_STANDARD = {
    "PIPELINE_NAME": cicd.CICD_PIPELINE_NAME,
    "PIPELINE_RUN_ID": cicd.CICD_PIPELINE_RUN_ID,
    "PIPELINE_RUN_URL": cicd.CICD_PIPELINE_RUN_URL_FULL,
    "PIPELINE_RESULT": cicd.CICD_PIPELINE_RESULT,
    "TASK_NAME": cicd.CICD_PIPELINE_TASK_NAME,
    "TASK_RUN_ID": cicd.CICD_PIPELINE_TASK_RUN_ID,
    "TASK_RUN_RESULT": cicd.CICD_PIPELINE_TASK_RUN_RESULT,
    "TASK_RUN_URL": cicd.CICD_PIPELINE_TASK_RUN_URL_FULL,
    "WORKER_NAME": cicd.CICD_WORKER_NAME,
    "WORKER_ID": cicd.CICD_WORKER_ID,
    "REPOSITORY_NAME": vcs.VCS_REPOSITORY_NAME,
    "REPOSITORY_URL": vcs.VCS_REPOSITORY_URL_FULL,
    "OWNER_NAME": vcs.VCS_OWNER_NAME,
    "PROVIDER_NAME": vcs.VCS_PROVIDER_NAME,
    "PIPELINE_RUN_STATE": cicd.CICD_PIPELINE_RUN_STATE,
    "CHANGE_ID": vcs.VCS_CHANGE_ID,
    "REF_HEAD_NAME": vcs.VCS_REF_HEAD_NAME,
    "REF_HEAD_REVISION": vcs.VCS_REF_HEAD_REVISION,
    "PROCESS_EXIT_CODE": process.PROCESS_EXIT_CODE,
    "PROCESS_EXECUTABLE_NAME": process.PROCESS_EXECUTABLE_NAME,
    "PROCESS_CPU_UTILIZATION": process_metrics.PROCESS_CPU_UTILIZATION,
    "PROCESS_MEMORY_USAGE": process_metrics.PROCESS_MEMORY_USAGE,
    "PROCESS_DISK_IO": process_metrics.PROCESS_DISK_IO,
    "PROCESS_DISK_IO_DIRECTION": disk.DISK_IO_DIRECTION,
    "CPU_MODE": cpu.CPU_MODE,
    "ERROR_TYPE": error.ERROR_TYPE,
    "PROCESS_COMMAND_ARGS": process.PROCESS_COMMAND_ARGS,
    "PROCESS_ENVIRONMENT_VARIABLE": process.PROCESS_ENVIRONMENT_VARIABLE_TEMPLATE,
    "TEST_SUITE_NAME": test.TEST_SUITE_NAME,
    "TEST_CASE_NAME": test.TEST_CASE_NAME,
    "TEST_CASE_RESULT_STATUS": test.TEST_CASE_RESULT_STATUS,
    "CODE_FILE_PATH": code.CODE_FILE_PATH,
}


@pytest.mark.parametrize("name", sorted(_STANDARD))
def test_a_standard_name_is_spelled_as_the_semantic_conventions_spell_it(name: str) -> None:
    assert getattr(vocabulary, name) == _STANDARD[name]


def test_every_name_is_either_standard_or_our_own() -> None:
    names = {name: value for name, value in vars(vocabulary).items() if name.isupper() and isinstance(value, str)}

    own = {name for name, value in names.items() if value.startswith("makespan.")}
    assert set(names) - own == set(_STANDARD)


def test_results_are_the_standard_ones() -> None:
    assert {result.value for result in Result} == {value.value for value in cicd.CicdPipelineResultValues}
