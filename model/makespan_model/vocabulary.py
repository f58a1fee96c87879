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

# --- makespan's own ---------------------------------------------------------------------------
SPAN_TYPE = "makespan.span.type"
"""`run`, `job` or `step`."""
PROVIDER = "makespan.provider"
"""CI provider of the run identity: `github`, `gitlab`, `plain`."""
REPOSITORY = "makespan.repository"
"""`owner/name` exactly as it entered the run identity."""
RUN_ATTEMPT = "makespan.run.attempt"
JOB_ID = "makespan.job.id"
"""The job's key in the workflow file."""
JOB_NAME = "makespan.job.name"
"""The job's label: its key with its matrix values."""
JOB_NEEDS = "makespan.job.needs"
"""Job ids the job waited for (string array)."""
JOB_QUEUED_NS = "makespan.job.queued_ns"
STEP_PATH = "makespan.step.path"
STEP_INDEX = "makespan.step.index"
STEP_KIND = "makespan.step.kind"
"""`run` or `uses`."""
CPU_USER_S = "makespan.cpu.user_s"
CPU_SYSTEM_S = "makespan.cpu.system_s"
MEMORY_PEAK_BYTES = "makespan.memory.peak_bytes"
IO_READ_BYTES = "makespan.io.read_bytes"
IO_WRITE_BYTES = "makespan.io.write_bytes"
AGENT_OVERHEAD_S = "makespan.agent.overhead.wall_s"
AGENT_OVERHEAD_CPU_S = "makespan.agent.overhead.cpu_s"
TRACE_ID = "makespan.trace.id"
SPAN_ID = "makespan.span.id"
"""On metric points: the step the sample belongs to."""
PROCESS_COUNT = "makespan.process.count"

# Metric names: one gauge series per step, joined to it by TRACE_ID and SPAN_ID.
METRIC_CPU_CORES = "makespan.step.cpu.cores"
METRIC_MEMORY_BYTES = "makespan.step.memory.usage"
METRIC_PROCESSES = "makespan.step.processes"
METRIC_IO_READ = "makespan.step.io.read_rate"
METRIC_IO_WRITE = "makespan.step.io.write_rate"
