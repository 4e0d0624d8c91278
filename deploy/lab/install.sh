# Sourced by deploy/quickstart and tests/run: install the packages of lists in deploy/packages, and build.
# Expects $root, the top of the source tree.

missing_packages() {  # LIST...
    local list package
    for list in "$@"; do
        while read -r package; do
            [[ -z $package || $package == \#* ]] && continue
            [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || echo "$package"
        done < "$root/deploy/packages/$list"
    done | sort -u
}

policy=/usr/sbin/policy-rc.d

restore_policy() {
    rm -f "$policy"
    if [[ -n ${saved_policy:-} ]]; then
        mv "$saved_policy" "$policy"
    fi
    trap - EXIT INT TERM HUP
}

# An nginx or keepalived that starts because it was installed would be in the way of the host's own network.
forbid_service_start() {
    saved_policy=
    if [[ -e $policy || -L $policy ]]; then
        saved_policy=$(mktemp "$policy.XXXXXX")
        mv -f "$policy" "$saved_policy"
    fi
    trap restore_policy EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    printf '#!/bin/sh\nexit 101\n' > "$policy"
    chmod 755 "$policy"
}

install_packages() {  # LIST...
    local packages
    mapfile -t packages < <(missing_packages "$@")
    if [[ ${#packages[@]} -eq 0 ]]; then
        return 0
    fi
    echo "== installing ${#packages[@]} packages: ${packages[*]}"
    if [[ $EUID -ne 0 ]]; then
        echo "packages are missing and this is not root; as root: apt-get install ${packages[*]}" >&2
        return 1
    fi
    forbid_service_start
    local status=0
    apt-get update &&
        DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${packages[@]}" || status=$?
    restore_policy
    return "$status"
}

# Uses ccache when it is there.
configure() {  # PRESET [OPTION...]
    local launcher=()
    if command -v ccache > /dev/null; then
        launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
    fi
    (cd "$root" && cmake --preset "$1" "${launcher[@]}" "${@:2}")
}

build() {  # PRESET [TARGET...]
    local targets=()
    if [[ $# -gt 1 ]]; then
        targets=(--target "${@:2}")
    fi
    (cd "$root" && cmake --build --preset "$1" -j"$(nproc)" "${targets[@]}")
}
