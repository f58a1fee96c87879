# Measures every recipe of a Makefile that says `include makespan.mk`; each line of a recipe is a step that has the
# target's name. Without makespan on the PATH, make runs as ever.
#
#   MAKESPAN_MAKE_SHELL   the shell of the recipes, with its options (default: /bin/sh, as make's own)

ifneq ($(shell command -v makespan),)
# All recipes, those of sub-makes too, belong to one run.
ifndef MAKESPAN_RUN_ID
export MAKESPAN_RUN_ID := make-$(shell od -An -N8 -tx1 /dev/urandom | tr -d ' ')
endif
MAKESPAN_MAKE_SHELL ?= /bin/sh
# Both are expanded for each recipe, where $@ is its target; $(shell …) has none, and is no step.
SHELL = $(if $@,makespan,/bin/sh)
.SHELLFLAGS = $(if $@,shell --step '$(subst ','\'',$@)' --as '$(MAKESPAN_MAKE_SHELL)') -c
endif
