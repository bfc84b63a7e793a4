#!/bin/sh
# Sets up SGX with DCAP and Gramine on Debian and Ubuntu: package sources,
# packages, group, device rules, quote provider, AESM. Idempotent. Without
# --apply it changes nothing and says what it would do.
set -eu

usage() {
  cat <<'END'
Usage: scripts/setup_sgx.sh [--check | --apply] [OPTIONS]

  --check           say what is missing and what would be done (the default)
  --apply           do it; needs root
  --pccs URL        the caching service of the PCK certificates
                    (default https://localhost:8081/sgx/certification/v4/)
  --accept-any-tls  accept any TLS certificate of that service: only on this host
  --user NAME       user of the worker, to be in the group sgx_prv
  --root DIR        look at the machine whose file system is in DIR (with --check)
  --help            print this

Exit codes: 0 all is set up, 1 something is to be done, 2 wrong usage,
3 this machine cannot run SGX enclaves.
END
}

fail() { # CODE TEXT
  echo "setup_sgx: $2" >&2
  exit "$1"
}

apply=no
root=
pccs=
secure=true
user=${SUDO_USER:-}
while [ $# -gt 0 ]; do
  case $1 in
    --check) apply=no ;;
    --apply) apply=yes ;;
    --accept-any-tls) secure=false ;;
    --pccs | --user | --root)
      [ $# -ge 2 ] || fail 2 "option $1 needs a value"
      case $1 in
        --pccs) pccs=$2 ;;
        --user) user=$2 ;;
        --root) root=${2%/} ;;
      esac
      shift
      ;;
    --help | -h)
      usage
      exit 0
      ;;
    *) fail 2 "unknown option $1; see --help" ;;
  esac
  shift
done

default_pccs=https://localhost:8081/sgx/certification/v4/
case $pccs in
  '') ;;
  *[!A-Za-z0-9.:/_-]*) fail 2 "--pccs: expected a URL without query" ;;
  https://*) pccs=${pccs%/}/ ;;
  *) fail 2 "--pccs: expected an https URL" ;;
esac
case $user in
  -* | *[!a-z0-9_-]*) fail 2 "--user: expected a user name" ;;
esac
if [ $apply = yes ]; then
  [ -z "$root" ] || fail 2 "--root goes with --check only"
  [ "$(id -u)" = 0 ] || fail 2 "--apply needs root: sudo scripts/setup_sgx.sh --apply"
fi

config=$(cd "$(dirname "$0")/../sgx_config" && pwd)
missing=0

ok() { echo "ok    $1"; }

# Announces a step that is not done yet; its commands follow as `run` lines.
todo() {
  missing=$((missing + 1))
  echo "to do $1"
}

run() {
  echo "      $*"
  if [ $apply = yes ]; then "$@"; fi
}

# --- what cannot be installed ------------------------------------------------

flags=$(sed -n '/^flags/{p;q;}' "$root/proc/cpuinfo" 2>/dev/null || true)
has_flag() {
  case " ${flags#*:} " in
    *" $1 "*) return 0 ;;
    *) return 1 ;;
  esac
}

has_flag sgx || fail 3 "the processor shows no SGX: it has none, or the firmware keeps it off.
Vorta works here with SIMULATED enclaves; there is nothing to set up."
has_flag sgx_lc || fail 3 "SGX without Flexible Launch Control: enable it in the firmware."
ok "processor: SGX with launch control"

release=$(cat "$root/proc/sys/kernel/osrelease")
major=${release%%.*}
minor=${release#*.}
minor=${minor%%[!0-9]*}
if [ "$major" -lt 5 ] || { [ "$major" -eq 5 ] && [ "$minor" -lt 11 ]; }; then
  fail 3 "Linux $release has no SGX driver: boot 5.11 or later."
fi
ok "kernel: Linux $release"

[ -e "$root/dev/sgx_enclave" ] || fail 3 "no /dev/sgx_enclave: enable SGX in the firmware and reboot;
in a virtual machine or a container ask for the device on the host."
ok "device: /dev/sgx_enclave"

# --- package sources ---------------------------------------------------------

os_field() { sed -n "s/^$1=\"\{0,1\}\([a-z0-9.-]*\)\"\{0,1\}\$/\1/p" "$root/etc/os-release"; }
release_name=$(os_field ID)-$(os_field VERSION_CODENAME)
# Intel has no packages for Debian; Gramine's pages name those of Ubuntu for it.
case $release_name in
  debian-bookworm) gramine_suite=bookworm intel_suite=jammy ;;
  ubuntu-jammy | ubuntu-noble)
    gramine_suite=${release_name#ubuntu-}
    intel_suite=$gramine_suite
    ;;
  *) fail 3 "no packages for $release_name: Debian bookworm, Ubuntu jammy and noble are supported." ;;
esac
keys=/etc/apt/keyrings

write() { # FILE TEXT
  echo "      write $1"
  if [ $apply = yes ]; then printf '%s\n' "$2" >"$1"; fi
}

package_source() { # NAME KEY-URL KEY-FILE REPOSITORY SUITE
  line="deb [arch=amd64 signed-by=$3] $4 $5 main"
  list=/etc/apt/sources.list.d/$1.list
  if [ -s "$root$3" ] && [ "$(cat "$root$list" 2>/dev/null)" = "$line" ]; then
    ok "package source: $1"
    return
  fi
  todo "package source: $1"
  run install -d -m 755 "$keys"
  run curl -fsSL --proto '=https' -o "$3" "$2"
  write "$list" "$line"
}

if [ ! -e "$root/usr/bin/curl" ]; then
  todo "curl"
  run apt-get update
  run env DEBIAN_FRONTEND=noninteractive apt-get install -y curl ca-certificates
fi
package_source gramine "https://packages.gramineproject.io/gramine-keyring-$gramine_suite.gpg" \
  "$keys/gramine-keyring-$gramine_suite.gpg" https://packages.gramineproject.io/ "$gramine_suite"
intel=https://download.01.org/intel-sgx/sgx_repo/ubuntu
package_source intel-sgx "$intel/intel-sgx-deb.key" "$keys/intel-sgx-deb.asc" "$intel" "$intel_suite"

# --- packages ----------------------------------------------------------------

is_installed() {
  awk -v name="$1" '
    /^Package: / { found = ($2 == name) }
    found && /^Status: install ok installed/ { yes = 1 }
    END { exit !yes }
  ' "$root/var/lib/dpkg/status" 2>/dev/null
}

packages=
for package in gramine sgx-aesm-service libsgx-aesm-ecdsa-plugin libsgx-aesm-quote-ex-plugin \
  libsgx-dcap-default-qpl; do
  if is_installed "$package"; then
    ok "package: $package"
  else
    todo "package: $package"
    packages="$packages $package"
  fi
done
if [ -n "$packages" ]; then
  run apt-get update
  # shellcheck disable=SC2086 # one word a package
  run env DEBIAN_FRONTEND=noninteractive apt-get install -y $packages
fi

# --- group and devices -------------------------------------------------------

members=$(sed -n 's/^sgx_prv:[^:]*:[^:]*://p' "$root/etc/group")
if grep -q '^sgx_prv:' "$root/etc/group"; then
  ok "group: sgx_prv"
else
  todo "group: sgx_prv"
  run groupadd --system --force sgx_prv
fi
if [ -n "$user" ] && [ "$user" != root ]; then
  case ",$members," in
    *",$user,"*) ok "group: $user is in sgx_prv" ;;
    *)
      todo "group: $user is not in sgx_prv"
      run usermod -a -G sgx_prv "$user"
      ;;
  esac
fi

changed=no

install_file() { # SOURCE TARGET: sets `changed`
  if cmp -s "$1" "$root$2"; then
    ok "file: $2"
    changed=no
    return
  fi
  todo "file: $2"
  # The first copy stays: the second would be one of our own.
  if [ -e "$root$2" ] && [ ! -e "$root$2.before-vorta" ]; then run cp -p "$2" "$2.before-vorta"; fi
  run install -D -m 644 "$1" "$2"
  changed=yes
}

install_file "$config/90-vorta-sgx.rules" /etc/udev/rules.d/90-vorta-sgx.rules
if [ $changed = yes ]; then
  run udevadm control --reload
  run udevadm trigger --subsystem-match=misc
fi

# --- quote provider and AESM -------------------------------------------------

restart=no
qcnl=/etc/sgx_default_qcnl.conf
if [ -z "$pccs" ] && [ -s "$root$qcnl" ]; then
  # Somebody's choice of service is not ours to change.
  ok "file: $qcnl is kept; --pccs URL changes it"
else
  rendered=$(mktemp)
  trap 'rm -f "$rendered"' EXIT
  sed -e "s|$default_pccs|${pccs:-$default_pccs}|" \
    -e "s|\"use_secure_cert\": true|\"use_secure_cert\": $secure|" \
    "$config/sgx_default_qcnl.conf" >"$rendered"
  install_file "$rendered" "$qcnl"
  restart=$changed
fi
install_file "$config/aesmd-restart.conf" /etc/systemd/system/aesmd.service.d/vorta.conf
if [ $changed = yes ]; then
  run systemctl daemon-reload
  restart=yes
fi
if [ ! -S "$root/run/aesmd/aesm.socket" ] && [ ! -S "$root/var/run/aesmd/aesm.socket" ]; then
  todo "service: aesmd does not run"
  restart=yes
elif [ $restart = no ]; then
  ok "service: aesmd runs"
fi
if [ $restart = yes ]; then
  run systemctl enable aesmd
  run systemctl restart aesmd
fi

# --- verdict -----------------------------------------------------------------

if [ $missing -eq 0 ]; then
  echo "All is set up. Next: vorta-cli doctor --for gramine"
elif [ $apply = yes ]; then
  echo "Done. Log in again for the group to count. Next: vorta-cli doctor --for gramine"
else
  echo "$missing to do. To do it: sudo scripts/setup_sgx.sh --apply"
  exit 1
fi
