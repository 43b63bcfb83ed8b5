# SPDX-License-Identifier: GPL-2.0-only
# Shared by the scripts of this folder: sourced, not run. Leaves the shell in the source root.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

jobs=${IOMMULAB_JOBS:-$(nproc)}

# Objects are found again in another clone: paths count from the source root.
export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1 CCACHE_SLOPPINESS=pch_defines,time_macros

# configure PRESET [ARGUMENT…]: cmake --preset, with ccache where there is one.
configure() {
  local launcher=()
  command -v ccache >/dev/null && launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
  cmake --preset "$@" "${launcher[@]}" --log-level=WARNING >/dev/null
}

build() {
  cmake --build --preset "$1" -j "$jobs" "${@:2}"
}

# Our own C++ files, tests included.
own_sources() {
  find bench cli core dma intel iova kernel lab platform tests vfio -type f \( -name '*.cc' -o -name '*.h' \) |
    LC_ALL=C sort
}

step() {
  printf '\n== %s (%s)\n' "$*" "$(date +%H:%M:%S)"
}
