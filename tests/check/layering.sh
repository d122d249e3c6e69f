#!/usr/bin/env bash
# layering.sh [ARCHIVE]: dependencies run one way. core uses the standard library, POSIX and itself; server uses core
# and proto; client uses proto and core's plain values; neither uses the other. ARCHIVE: libcovey_core.a, which must
# need no symbol of another library either. $TREE: another tree to look at.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "${TREE:-$ROOT}"

# What core may include: its own headers, and of the system's those without a folder or in one of these.
CORE='"core/|<(sys|linux|netinet|arpa)/[a-z_]+\.h>|<[a-z_0-9]+(\.h)?>'
# Without a folder, but libraries all the same.
LIBRARIES='<(sqlite3|uv|event|zlib|curl|libpq-fe)\.h>'

bad=0
includes() {
  [[ -d $1 ]] || fail "there is no folder $1"
  grep -rnE --include='*.h' --include='*.cc' '^[[:space:]]*#[[:space:]]*include' "$1" || true
}

# judge WHY: what comes in on stdin must not be there.
judge() {
  local found
  found=$(cat)
  [[ -n $found ]] || return 0
  printf '%s\n  ^ %s\n' "$found" "$1"
  bad=1
}

judge 'core uses the standard library, POSIX and itself alone' < <(
  includes core | grep -vE "include[[:space:]]*($CORE)" || true
  includes core | grep -E "include[[:space:]]*$LIBRARIES"
)
judge 'server does not use client' < <(includes server | grep -F '"client/')
judge 'client does not use server' < <(includes client | grep -F '"server/')
judge "client uses core's plain values (core/base) alone" < <(includes client | grep -F '"core/' | grep -vF '"core/base/')

if [[ -n ${1:-} ]]; then
  symbols=$(nm -uC "$1")
  judge 'core needs a symbol of a library' < <(grep -E ' (grpc|google|absl|spdlog|fmt|sqlite3|testing)(::|_)' <<<"$symbols")
fi
((bad == 0)) || fail "dependencies run the wrong way"
printf 'dependencies run one way\n'
