"""Names of span, metric and resource attributes.

The `cicd.*`, `vcs.*` and `process.*` names are those of the OpenTelemetry semantic conventions. They
are spelled out here because the agent must start without importing OpenTelemetry; a test compares
each one with the semantic-conventions package. Only what has no standard name lives under `makespan.*`.
"""

from __future__ import annotations

# --- OpenTelemetry semantic conventions -------------------------------------------------------
PIPELINE_NAME = "cicd.pipeline.name"
PIPELINE_RUN_ID = "cicd.pipeline.run.id"
PIPELINE_RUN_URL = "cicd.pipeline.run.url.full"
PIPELINE_RUN_STATE = "cicd.pipeline.run.state"
PIPELINE_RESULT = "cicd.pipeline.result"
TASK_NAME = "cicd.pipeline.task.name"
TASK_RUN_ID = "cicd.pipeline.task.run.id"
TASK_RUN_RESULT = "cicd.pipeline.task.run.result"
TASK_RUN_URL = "cicd.pipeline.task.run.url.full"
WORKER_NAME = "cicd.worker.name"
WORKER_ID = "cicd.worker.id"

REPOSITORY_NAME = "vcs.repository.name"
REPOSITORY_URL = "vcs.repository.url.full"
OWNER_NAME = "vcs.owner.name"
PROVIDER_NAME = "vcs.provider.name"
CHANGE_ID = "vcs.change.id"
REF_HEAD_NAME = "vcs.ref.head.name"
REF_HEAD_REVISION = "vcs.ref.head.revision"

PROCESS_EXIT_CODE = "process.exit.code"
PROCESS_EXECUTABLE_NAME = "process.executable.name"
PROCESS_CPU_UTILIZATION = "process.cpu.utilization"
PROCESS_MEMORY_USAGE = "process.memory.usage"
PROCESS_DISK_IO = "process.disk.io"
PROCESS_DISK_IO_DIRECTION = "disk.io.direction"
CPU_MODE = "cpu.mode"
ERROR_TYPE = "error.type"

PROCESS_COMMAND_ARGS = "process.command_args"
PROCESS_ENVIRONMENT_VARIABLE = "process.environment_variable"
"""A prefix: the variable's name follows after a dot."""
TEST_SUITE_NAME = "test.suite.name"
TEST_CASE_NAME = "test.case.name"
TEST_CASE_RESULT_STATUS = "test.case.result.status"
"""`pass` or `fail`; `skip` is our own third."""
CODE_FILE_PATH = "code.file.path"

# --- makespan's own ---------------------------------------------------------------------------
SPAN_TYPE = "makespan.span.type"
"""`run`, `job` or `step`; below a step also `test` and `files`."""
PROVIDER = "makespan.provider"
"""CI provider of the run identity: `github`, `gitlab`, `jenkins`, …, `plain`."""
REPOSITORY = "makespan.repository"
"""`owner/name` (Jenkins: the job's full name) exactly as it entered the run identity."""
RUN_ATTEMPT = "makespan.run.attempt"
JOB_ID = "makespan.job.id"
"""The job's key in the workflow file."""
JOB_NAME = "makespan.job.name"
"""The job's label: its key with its matrix values."""
JOB_RUN_ID = "makespan.job.run_id"
"""The provider's id of one try of the job (CI_JOB_ID): a retry keeps run and job, and has another."""
JOB_NEEDS = "makespan.job.needs"
"""Job ids the job waited for (string array)."""
JOB_QUEUED_NS = "makespan.job.queued_ns"
RUN_EVENT = "makespan.run.event"
"""What started the run, in the provider's word: `push`, `pull_request`, `schedule`, …."""
RUN_ACTOR = "makespan.run.actor"
JOB_RUNNER_LABELS = "makespan.job.runner_labels"
"""What the job asked of its runner (string array)."""
CACHE_OUTCOME = "makespan.cache.outcome"
"""`hit`, `partial` or `miss`, on a step that restores a cache."""
STEP_PATH = "makespan.step.path"
STEP_INDEX = "makespan.step.index"
STEP_KIND = "makespan.step.kind"
"""`run` or `uses`."""
CPU_USER_S = "makespan.cpu.user_s"
CPU_SYSTEM_S = "makespan.cpu.system_s"
MEMORY_PEAK_BYTES = "makespan.memory.peak_bytes"
MEMORY_PEAK_SOURCE = "makespan.memory.peak_source"
"""`cgroup`, `rusage`, `pss` or `rss`: see `makespan_model.records.MemoryPeakSource`."""
MINOR_FAULTS = "makespan.memory.faults.minor"
MAJOR_FAULTS = "makespan.memory.faults.major"
VOLUNTARY_SWITCHES = "makespan.cpu.context_switches.voluntary"
INVOLUNTARY_SWITCHES = "makespan.cpu.context_switches.involuntary"
THROTTLED_S = "makespan.cpu.throttled_s"
THROTTLED_PERIODS = "makespan.cpu.throttled_periods"
OOM_KILLS = "makespan.memory.oom_kills"
MEMORY_OOM_EVENTS = "makespan.memory.events.oom"
MEMORY_HIGH_EVENTS = "makespan.memory.events.high"
MEMORY_MAX_EVENTS = "makespan.memory.events.max"
CPU_PRESSURE_S = "makespan.cpu.pressure_s"
MEMORY_PRESSURE_S = "makespan.memory.pressure_s"
IO_PRESSURE_S = "makespan.io.pressure_s"
PRESSURE_SOURCE = "makespan.pressure.source"
"""`cgroup` or `host`."""
CPU_LIMIT_CORES = "makespan.cpu.limit_cores"
MEMORY_LIMIT_BYTES = "makespan.memory.limit_bytes"
HOST_CPUS = "makespan.host.cpus"
HOST_MEMORY_BYTES = "makespan.host.memory_bytes"
PROCESSES = "makespan.processes"
"""JSON text: an array of objects with the fields of `makespan_model.records.ExecutableUsage`."""
IO_READ_BYTES = "makespan.io.read_bytes"
IO_WRITE_BYTES = "makespan.io.write_bytes"
AGENT_OVERHEAD_S = "makespan.agent.overhead.wall_s"
AGENT_OVERHEAD_CPU_S = "makespan.agent.overhead.cpu_s"
TRACE_ID = "makespan.trace.id"
SPAN_ID = "makespan.span.id"
"""On metric points: the step the sample belongs to."""
PROCESS_COUNT = "makespan.process.count"

# Metric names: one gauge series per step, joined to it by TRACE_ID and SPAN_ID. `host` is the machine it ran on.
METRIC_CPU_CORES = "makespan.step.cpu.cores"
METRIC_MEMORY_BYTES = "makespan.step.memory.usage"
METRIC_PROCESSES = "makespan.step.processes"
METRIC_IO_READ = "makespan.step.io.read_rate"
METRIC_IO_WRITE = "makespan.step.io.write_rate"
METRIC_HOST_CPU = "makespan.host.cpu.cores"
METRIC_HOST_MEMORY_AVAILABLE = "makespan.host.memory.available"
METRIC_HOST_LOAD = "makespan.host.load"
METRIC_HOST_DISK_USED = "makespan.host.disk.used"
METRIC_HOST_DISK_READ = "makespan.host.disk.read_rate"
METRIC_HOST_DISK_WRITE = "makespan.host.disk.write_rate"

# Fields of `makespan_model.records.Usage` by what they hold, so that sender and receiver cannot disagree.
USAGE_AMOUNTS = {
    "cpu_user_s": CPU_USER_S,
    "cpu_system_s": CPU_SYSTEM_S,
    "throttled_s": THROTTLED_S,
    "cpu_pressure_s": CPU_PRESSURE_S,
    "memory_pressure_s": MEMORY_PRESSURE_S,
    "io_pressure_s": IO_PRESSURE_S,
    "cpu_limit_cores": CPU_LIMIT_CORES,
}
"""Floats of 0 or more."""
USAGE_COUNTS = {
    "memory_peak_bytes": MEMORY_PEAK_BYTES,
    "io_read_bytes": IO_READ_BYTES,
    "io_write_bytes": IO_WRITE_BYTES,
    "minor_faults": MINOR_FAULTS,
    "major_faults": MAJOR_FAULTS,
    "voluntary_switches": VOLUNTARY_SWITCHES,
    "involuntary_switches": INVOLUNTARY_SWITCHES,
    "throttled_periods": THROTTLED_PERIODS,
    "oom_kills": OOM_KILLS,
    "memory_oom_events": MEMORY_OOM_EVENTS,
    "memory_high_events": MEMORY_HIGH_EVENTS,
    "memory_max_events": MEMORY_MAX_EVENTS,
    "memory_limit_bytes": MEMORY_LIMIT_BYTES,
    "host_cpus": HOST_CPUS,
    "host_memory_bytes": HOST_MEMORY_BYTES,
}
"""Integers of 0 or more."""
USAGE_SOURCES = {"memory_peak_source": MEMORY_PEAK_SOURCE, "pressure_source": PRESSURE_SOURCE}
"""One of a few words each."""
SAMPLE_METRICS = {
    "cpu_cores": METRIC_CPU_CORES,
    "memory_bytes": METRIC_MEMORY_BYTES,
    "processes": METRIC_PROCESSES,
    "io_read_bytes_per_s": METRIC_IO_READ,
    "io_write_bytes_per_s": METRIC_IO_WRITE,
    "host_cpu_cores": METRIC_HOST_CPU,
    "host_memory_available_bytes": METRIC_HOST_MEMORY_AVAILABLE,
    "host_load": METRIC_HOST_LOAD,
    "host_disk_used_bytes": METRIC_HOST_DISK_USED,
    "host_disk_read_bytes_per_s": METRIC_HOST_DISK_READ,
    "host_disk_write_bytes_per_s": METRIC_HOST_DISK_WRITE,
}
"""Fields of `makespan_model.records.Sample`."""

# A test case's span (type `test`) and a step's file accesses (type `files`), both below the step's span.
TEST_OUTCOME = "makespan.test.outcome"
"""`passed`, `failed`, `error` or `skipped`."""
TEST_CLASS = "makespan.test.class"
TEST_DURATION_S = "makespan.test.duration_s"
TEST_RETRIES = "makespan.test.retries"
TESTS_CUT = "makespan.tests.cut"
"""On the step: test cases its reports held beyond the limit."""
FILES_READ = "makespan.files.read"
"""Paths (string array); FILES_READ_DIGESTS holds as many digests, empty where none is known."""
FILES_READ_DIGESTS = "makespan.files.read.digests"
FILES_WRITTEN = "makespan.files.written"
FILES_EXAMINED = "makespan.files.examined"
FILES_ABSENT = "makespan.files.absent"
FILES_LISTED = "makespan.files.listed"
FILES_TOOLS = "makespan.files.tools"
FILES_TOOLS_DIGESTS = "makespan.files.tools.digests"
FILES_CUT = "makespan.files.cut"
FILES_INCOMPLETE = "makespan.files.incomplete"
FILES_CALLS = "makespan.files.calls"
FILES_OVERHEAD_CPU_S = "makespan.files.overhead.cpu_s"
