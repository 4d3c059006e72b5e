#!/bin/bash
# run.sh BUILD SECONDS   runs each fuzzer for SECONDS, side by side, starting from tests/fuzz/corpus/NAME. What they find new stays in
# BUILD/corpus; a finding is shown, kept in BUILD and makes the status non-zero. To keep corpora small:
#   BUILD/fuzz_NAME -merge=1 tests/fuzz/corpus/NAME BUILD/corpus/NAME
set -euo pipefail
build=$(realpath "$1") seconds=$2 here=$(dirname "$(realpath "$0")")
export ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1 UBSAN_OPTIONS=print_stacktrace=1
declare -A running
for program in "$build"/fuzz_*; do
  [ -x "$program" ] || continue
  name=${program##*/fuzz_}
  mkdir -p "$build/corpus/$name"
  options=(-max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -artifact_prefix="$build/finding-$name-" -print_final_stats=1)
  [ ! -e "$here/$name.dict" ] || options+=(-dict="$here/$name.dict")
  "$program" "${options[@]}" "$build/corpus/$name" "$here/corpus/$name" >"$build/fuzz_$name.log" 2>&1 &
  running[$name]=$!
done
[ ${#running[@]} -gt 0 ] || { echo "fuzz: no fuzzers in $build" >&2; exit 1; }
status=0
for name in "${!running[@]}"; do
  if wait "${running[$name]}"; then echo "fuzz $name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$build/fuzz_$name.log") inputs, no finding"
  else
    status=1; echo "fuzz $name: a finding"; grep -v '^#' "$build/fuzz_$name.log" | tail -40
  fi
done
exit $status
