#!/bin/bash
# Puts the files that open volumes with the KMS into the initramfs: the program, the token plugin, /etc/bulla/disk.toml
# and its files.
# `bulla disk install-boot` installed it; `bulla disk uninstall-boot` removes it.

check() {
    require_binaries /usr/bin/bulla cryptsetup sed grep date flock sleep || return 1
    /usr/bin/bulla disk boot-files >/dev/null || return 1
    [ -f "$(plugin)" ] || return 1
    ! is_sealed || require_binaries systemd-creds || return 1
    return 0
}

depends() {
    echo crypt network
}

plugin() {
    echo "$(PATH=$PATH:/usr/sbin:/sbin cryptsetup --help |
        sed -n 's/^LUKS2 external token plugin path: \(.*\)\.$/\1/p')/libcryptsetup-token-bulla.so"
}

is_sealed() { # whether the TPM has sealed the secret of the access key
    /usr/bin/bulla disk boot-files 2>/dev/null | grep -q '\.tpm2$'
}

installkernel() {
    # Regardless of the hardware of the machine that makes the image.
    ! is_sealed || hostonly='' instmods =drivers/char/tpm
}

install() {
    local file
    inst_multiple /usr/bin/bulla cryptsetup sed grep head date flock sleep mkdir
    inst_library "$(plugin)"
    inst_simple /usr/lib/bulla/boot-functions
    while IFS= read -r file; do
        inst_simple "$file"
    done < <(/usr/bin/bulla disk boot-files)
    if is_sealed; then
        inst_multiple systemd-creds
        # systemd-creds loads them by name; dracut copies what programs need, not what libraries load.
        inst_libdir_file 'libtss2-esys.so.*' 'libtss2-mu.so.*' 'libtss2-rc.so.*' 'libtss2-sys.so.*' 'libtss2-tcti-device.so.*'
    fi
    date +%s >"$initdir/etc/bulla/boot-image-time"
    mkdir -p "$initdir/etc/cmdline.d"
    echo rd.neednet=1 >"$initdir/etc/cmdline.d/65bulla.conf"
    # systemd-cryptsetup tries tokens only once, so this waits for the KMS first.
    inst_script "$moddir/wait-for-kms.sh" /usr/lib/bulla/wait-for-kms
    inst_simple "$moddir/wait-for-kms.conf" "$systemdsystemunitdir/systemd-cryptsetup@.service.d/bulla.conf"
}
