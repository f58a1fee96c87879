#!/usr/bin/env bash
# Installs makespan beside the job's own Python, and tells the later steps of the job what they need to know.
# A job never fails for being measured: what goes wrong here becomes a warning, and the steps run unmeasured.
set -uo pipefail

folder="${RUNNER_TEMP:-/tmp}/makespan"
here="$(dirname "$0")"

warn() { echo "::warning title=makespan::$1"; }

# A value may have several lines: a delimiter that nobody can guess keeps it one value.
pass_on() {
  local end
  end="end-$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')"
  printf '%s<<%s\n%s\n%s\n' "$1" "$end" "$2" "$end" >> "$GITHUB_ENV"
}

install() {
  "$PYTHON" -m venv "$folder/venv" || return 1
  # shellcheck disable=SC2086 # a list of requirements
  "$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check $PACKAGE || return 1
  ln -sf "$folder/venv/bin/makespan" "$folder/bin/makespan"
}

# GITHUB_WORKFLOW_REF is owner/name/.github/workflows/ci.yml@refs/heads/main.
workflow_file() {
  local path="${GITHUB_WORKFLOW_REF:-}"
  path="${path%%@*}"
  printf '%s' "${WORKFLOW:-${path#"$GITHUB_REPOSITORY/"}}"
}

mkdir -p "$folder/bin"
if ! command -v makespan > /dev/null; then
  if ! install; then
    warn "$PACKAGE could not be installed; the steps of this job are not measured"
    cp "$here/unmeasured.sh" "$folder/bin/makespan"
    chmod +x "$folder/bin/makespan"
  fi
  echo "$folder/bin" >> "$GITHUB_PATH"
  PATH="$folder/bin:$PATH"
fi

if [ -n "$ENDPOINT" ]; then pass_on MAKESPAN_ENDPOINT "$ENDPOINT"; fi
if [ -n "$HEADERS" ]; then pass_on OTEL_EXPORTER_OTLP_HEADERS "$HEADERS"; fi
if [ -n "$MATRIX" ] && [ "$MATRIX" != null ]; then pass_on MAKESPAN_MATRIX "$MATRIX"; fi

file="$(workflow_file)"
if [ ! -f "$file" ]; then
  warn "no workflow file '$file' here: steps are named by their keys; put the checkout before this action"
elif makespan steps "$file" > "$folder/steps.json"; then
  pass_on MAKESPAN_STEPS_FILE "$folder/steps.json"
else
  warn "the steps of $file could not be named: steps are named by their keys"
fi
exit 0
