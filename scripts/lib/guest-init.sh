#!/bin/sh
# The first process of the guest. It sees and writes the host's whole tree, so it mounts its own instances of what the
# host has mounted: /proc, /sys, /run, /dev (devtmpfs is already mounted) and, on the guest's own disk, /tmp.
# Then it runs the command that scripts/lib/guest.mjs left, records its exit code, and turns the guest off.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
project=$(cd "$(dirname "$0")/../.." && pwd)
guest=$project/.cache/guest

mount -t proc proc /proc
mount -t sysfs sys /sys
# The project itself may be in /tmp or /run.
mkdir /dev/project
mount --bind "$project" /dev/project
mount -t tmpfs run /run
mkdir /dev/shm
mount -t tmpfs shm /dev/shm
ln -s /proc/self/fd /dev/fd
mount -t ext4 /dev/ubda /tmp
chmod 1777 /tmp
if [ ! -e "$project/package.json" ]; then
  mkdir -p "$project"
  mount --move /dev/project "$project"
fi

# The second console is the output for the process that started the guest; the first has the kernel's messages.
# The pipe to cat keeps the command from treating the console as a terminal.
stty raw </dev/tty1
{
  # shellcheck source=/dev/null
  ( . "$guest/command.sh" ) </dev/null 2>&1
  echo $? >"$guest/status"
} | cat >/dev/tty1

sync
echo o >/proc/sysrq-trigger
# The kernel would panic if its first process ended.
exec sleep infinity
