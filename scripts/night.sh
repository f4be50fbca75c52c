#!/usr/bin/env bash
# A night: the catalogue on one server or several (run), one page and one history over what the jobs found (merge), and the history of the
# nights before where CI has lost it (restore). make calls it, CI calls make; on one machine make nightly is run and merge.
set -euo pipefail
cd "$(dirname "$0")/.."
GO=${GO:-go}

say() { printf 'night: %s\n' "$*" >&2; }

# run: every scenario on SCHISM_SERVER, with the same seeds each night and one that is drawn. Each run is judged anew from its exports.
run() {
  export SCHISM_SET=all SCHISM_SEED=${SCHISM_SEED:-7431,7432,0} SCHISM_NIGHT=${SCHISM_NIGHT:-$(date -u +%Y-%m-%dT%H:%MZ)}
  local failed=0 token=""
  if [ -n "${GITHUB_ACTIONS:-}" ]; then # what servers print is in the log: none of it is a command
    token=$(head -c 16 /dev/urandom | od -An -tx1 | tr -d ' \n')
    echo "::stop-commands::$token"
  fi
  "$GO" test -count=1 -timeout "${NIGHT_TIMEOUT:-5h}" -run TestScenario -v . || failed=1
  SCHISM_RUNS=$PWD/artifacts "$GO" test -count=1 -timeout 1h -run TestExportsOfRuns ./cmd/schism || failed=1
  [ -z "$token" ] || echo "::$token::"
  return $failed
}

# merge: the page, history.jsonl and junit.xml over the folders NIGHT_RUNS, which may hold a history.jsonl alone, in NIGHT_SITE. It fails when a
# violation is new. NIGHT_HISTORY gets a copy of the history for the next night.
merge() {
  local site=${NIGHT_SITE:-artifacts} code=0 args=() bin
  # shellcheck disable=SC2206 # folders, by a pattern
  local runs=(${NIGHT_RUNS:-$site})
  mkdir -p "$site"
  [ -e "${runs[0]}" ] || runs=("$site")
  args=(-into "$site" -junit "$site/junit.xml" -summary "${GITHUB_STEP_SUMMARY:--}" -keep-nights "${NIGHT_KEEP:-0}")
  [ -z "${GITHUB_ACTIONS:-}" ] || args+=(-annotations -)
  [ -z "${SCHISM_NIGHT:-}" ] || args+=(-night "$SCHISM_NIGHT")
  if [ -n "${NIGHT_HISTORY:-}" ]; then
    mkdir -p "$NIGHT_HISTORY"
    runs+=("$NIGHT_HISTORY")
  fi
  bin=$(mktemp -d) # go run would make every exit code 1
  "$GO" build -o "$bin/schism" ./cmd/schism
  "$bin/schism" index "${args[@]}" "${runs[@]}" || code=$?
  rm -rf "$bin"
  if [ -n "${NIGHT_HISTORY:-}" ] && [ -s "$site/history.jsonl" ]; then
    cp "$site/history.jsonl" "$NIGHT_HISTORY/history.jsonl.new"
    mv "$NIGHT_HISTORY/history.jsonl.new" "$NIGHT_HISTORY/history.jsonl"
  fi
  return $code
}

# restore: NIGHT_HISTORY from the newest finished run of the workflow that has one, where the cache had none.
restore() {
  local dir=${NIGHT_HISTORY:-nights} tmp id ids newest
  if [ -s "$dir/history.jsonl" ]; then
    say "the history is there: $(wc -l <"$dir/history.jsonl") runs"
    return 0
  fi
  tmp=$(mktemp -d)
  trap 'rm -rf "$tmp"' RETURN
  if ! ids=$(gh run list --workflow nightly.yml --branch "${GITHUB_REF_NAME:-main}" --status completed --limit 30 --json databaseId --jq '.[].databaseId'); then
    say "the earlier nights cannot be listed: this one begins a new history, and whatever it finds is new"
    return 0
  fi
  for id in $ids; do
    if [ "$id" = "${GITHUB_RUN_ID:-}" ] || ! gh run download "$id" --pattern 'history-*' --dir "$tmp" >/dev/null 2>&1; then
      continue
    fi
    newest=$(find "$tmp" -name history.jsonl -size +0 | sort -V | tail -1)
    if [ -n "$newest" ]; then
      mkdir -p "$dir"
      cp "$newest" "$dir/history.jsonl"
      say "the history comes from run $id: $(wc -l <"$dir/history.jsonl") runs"
      return 0
    fi
  done
  say "no earlier night has left a history: this one is the first, and whatever it finds is new"
}

case "${1:-}" in
run | merge | restore) "$1" ;;
*) say "run, merge or restore"; exit 64 ;;
esac
