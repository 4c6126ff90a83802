#!/usr/bin/env bash
# The start task of a node, which runs before any other task: start_task.sh [metadata] [network]
#
#   metadata  close the instance metadata service and WireServer to tasks
#   network   close every other address to tasks, too: Batch moves their files, so they need none
#
# Batch runs it again after a reboot, so it may be repeated.
set -euo pipefail

python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo 'Python 3.11 or newer is needed' >&2; exit 1; }

as_root() { if [[ $EUID -eq 0 ]]; then "$@"; else sudo -n "$@"; fi; }
filter() { as_root iptables -w 30 "$@"; }

# Users who may use the network: root, Batch's own, and those of the processes above this one, among them the node
# agent. Tasks have users of their own: the app asks for the scope `task`.
agents() {
  local pid=$$
  id -u root
  id -u _azbatch 2>/dev/null || true
  while [[ $pid -gt 1 ]]; do
    awk '/^Uid:/ { print $2 }' "/proc/$pid/status"
    pid=$(awk '/^PPid:/ { print $2 }' "/proc/$pid/status")
  done
}

# Everything that is sent to the chain `tasks` is refused unless an agent sends it.
make_chain() {
  local user users
  users=$(agents | sort -nu)
  filter -N tasks 2>/dev/null || filter -F tasks
  for user in $users; do filter -A tasks -m owner --uid-owner "$user" -j RETURN; done
  filter -A tasks -j REJECT
}

send_to_chain() { filter -C OUTPUT "$@" -j tasks 2>/dev/null || filter -I OUTPUT "$@" -j tasks; }

# Whether an ordinary user gets a connection. Being refused takes no time, being dropped two seconds.
reaches() {
  as_root setpriv --reuid 65534 --regid 65534 --clear-groups \
    python3 -c 'import socket, sys; socket.create_connection((sys.argv[1], 80), 2)' "$1" 2>/dev/null
}

[[ $# -eq 0 ]] || make_chain
for part in "$@"; do
  case $part in
    metadata)
      send_to_chain -d 169.254.169.254
      # Its port 53 is the name server of every process.
      send_to_chain -d 168.63.129.16 -p tcp ! --dport 53
      for address in 169.254.169.254 168.63.129.16; do
        if reaches "$address"; then echo "tasks can still reach $address" >&2; exit 1; fi
      done
      ;;
    network)
      # System accounts, such as that of the name resolver, stay below 1000.
      send_to_chain ! -o lo -m owner --uid-owner 1000-4294967294
      ;;
    *) echo "unknown argument $part" >&2; exit 2 ;;
  esac
done
