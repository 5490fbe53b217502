#!/usr/bin/env bash
# A client that speaks frames (docs/protocol.md), in bash alone: examples/frames.sh "Hello, server" "and another"
set -euo pipefail
export LC_ALL=C # lengths are in bytes, so count bytes, not characters

exec 3<>"/dev/tcp/${HOST:-localhost}/${PORT:-12000}"

send_frame() { # kind 0, three bytes of length, the text
  printf "$(printf '\\x%02x' 0 $((${#1} >> 16)) $((${#1} >> 8 & 255)) $((${#1} & 255)))%s" "$1" >&3
}

read_hex() { # reads $1 bytes as hexadecimal digits: a variable cannot hold NUL
  local digits
  digits=$(head -c "$1" <&3 | od -An -v -tx1 | tr -d ' \n')
  ((${#digits} == 2 * $1)) || { echo 'the server closed in the middle of a frame' >&2; exit 1; }
  echo "$digits"
}

text() { # decodes the digits
  # shellcheck disable=SC2001 # bash before 5.2 cannot repeat what it found
  printf '%b\n' "$(sed 's/../\\x&/g' <<<"$1")"
}

for message in "$@"; do send_frame "$message"; done
for message in "$@"; do # replies come in the same order
  header=$(read_hex 4)
  kind=$((16#${header:0:2}))
  payload=$(read_hex $((16#${header:2})))
  if ((kind != 0)); then
    echo "'$message': a frame of kind $kind came: $(text "$payload")" >&2
    exit 1
  fi
  text "$payload"
done
