#!/bin/sh
# Stands in for makespan where it could not be installed: runs the steps as it would, and measures nothing.
command="$1"
[ $# -gt 0 ] && shift
shell=""
while [ $# -gt 0 ]; do
  case "$1" in
    --) shift; break ;;
    --as) shell="$2"; shift 2 ;;
    --as=*) shell="${1#*=}"; shift ;;
    -c | --command) [ -n "$shell" ] || shell="/bin/sh"; shift; eval "exec $shell -c \"\$@\"" ;;
    --step | --timeout | --job | --pipeline | --run-id | --repository | --attempt | --junit | --capture-environment)
      shift 2
      ;;
    -*) shift ;;
    *) break ;;
  esac
done
case "$command" in
  run) exec "$@" ;;
  shell) ;;
  *) exit 0 ;;
esac
case "$shell" in
  "") if command -v bash > /dev/null; then exec bash -e "$1"; else exec sh -e "$1"; fi ;;
  bash) exec bash --noprofile --norc -eo pipefail "$1" ;;
  sh) exec sh -e "$1" ;;
  python) exec python "$1" ;;
  pwsh) exec pwsh -command ". '$1'" ;;
  *) eval "exec $(printf '%s' "$shell" | sed "s|{0}|${1:-}|g")" ;;
esac
