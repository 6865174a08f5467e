#!/bin/sh
# Waits, with a limit, until the KMS opens the volumes of this machine that disk.toml lists. Maps nothing.
# `bulla disk install-boot` installed it; `bulla disk uninstall-boot` removes it.

[ -f /etc/bulla/disk.toml ] || exit 0
. /usr/lib/bulla/boot-functions

bulla_set_clock
mkdir -p -m 0700 /run/bulla /run/cryptsetup
# Units of several volumes start at the same time. The first one waits for all volumes, the others for the first one.
exec 9>/run/bulla/lock
flock 9
for device in /dev/disk/by-uuid/*; do
    uuid=${device##*/}
    if bulla_lists "$uuid" && mkdir "/run/bulla/$uuid" 2>/dev/null; then
        bulla_try "volume $uuid" cryptsetup open --test-passphrase --token-only --type luks2 "$device" 9<&- || :
    fi
done
exit 0
