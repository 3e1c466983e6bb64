# Installs the Debian packages that are missing, and only those: with none missing, no network and no root is needed.
# Sourced by tools/run, tools/test and bench/compare.

packages_build="g++ cmake ninja-build pkg-config ccache liburing-dev libmimalloc-dev libgtest-dev libbenchmark-dev
    libtomlplusplus-dev libcli11-dev libfmt-dev nlohmann-json3-dev libssl-dev libseccomp-dev liblmdb-dev
    libcurl4-openssl-dev libnats-dev librdkafka-dev"
packages_test="clang-14 libclang-rt-14-dev clang-format-14 python3 git swaks curl postfix libsqlite3-dev util-linux
    e2fsprogs procps dovecot-core dovecot-lmtpd nats-server openssl python3-aiosmtpd python3-h2 libnet-ssleay-perl
    haproxy lmdb-utils strace binutils"
packages_compare="python3 git postfix python3-aiosmtpd util-linux"
packages_unpacked="exim4-daemon-light opensmtpd" # for bench/compare: they cannot be installed beside Postfix

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        echo "root rights or sudo are needed for: $*" >&2
        return 1
    fi
}

# Prints those of its arguments that are not installed.
missing_packages() {
    local package
    for package in "$@"; do
        case "$(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null)" in
            ii*) ;;
            *) echo "$package" ;;
        esac
    done
}

# Keeps freshly installed packages (Postfix is only a test client here) from starting their services.
deny_services() {
    local policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
        as_root chmod 755 "$policy"
        denied_services=1
    fi
}

allow_services() {
    if [ "${denied_services:-0}" -eq 1 ]; then
        as_root rm -f /usr/sbin/policy-rc.d
        denied_services=0
    fi
}

# need_packages NAME...: leaves all of them installed, or fails. Never removes a package (another mail server, say).
need_packages() {
    local missing status=0
    missing=$(missing_packages "$@")
    if [ -z "$missing" ]; then
        return 0
    fi
    echo "installing:" $missing >&2
    as_root apt-get -q update >&2 || true
    if grep -qx postfix <<<"$missing"; then
        echo "postfix postfix/main_mailer_type select Local only" | as_root debconf-set-selections
    fi
    deny_services
    # shellcheck disable=SC2086 # one argument for each package
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends --no-remove \
        $missing </dev/null >&2 || status=$?
    allow_services
    if [ "$status" -ne 0 ]; then
        echo "these packages could not be installed:" $missing >&2
    fi
    return "$status"
}

# unpack_packages FOLDER NAME...: the files of packages below FOLDER/NAME, installed nowhere: Debian allows one mail
# server at a time. The shared libraries that they need are installed.
unpack_packages() {
    local folder=$1 name archives libraries status=0
    shift
    for name in "$@"; do
        if [ -e "$folder/$name.deb" ]; then
            continue
        fi
        echo "unpacking: $name" >&2
        archives=$(mktemp -d)
        if ! (cd "$archives" && apt-get -q download "$name" >&2 2>/dev/null) &&
            ! { as_root apt-get -q update >&2 && (cd "$archives" && apt-get -q download "$name" >&2); }; then
            echo "this package could not be fetched: $name" >&2
            rm -rf "$archives"
            status=1
            continue
        fi
        libraries=$(dpkg-deb -f "$archives"/*.deb Depends | tr ',' '\n' | sed -n 's/^ *\(lib[^ (|]*\).*/\1/p')
        mkdir -p "$folder/$name"
        # shellcheck disable=SC2086 # one argument for each package
        if need_packages $libraries && dpkg-deb -x "$archives"/*.deb "$folder/$name"; then
            mv "$archives"/*.deb "$folder/$name.deb"
        else
            status=1
        fi
        rm -rf "$archives"
    done
    return "$status"
}
