#!/bin/sh
# Runs Node in a mount namespace of its own; an ordinary user is root in it. See mount-namespace-pool.ts beside this.
user=
[ "$(id -u)" = 0 ] || user='--user --map-root-user'
# shellcheck disable=SC2086 # Each word is one.
exec unshare $user --mount --propagation private -- node "$@"
