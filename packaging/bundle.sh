#!/usr/bin/env bash
# Makes a portable folder of a build: programs, the libraries they need, the demo model. ./dev package --bundle calls it.
#
#   packaging/bundle.sh BUILD-FOLDER OUTPUT-FOLDER [LEVEL]     LEVEL: of the compression, 1 (fast) to 19 (default)
#
# From the machine come glibc, the NVIDIA driver and cuBLAS; everything else is inside. FFmpeg is the heavy one: distributions link it
# with a hundred libraries, most of them encoders, and refuse to start without them. argus-decoder-av only decodes, and only what
# engine/decoder/av_input.cpp lists, so of FFmpeg's own libraries the bundle holds those that decoding uses (kept_for_ffmpeg) and for
# the others stand-ins: the same name and symbols, functions that return 0, a few kilobytes.
set -euo pipefail
export LC_ALL=C # sort and join agree

build=$(realpath "$1")
mkdir -p "$2"
output=$(realpath "$2")
level=${3:-19}
source=$(realpath "$(dirname "${BASH_SOURCE[0]}")/..")

# glibc belongs to the machine's kernel and name service, NVIDIA's libraries to its driver.
from_machine='^(linux-vdso|ld-linux.*|lib(c|m|mvec|dl|pthread|rt|resolv|util|nsl|anl)|lib(cuda|cudart|cublas|cublasLt|nvidia.*|nvrtc))\.so'
ffmpeg='^lib(avformat|avcodec|avutil|swscale|swresample)\.so'
# dav1d decodes AV1, the next three unpack, the last two are asked what they think of the start of a stream that nobody named.
kept_for_ffmpeg='^lib(dav1d|z|lzma|bz2|gme|openmpt)\.so'
largest=$((60 * 1000 * 1000))

fail() { printf 'bundle: %s\n' "$*" >&2; exit 1; }

# NEEDED names of a program or library.
needed() { readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'; }
# "name path" of everything the loader finds for a program here.
closure() { ldd "$1" | awk '$2 == "=>" && $3 ~ /^\// { print $1, $3 } $3 == "not" { print $1, "-" }'; }

declare -A path_of # of every library by its name

learn() { # program
    local name path
    while read -r name path; do
        [ "$path" != - ] || [[ $name =~ $from_machine ]] || fail "$1 needs $name, which is not installed here"
        path_of[$name]=$path
    done < <(closure "$1")
}

declare -A taken     # real libraries in the bundle
declare -A stands_in # libraries with a stand-in, and who calls them

take() { # library, folder
    taken[$1]=1
    install -m 644 "${path_of[$1]}" "$2/$1"
    strip --strip-unneeded "$2/$1"
}

# Takes what a program or library needs, and what that needs. FFmpeg's libraries and their stand-ins lie apart.
gather() { # program or library
    local name
    for name in $(needed "$1"); do
        if [[ $name =~ $from_machine ]]; then
            continue
        elif [[ $(basename "$1") =~ $ffmpeg ]] && ! [[ $name =~ $ffmpeg || $name =~ $kept_for_ffmpeg ]]; then
            stands_in[$name]+=" $1"
        elif [ -z "${taken[$name]:-}" ]; then
            if [[ $name =~ $ffmpeg ]]; then take "$name" "$root/lib/av"; else take "$name" "$root/lib"; fi
            gather "${path_of[$name]}"
        fi
    done
}

# "name type size version" of the dynamic symbols that a library defines, or of those it wants of others.
defined() { readelf --dyn-syms -W "$1" | awk '$7 != "UND" && $8 != "" && $5 != "LOCAL" { sub(/@.*/, "", $8); print $8, $4, $3 }'; }
wanted() { readelf --dyn-syms -W "$1" | awk '$7 == "UND" && $8 != "" { v = $8; sub(/.*@/, "", v); if (v == $8) v = "-"; sub(/@.*/, "", $8); print $8, v }'; }
# Versions that a consumer wants of a library.
versions() { objdump -p "$1" | awk -v library="$2" '/required from/ { on = ($3 == library ":") } on && $1 ~ /^0x/ { print $4 }'; }

# A library with the name of another one and those of its symbols that somebody wants.
make_stand_in() { # library, output, consumers...
    local library=$1 output=$2 work version
    shift 2
    work=$(mktemp -d)
    defined "${path_of[$library]}" | sort -u >"$work/defined"
    local consumer
    for consumer in "$@"; do wanted "$consumer"; done | sort -u >"$work/wanted"
    for consumer in "$@"; do versions "$consumer" "$library"; done | sort -u >"$work/versions"
    # What a library that stays has too is found there.
    join -j 1 "$work/defined" "$work/wanted" | join -v 1 - "$real_symbols" >"$work/symbols"
    awk '
        BEGIN { print ".text\nnothing: xorl %eax, %eax\nret\n.section .note.GNU-stack,\"\",@progbits" }
        seen[$1]++ { next }
        $2 == "FUNC" || $2 == "IFUNC" || $2 == "GNU_IFUNC" || $2 == "NOTYPE" { printf ".globl %s\n.type %s, @function\n.set %s, nothing\n", $1, $1, $1; next }
        $2 == "OBJECT" { printf ".bss\n.balign 64\n.globl %s\n.type %s, @object\n.size %s, %d\n%s: .zero %d\n", $1, $1, $1, $3, $1, ($3 > 0 ? $3 : 1); next }
        { print "symbol " $1 " is " $2 > "/dev/stderr"; exit 1 }' "$work/symbols" >"$work/code.s" || fail "$library cannot have a stand-in"
    while read -r version; do
        printf '%s { global: ' "$version"
        awk -v version="$version" '$4 == version { printf "%s; ", $1 }' "$work/symbols"
        printf '};\n'
    done <"$work/versions" >"$work/versions.map"
    gcc -shared -nostdlib -o "$output" "$work/code.s" -Wl,-soname,"$library" -Wl,--build-id=none \
        $([ -s "$work/versions" ] && echo "-Wl,--version-script=$work/versions.map")
    strip --strip-unneeded "$output"
    rm -r "$work"
}

# Packages whose headers are compiled into our programs.
header_packages='nlohmann-json3-dev libcli11-dev cppzmq-dev libspdlog-dev libfmt-dev libhwy-dev'

# The copyright files of the packages that libraries and headers come from, and their versions: what to ask the distribution's sources for.
licences() {
    local name package path folder=$root/share/doc/licences
    mkdir -p "$folder/common"
    for name in "${!taken[@]}"; do
        path=$(realpath "${path_of[$name]}")
        package=$(dpkg -S "$path" 2>/dev/null || dpkg -S "${path#/usr}" 2>/dev/null) || fail "no package is known for $name ($path)"
        echo "${package%%:*}"
    done | cat - <(tr ' ' '\n' <<<"$header_packages") | sort -u | while read -r package; do
        [ -f "/usr/share/doc/$package/copyright" ] || fail "no licence is known for $package"
        install -m 644 "/usr/share/doc/$package/copyright" "$folder/$package"
        dpkg-query -W -f '${Package} ${Version}, source ${source:Package} ${source:Version}\n' "$package" | head -1 >>"$folder/packages"
    done
    grep -rhoE '/usr/share/common-licenses/[A-Za-z0-9.+-]*[A-Za-z0-9]' "$folder" | sort -u | while read -r path; do
        [ ! -f "$path" ] || install -m 644 "$path" "$folder/common/$(basename "$path")"
    done
}

# Every library and every symbol is found inside, and no program remembers where it was built.
check() {
    local file found outside
    for file in "$root"/bin/*; do
        found=$(env -i PATH=/usr/bin:/bin ldd -r "$file" 2>&1)
        ! grep 'undefined symbol' <<<"$found" >&2 || fail "$(basename "$file") lacks these symbols"
        outside=$(awk '$2 == "=>" { print $1, $3 }' <<<"$found" | while read -r name path; do
            [[ $name =~ $from_machine ]] || case $path in "$root"/*) ;; *) echo "$name ($path)" ;; esac
        done)
        [ -z "$outside" ] || fail "$(basename "$file") would take from the machine: $outside"
        ! grep -qaF -e "$source/engine" -e "$source/build" -e "$source/resources" "$file" ||
            fail "$(basename "$file") has the path of the sources in it: $source"
    done
}

version=$(sed -n 's/^CMAKE_PROJECT_VERSION:STATIC=//p' "$build/CMakeCache.txt")
name=argus-node-$version-$(uname -m)
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
root=$stage/$name
for component in node executor-cpu executor-cuda; do
    cmake --install "$build" --prefix "$root" --component "$component" --strip >/dev/null
done
mkdir -p "$root/lib/av"

for program in "$root"/bin/*; do learn "$program"; done
gather "$root/bin/argus-decoder-av"
for library in "${!taken[@]}"; do unset "stands_in[$library]"; done # one that stays needs it whole
real_symbols=$stage/real-symbols # of what is in one process with FFmpeg
for library in "${!taken[@]}" libc.so.6 libm.so.6; do defined "${path_of[$library]}"; done |
    awk '{ print $1 }' | sort -u >"$real_symbols"
for library in "${!stands_in[@]}"; do
    make_stand_in "$library" "$root/lib/av/$library" ${stands_in[$library]}
done
for program in "$root"/bin/*; do gather "$program"; done

install -m 644 "$source/LICENSE" "$root/LICENSE"
licences
glibc=$(for file in "$root"/bin/* "$root"/lib/*.so* "$root"/lib/av/*.so*; do objdump -T "$file"; done |
    grep -oE 'GLIBC_[0-9.]+' | sort -Vu | tail -1)
sed "s/@GLIBC@/${glibc#GLIBC_}/" "$source/packaging/bundle-readme.txt" >"$root/README"
[ -f "$root/bin/argus-executor-cuda" ] || sed -i '/^For GPUs/d; /CUDA runtime/d' "$root/README"
check

date=$(git -C "$source" log -1 --format=%ct 2>/dev/null || date +%s)
archive() { tar -C "$stage" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$date" -cf - "$name"; }
if command -v zstd >/dev/null; then
    packed=$output/$name.tar.zst
    archive | zstd -q -T0 "-$level" --long=27 -f -o "$packed"
else
    packed=$output/$name.tar.gz
    archive | gzip -"$((level < 9 ? level : 9))" >"$packed"
fi
size=$(stat -c %s "$packed")
printf 'bundle: %s\n' "$packed"
printf 'bundle: %d bytes packed, %d unpacked; %d libraries, %d stand-ins; needs glibc %s\n' \
    "$size" "$(du -sb "$root" | cut -f1)" "${#taken[@]}" "${#stands_in[@]}" "${glibc#GLIBC_}"
[ "$level" -lt 19 ] || [ "$size" -le "$largest" ] || fail "$packed has $size bytes, more than the $largest that a download should have"
