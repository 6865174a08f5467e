# The tools that the checks need. ./test reads this list to skip checks without their tools; .ci/run reads it to install missing
# tools. Sourced, not executed.

tools() { # prints NAME, the minimum VERSION (- for any), and the Debian PACKAGE that contains it (- for none)
  cat <<END
busybox      -     busybox
cargo        $(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)  -
cargo-deny   0.18  -
cc           -     build-essential
chromedriver 123   chromium-driver
chromium     123   chromium
cpio         -     cpio
cryptsetup   2.4   cryptsetup-bin
curl         -     curl
git          -     git
go           1.19  golang-go
javac        11    default-jdk-headless
jq           1.6   jq
mke2fs       -     e2fsprogs
mkinitramfs  -     initramfs-tools-core
mdbook       0.5   -
mvn          3.6   maven
node         16    nodejs
noto-cjk     -     fonts-noto-cjk
npm          8     npm
openssl      3.0   openssl
prometheus   2.40  prometheus
promtool     2.40  prometheus
python3      3.11  python3
python3-venv -     python3-venv
qemu-system-x86_64 - qemu-system-x86
strip        -     binutils
swtpm        -     swtpm
systemd-analyze 250 systemd
systemd-creds 250  systemd
tss2         -     tpm2-tools
END
}

missing_tools() { # NAME...: prints the tools that are missing or too old, as a text
  local name version package found missing=()
  while read -r name version package; do
    [[ " $* " == *" $name "* ]] || continue
    found=$(version_of "$name")
    if [ -z "$found" ]; then
      missing+=("$name$([ "$version" = - ] || echo " $version or newer") is missing")
    elif [ "$version" != - ] && ! printf '%s\n' "$version" "$found" | sort -V -C; then
      missing+=("$name is $found instead of $version or newer")
    fi
  done < <(tools)
  [ ${#missing[@]} -eq 0 ] || printf '%s\n' "${missing[@]}" | paste -s -d , | sed 's/,/, /g'
}

missing_packages() { # prints the Debian packages of all tools that are missing or too old
  local name version package
  while read -r name version package; do
    [ "$package" = - ] || [ -z "$(missing_tools "$name")" ] || echo "$package"
  done < <(tools)
}

version_of() { # NAME: prints its version, "present" if it has none, or nothing if it is missing
  local text
  case $1 in
    go | openssl) text=$("$1" version) ;;
    cryptsetup) text=$(PATH=$PATH:/usr/sbin:/sbin cryptsetup --version) ;; # users do not have these folders in PATH
    cargo-deny) text=$(cargo deny --version) ;;
    noto-cjk) text=$(compgen -G '/usr/share/fonts/*/noto*/NotoSansCJK*' && echo present) ;; # for pictures of the Chinese pages
    python3-venv) text=$(python3 -c 'import venv, ensurepip' && echo present) ;;
    tss2) text=$(compgen -G '/usr/lib/*/libtss2-esys.so.0' && compgen -G '/usr/lib/*/libtss2-rc.so.0' && echo present) ;; # systemd-creds loads them
    busybox | mke2fs | mkinitramfs) text=$(PATH=$PATH:/usr/sbin:/sbin command -v "$1" >/dev/null && echo present) ;;
    *) text=$("$1" --version) ;;
  esac 2>/dev/null || return 0
  grep -oE '[0-9]+(\.[0-9]+)+' <<<"$text" | head -n 1 | grep . || echo present
}
