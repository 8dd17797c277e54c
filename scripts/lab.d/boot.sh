# shellcheck shell=bash
# shellcheck disable=SC2154  # kernel, memory, cpus, timeout, devices, modprobe, append, output, bugs: options of scripts/lab
# SPDX-License-Identifier: Apache-2.0
#
# One run of the lab: describes it in files, boots, passes the output on as it comes, and finds out how it ended.
#
# Sourced by scripts/lab.

# The guest mounts file systems of its own there, so files of this machine below them are out of its sight.
readonly hidden_in_guest=(/dev /proc /run /sys /var/run /var/tmp /mnt/out)

is_hidden_in_guest() {
    local directory
    for directory in "${hidden_in_guest[@]}"; do
        [[ $1/ != "$directory"/* ]] || return 0
    done
    return 1
}

# The root ports are there whether or not something is plugged in, and the one that adds a bus of its own is the last:
# so an address does not depend on which other devices were chosen.  romfile is empty because firmware would run it.
device_arguments() {
    local port device
    for port in 1 2 3; do
        echo -device "pcie-root-port,id=port$port,chassis=$port,slot=$port,addr=$((port + 6)).0"
    done
    for device in "$@"; do
        case $device in
        e1000e)
            echo -device e1000e,bus=port1,romfile=,mac=52:54:00:00:00:01
            ;;
        multifunction)
            echo -device e1000e,bus=port2,addr=0.0,multifunction=on,romfile=,mac=52:54:00:00:00:02
            echo -device e1000e,bus=port2,addr=0.1,romfile=,mac=52:54:00:00:00:03
            ;;
        bridge)
            echo -device pcie-pci-bridge,id=bridge,bus=port3
            echo -device e1000,bus=bridge,addr=1,romfile=,mac=52:54:00:00:00:04
            echo -device e1000,bus=bridge,addr=2,romfile=,mac=52:54:00:00:00:05
            ;;
        edu)
            echo -device edu,addr=0x10
            ;;
        nvme)
            echo -drive if=none,id=disk,file=null-co://,format=raw,size=1G,snapshot=on
            echo -device nvme,drive=disk,serial=lab,addr=0x11
            ;;
        sriov)
            echo -device nvme-subsys,id=sriov
            echo -device nvme,subsys=sriov,serial=sriov,addr=0x12,max_ioqpairs=6,msix_qsize=7,sriov_max_vfs=2,sriov_vq_flexible=4,sriov_vi_flexible=2
            ;;
        esac
    done
}

device_environment() {
    local device
    for device in "$@"; do
        case $device in
        e1000e) printf '%s\0' "VMLEAK_LAB_E1000E=0000:01:00.0" ;;
        multifunction) printf '%s\0' "VMLEAK_LAB_MULTIFUNCTION=0000:02:00.0 0000:02:00.1" ;;
        bridge) printf '%s\0' "VMLEAK_LAB_BRIDGE=0000:04:01.0 0000:04:02.0" ;;
        edu) printf '%s\0' "VMLEAK_LAB_EDU=0000:00:10.0" ;;
        nvme) printf '%s\0' "VMLEAK_LAB_NVME=0000:00:11.0" ;;
        sriov) printf '%s\0' "VMLEAK_LAB_SRIOV=0000:00:12.0" ;;
        esac
    done
}

# Values are in files of their own, so that nothing has to be quoted on its way through two shells.
describe_run() {
    local version=$1 boot=$2
    shift 2
    echo "$tree" >"$boot/tree"
    echo "$cache/$version/lib/modules/$version" >"$boot/module-tree"
    echo "$modprobe" >"$boot/modprobe"
    rebuilt_paths "$kernel" "$version" | while read -r module file; do
        echo "/lib/modules/$version/kernel/${rebuilt_modules[$module]}/$module.ko $file"
    done >"$boot/rebuilt"
    # Seconds after which the guest says what hangs; booting took some of the time-out already. 0: no time for that.
    echo "$((timeout > 30 ? timeout - 15 : 0))" >"$boot/deadline"
    if is_hidden_in_guest "$PWD"; then
        printf '%s\0' "$tree" >"$boot/directory"
    else
        printf '%s\0' "$PWD" >"$boot/directory"
    fi
    printf '%s\0' "$@" >"$boot/command"
    {
        printf '%s\0' HOME=/root LANG=C.UTF-8 TERM=dumb
        printf '%s\0' VMLEAK_LAB=1 "VMLEAK_LAB_KERNEL=$version" "VMLEAK_LAB_MODULE=$(module_path "$version")"
        printf '%s\0' "VMLEAK_LAB_FIRMWARE=$cache/halt-firmware.bin" VMLEAK_LAB_OUTPUT=/mnt/out "VMLEAK_LAB_TREE=$tree"
        printf '%s\0' "VMLEAK_LAB_BUG=${bugs[*]}"
        device_environment "${devices[@]}"
    } >"$boot/environment"
}

# Why so:
# * thread=single, and one CPU unless asked for more: with one thread per CPU, QEMU 7.2 goes on running the breakpoints
#   that the kernel patches into its own text for a moment (static keys), and the guest dies with "Oops: int3" when
#   tracing is switched on.  One CPU is as fast as two here.
# * -kernel with an ELF vmlinux: see extract_vmlinux.
# * -cpu max: the emulated SVM; without mitigations, which cost time here and protect nothing.
# * Intel's IOMMU with caching-mode, which is what VFIO in the guest works with; interrupts need a split irqchip for it.
# * oops=panic, panic=-1 and -no-reboot: a kernel that stumbles ends QEMU at once instead of at the time-out.
# * setpriv: when lab is killed, QEMU goes too.  timeout --foreground: Ctrl-C reaches QEMU.
start_guest() {
    local version=$1
    local -a extra
    read -r -a extra <<<"$(device_arguments "${devices[@]}" | tr '\n' ' ')"
    exec setpriv --pdeathsig TERM timeout --foreground --kill-after=5 "$timeout" \
        qemu-system-x86_64 -nodefaults -no-user-config -display none -monitor none -no-reboot \
        -machine q35,kernel-irqchip=split -accel tcg,thread=single,tb-size=512 -cpu max -smp "$cpus" -m "$memory" \
        -kernel "$cache/$version/vmlinux" -initrd "$(initramfs_path "$version")" \
        -append "console=ttyS0 loglevel=4 panic=-1 oops=panic intel_iommu=on iommu=nopt tsc=reliable no_timer_check nokaslr mitigations=off audit=0 apparmor=0$append" \
        -serial "file:${output//,/,,}/console" \
        -device intel-iommu,intremap=on,caching-mode=on \
        -fsdev local,id=root,path=/,security_model=none,readonly=on,multidevs=remap \
        -device virtio-9p-pci,fsdev=root,mount_tag=root \
        -fsdev "local,id=output,path=${output//,/,,},security_model=none,multidevs=remap" \
        -device virtio-9p-pci,fsdev=output,mount_tag=output \
        "${extra[@]}" </dev/null >"$output/qemu.log" 2>&1
}

# follow FILE PROCESS: prints what is and what comes, until the process is gone.  Looks 10 times a second: the writer is
# QEMU, and a poll can't miss the last lines.
follow() {
    tail --bytes=+1 --follow --sleep-interval=0.1 ---disable-inotify --pid="$2" "$1"
}

explain_failure() {
    local qemu_status=$1 reason
    if grep --quiet 'Kernel panic' "$output/console" 2>/dev/null; then
        reason="the guest's kernel panicked: $(grep --max-count=1 --only-matching 'Kernel panic.*' "$output/console" | tr -d '\r')"
    elif ((qemu_status == 124 || qemu_status == 137)); then
        reason="the command did not end within $timeout s (--timeout)"
    elif ((qemu_status != 0)); then
        reason="QEMU ended with status $qemu_status"
    else
        reason="the guest stopped before the command did"
    fi
    local log
    for log in processes dmesg console; do
        [[ -s $output/$log ]] || continue
        say "last lines of the guest's $log:"
        tail --lines=40 "$output/$log" | tr -d '\r' | sed 's/^/    /' >&2
    done
    if ((qemu_status != 0 && qemu_status != 124)); then
        say "last lines of QEMU's own messages:"
        tail --lines=10 "$output/qemu.log" | sed 's/^/    /' >&2
    fi
    fail "$reason" "Linux $kernel; all it left is in $output"
}

boot() {
    local version temporary=0 guest followers qemu_status=0 status
    version=$(cached_kernel "$kernel")
    local directory
    for directory in "$tree" "$cache"; do
        ! is_hidden_in_guest "$directory" || fail "the guest can't see $directory" \
            "It mounts file systems of its own on ${hidden_in_guest[*]}. Move the checkout, or set VMLEAK_CACHE."
    done

    if [[ -z $output ]]; then
        output=$(mktemp --directory --tmpdir vmleak-lab.XXXXXX)
        temporary=1
    fi
    mkdir --parents "$output/boot"
    output=$(realpath "$output")
    rm -f "$output"/{stdout,stderr,dmesg,processes,console,qemu.log,boot/status}
    touch "$output/stdout" "$output/stderr"
    describe_run "$version" "$output/boot" "$@"

    start_guest "$version" &
    guest=$!
    # shellcheck disable=SC2064  # the process is known now
    trap "kill $guest 2>/dev/null || true" EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    follow "$output/stdout" "$guest" &
    followers=$!
    follow "$output/stderr" "$guest" >&2 &
    wait "$guest" || qemu_status=$?
    trap - EXIT
    wait "$followers" "$!"

    [[ -e $output/boot/status ]] || explain_failure "$qemu_status"
    status=$(<"$output/boot/status")
    if ((temporary && status == 0)); then
        rm -r "$output"
    elif ((temporary)); then
        say "the command ended with status $status; output and kernel log are in $output"
    fi
    exit "$status"
}
