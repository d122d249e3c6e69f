#!/usr/bin/env bash
# layering.sh [ARCHIVE]: dependencies run one way, without circles. core uses the standard library, POSIX and itself;
# server uses core and proto; client uses proto and core's plain values; neither uses the other; public headers (those
# in */include) use public ones. ARCHIVE: libcovey_core.a, which must
# need no symbol of another library either. $TREE: another tree to look at.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "${TREE:-$ROOT}"

# What core may include: its own headers, and of the system's those without a folder or in one of these.
CORE='"core/|<(sys|linux|netinet|arpa)/[a-z_]+\.h>|<[a-z_0-9]+(\.h)?>'
# Without a folder, but libraries all the same.
LIBRARIES='<(sqlite3|uv|event|zlib|curl|libpq-fe)\.h>'

# What each room of core may use of the others.
ROOMS='base:
text:
docs:
state:base
spec:base state
time:base
run:base state time
throw_trace:base run
process:base spec
journal:base spec state
output:base spec
executor:base spec time run process output
engine:base spec state time run journal output executor
examples:base run'

# The rooms of core's public headers. One that is in none is nobody's, and may be used by nobody.
PUBLIC='base:status result span version
state:policy
spec:output_stream payload
time:timer_queue
run:closer collect context detail/task_node detail/work group pool queue run runner task
executor:function_registry'

# To judge public headers as if they were in their room.
moved=()
while IFS=: read -r room headers; do
  moved+=(-e "s#(^core/include/|\")covey/(${headers// /|})\.h#\1core/$room/\2.h#g" -e "s#^core/include/core/#core/#")
done <<<"$PUBLIC"

bad=0
includes() {
  [[ -d $1 ]] || fail "there is no folder $1"
  { grep -rnE --include='*.h' --include='*.cc' '^[[:space:]]*#[[:space:]]*include' "$1" || true; } | sed -E "${moved[@]}"
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
judge 'server does not use client' < <(includes server | grep -E '"(covey/)?client/')
judge 'client does not use server' < <(includes client | grep -E '"(server/|covey/daemon\.h)')
judge 'proto uses the standard library alone' < <(
  [[ ! -d proto ]] || includes proto | grep -vE 'include[[:space:]]*("proto/|"covey/methods\.h"|<[a-z_]+>)' || true
)
judge 'public headers use public headers alone' < <(
  for part in */include; do
    [[ ! -d $part ]] || grep -rnE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' "$part" | grep -vE '"covey/' || true
  done
)
judge 'of the client grpc_connection.cc alone uses gRPC, and nothing the generated services' < <(
  includes client | grep -E '<grpc|\.grpc\.pb\.h' | grep -v '^client/grpc_connection\.cc:.*<grpc'
)
judge "client uses core's plain values alone" < <(includes client | grep -F '"core/' | grep -vE '"core/(base|spec|text)/')
core=$(includes core)
while IFS=: read -r room rule; do
  judge "core/$room uses ${rule:-nothing} and itself" < <(
    grep "^core/$room/" <<<"$core" | grep -oE '^[^"]*"core/[a-z_]+/.*' | grep -vE "\"core/(${rule// /|}|$room)/" || true
  )
done <<<"$ROOMS"
for room in core/*/; do
  room=$(basename "$room")
  [[ $room == include ]] || grep -q "^$room:" <<<"$ROOMS" || fail "core/$room has no line in ROOMS of $0"
done

# Pairs of a header and one that it includes, public ones by the name that they are included by: in order, or in a circle.
circle=$(grep -rnE --include='*.h' '^#include "' core server client proto | sed -E 's#^([^:]+):[0-9]+:.*"(.*)".*#\1 \2#; s#^[a-z]+/include/##' |
  tsort 2>&1 >/dev/null) || true
judge 'headers include each other' <<<"$circle"

judge 'DESIGN.md has no row of its map for it' < <(
  [[ ! -f DESIGN.md ]] || for room in core/* server/* client/*; do
    [[ ! -d $room ]] || grep -qE "^\|.*\`$room\`" DESIGN.md || printf '%s\n' "$room"
  done
)

if [[ -n ${1:-} ]]; then
  symbols=$(nm -uC "$1")
  judge 'core needs a symbol of a library' < <(grep -E ' (grpc|google|absl|spdlog|fmt|sqlite3|testing)(::|_)' <<<"$symbols")
fi
((bad == 0)) || fail "dependencies run the wrong way"
printf 'dependencies run one way\n'
