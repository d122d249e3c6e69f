#!/usr/bin/env bash
# Our scripts hold nothing that shellcheck warns of.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need shellcheck
mapfile -t files < <(project_files -name '*.sh' -o -path ./dev -o -path ./.ci/run)
shellcheck -x -P SCRIPTDIR "${files[@]}"
printf '%d scripts are clean\n' "${#files[@]}"
