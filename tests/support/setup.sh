# Sourced by ./dev: what the commands need, and how it gets here. Expects $ROOT.
# shellcheck shell=bash disable=SC2034

BUILD_PACKAGES="g++ cmake ninja-build ccache pkg-config libgrpc++-dev libprotobuf-dev protobuf-compiler
  protobuf-compiler-grpc libspdlog-dev libsqlite3-dev libtomlplusplus-dev libsystemd-dev libmicrohttpd-dev prometheus-cpp-dev
  libgtest-dev"
TEST_PACKAGES="python3 ca-certificates tmux fish python3-grpcio python3-protobuf"
CHECK_PACKAGES="clang-14 libclang-rt-14-dev clang-tidy-14 clang-format-14 shellcheck python3-venv dpkg-dev file doxygen"
# For tests that are skipped without them.
WANTED_PACKAGES="prometheus"
# For the image; where they cannot be had its check is skipped.
IMAGE_PACKAGES="docker.io iptables iproute2 mmdebstrap docker-compose"

# Pinned: another version may print other words.
GRPCURL_VERSION=v1.8.7

say() { printf '\n== %s\n' "$*"; }

die() {
  printf 'dev: %s\n' "$*" >&2
  exit 1
}

# missing_packages PACKAGE…: prints those that are not installed.
missing_packages() {
  local package status
  for package in "$@"; do
    status=$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)
    [[ $status == "install ok installed" ]] || printf '%s ' "$package"
  done
}

# need_packages "PACKAGE…": installs what is missing, or says what to install and stops.
need_packages() {
  command -v dpkg-query >/dev/null || die "this set-up is for Debian; install by other means: $1"
  local missing
  # shellcheck disable=SC2086 # a list of words
  missing=$(missing_packages $1)
  [[ -n $missing ]] || return 0
  if [[ $EUID -ne 0 ]]; then
    die "these packages are missing; as root: apt-get install --no-install-recommends $missing"
  fi
  say "installing $missing"
  # shellcheck disable=SC2086 # a list of words
  apt_install $missing || die "apt-get could not install: $missing"
}

# want_packages "PACKAGE…": the same for what can be done without; who needs it is skipped and says so.
want_packages() {
  local missing
  # shellcheck disable=SC2086 # a list of words
  missing=$(missing_packages $1)
  [[ -n $missing && $EUID -eq 0 ]] || return 0
  say "installing $missing"
  # shellcheck disable=SC2086 # a list of words
  apt_install $missing || printf 'dev: apt-get could not install: %s\n' "$missing" >&2
}

# Starts no service (RUNLEVEL, see invoke-rc.d(8)). A mirror that hiccups once must not fail the whole run.
apt_install() {
  local attempt
  for attempt in 1 2 3; do
    if apt-get update -qq </dev/null &&
      RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" </dev/null; then
      return 0
    fi
    printf 'dev: apt-get failed (attempt %d of 3)\n' "$attempt" >&2
    sleep $((attempt * 5))
  done
  return 1
}

# The compiler cache finds a file again in another clone as well.
use_ccache() {
  export CCACHE_BASEDIR=$ROOT CCACHE_NOHASHDIR=1
}

# Any Go builds the pinned grpcurl; Debian's is taken when there is none.
need_go() {
  [[ -x $ROOT/build/tools/grpcurl-$GRPCURL_VERSION ]] && return 0
  command -v go >/dev/null && return 0
  [[ -z $(missing_packages golang-go) ]] && return 0
  if [[ $EUID -ne 0 ]]; then
    printf 'dev: no Go here; tests that need grpcurl will be skipped\n' >&2
    return 0
  fi
  say "installing golang-go"
  apt_install golang-go || printf 'dev: golang-go could not be installed\n' >&2
}

# Builds grpcurl into build/tools once. Without it its tests are skipped, and they say why.
need_grpcurl() {
  local tools=$ROOT/build/tools
  local tool=$tools/grpcurl-$GRPCURL_VERSION
  export COVEY_GRPCURL=$tool
  [[ -x $tool ]] && return 0
  mkdir -p "$tools"
  if ! command -v go >/dev/null; then
    printf 'grpcurl %s could not be built: no Go here\n' "$GRPCURL_VERSION" >"$tools/grpcurl.reason"
  else
    say "building grpcurl $GRPCURL_VERSION"
    if CGO_ENABLED=0 GOBIN=$tools/go timeout 420 \
      go install -ldflags "-s -w" "github.com/fullstorydev/grpcurl/cmd/grpcurl@$GRPCURL_VERSION" \
      </dev/null 2>"$tools/grpcurl.log"; then
      mv "$tools/go/grpcurl" "$tool"
      rm -f "$tools/grpcurl.reason"
      return 0
    fi
    printf 'grpcurl %s could not be built: %s\n' "$GRPCURL_VERSION" "$(tail -n 1 "$tools/grpcurl.log" | sed 's/.*: //')" \
      >"$tools/grpcurl.reason"
  fi
  cat "$tools/grpcurl.reason"
}
