#!/usr/bin/env bash
# Makes a machine ready for schism: Go, an engine that answers, debootstrap. It installs what is missing where it may (root on
# Debian or Ubuntu) and says in one line what to do where it may not. An engine that already runs is never touched.
set -euo pipefail

say() { printf 'setup: %s\n' "$*" >&2; }
fail() { say "$*"; exit 3; }

answers() { docker info >/dev/null 2>&1; }
debian() { [ -r /etc/os-release ] && grep -qE '^(ID|ID_LIKE)=.*(debian|ubuntu)' /etc/os-release && command -v apt-get >/dev/null; }

install() {
  say "installing $*"
  if [ -z "${updated:-}" ]; then
    apt-get update -qq || say "apt-get update had trouble; going on with the lists that are there"
    updated=1
  fi
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

# wait_for SECONDS WHAT COMMAND... polls until the command succeeds.
wait_for() {
  local deadline=$((SECONDS + $1)) what=$2
  shift 2
  until "$@"; do
    [ "$SECONDS" -lt "$deadline" ] || fail "$what did not come within its time"
    sleep 0.2
  done
}

start_engine() {
  say "starting the Docker engine"
  log=/var/log/schism-dockerd.log
  if [ -d /run/systemd/system ]; then
    log="journalctl -u docker"
    systemctl start docker || fail "systemctl start docker failed: see $log"
  else
    # Without systemd the packaged init script may fail on a limit that it cannot set: the daemon itself is started.
    setsid nohup dockerd >/var/log/schism-dockerd.log 2>&1 </dev/null &
  fi
  wait_for 60 "an answer of the Docker engine (see $log)" answers
}

PATH=$PATH:/usr/local/go/bin
command -v go >/dev/null || {
  [ "$(id -u)" = 0 ] && debian && apt-cache policy golang-go 2>/dev/null | grep -qE 'Candidate: 2:1\.(2[6-9]|[3-9])' && install golang-go
}
command -v go >/dev/null || fail "Go is missing: install Go 1.26 or newer from https://go.dev/dl and put it into PATH"

if ! answers; then
  [ -z "${DOCKER_HOST:-}" ] || fail "no Docker engine answers at DOCKER_HOST=$DOCKER_HOST: start it there, or unset DOCKER_HOST"
  if [ "$(id -u)" != 0 ]; then
    if [ -S /var/run/docker.sock ]; then
      fail "the Docker engine does not let you in: add yourself to the group docker (sudo usermod -aG docker $USER) and log in again"
    fi
    fail "no Docker engine answers: run 'sudo scripts/setup.sh' once, or install and start Docker"
  fi
  debian || fail "no Docker engine answers, and this is no Debian or Ubuntu: install and start Docker"
  command -v dockerd >/dev/null || install docker.io iptables ca-certificates
  start_engine
fi

if [ "$(id -u)" = 0 ] && debian && ! command -v debootstrap >/dev/null; then
  install debootstrap || say "debootstrap could not be installed: only images that can be pulled will be there"
fi
