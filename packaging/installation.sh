# Shared by packaging/install, packaging/uninstall and the rules of the Debian packages.

# A line for each file of an installation: its mode, where it comes from (built/ is the directory of the build), where it goes. $1 is
# the directory of PAM's modules.
installed_files() {
    sed "s:MODULES:$1:" <<'TEXT'
0644 built/libpam_otp.so MODULES/pam_otp.so
0755 built/otp-enrolld /usr/sbin/otp-enrolld
0755 built/otpctl /usr/bin/otpctl
0644 packaging/systemd/otp-enrolld.service /usr/lib/systemd/system/otp-enrolld.service
0644 packaging/systemd/otp-enrolld.socket /usr/lib/systemd/system/otp-enrolld.socket
0644 packaging/systemd/otp-enrolld-init.service /usr/lib/systemd/system/otp-enrolld-init.service
0644 packaging/systemd/otp-gate-rollback.service /usr/lib/systemd/system/otp-gate-rollback.service
0644 packaging/systemd/otp-notify.path /usr/lib/systemd/system/otp-notify.path
0644 packaging/systemd/otp-notify.service /usr/lib/systemd/system/otp-notify.service
0644 packaging/systemd/otp-sudo.path /usr/lib/systemd/system/otp-sudo.path
0644 packaging/systemd/otp-sudo.service /usr/lib/systemd/system/otp-sudo.service
0644 packaging/systemd/otp-watch.path /usr/lib/systemd/system/otp-watch.path
0644 packaging/systemd/otp-watch.service /usr/lib/systemd/system/otp-watch.service
0644 packaging/systemd/otp-watch.timer /usr/lib/systemd/system/otp-watch.timer
0644 packaging/systemd/sysusers.d/otp-enrolld.conf /usr/lib/sysusers.d/otp-enrolld.conf
0644 packaging/systemd/tmpfiles.d/otp-enrolld.conf /usr/lib/tmpfiles.d/otp-enrolld.conf
0755 packaging/userdel-post.d/otp-enrolld /etc/shadow-maint/userdel-post.d/otp-enrolld
0644 packaging/apparmor/otp-enrolld /etc/apparmor.d/otp-enrolld
0644 packaging/fail2ban/pam-otp.conf /etc/fail2ban/filter.d/pam-otp.conf
0644 packaging/completions/otpctl.bash /usr/share/bash-completion/completions/otpctl
0644 packaging/completions/_otpctl /usr/share/zsh/site-functions/_otpctl
0644 packaging/completions/otpctl.fish /usr/share/fish/vendor_completions.d/otpctl.fish
0644 packaging/man/otpctl.1 /usr/share/man/man1/otpctl.1
0644 packaging/man/otp.toml.5 /usr/share/man/man5/otp.toml.5
0644 packaging/man/otp-enrolld.8 /usr/share/man/man8/otp-enrolld.8
0644 packaging/man/pam_otp.8 /usr/share/man/man8/pam_otp.8
TEXT
}

# The files in /etc that would hide installed ones in /usr/lib, on one line.
files_in_etc() {
    installed_files / | sed -n 's:.* /usr/lib/\(systemd/system\|sysusers\.d\|tmpfiles\.d\)/:/etc/\1/:p' | xargs
}

# The directory in which libpam below $1 looks for modules, else that of this machine. A machine may have libpam for several
# processors: the one of the program $2 counts.
modules_directory() {
    local root file
    for root in "$1" ''; do
        for file in "$root"/usr/lib/*/security/pam_unix.so "$root"/usr/lib64/security/pam_unix.so "$root"/usr/lib/security/pam_unix.so \
            "$root"/lib/*/security/pam_unix.so "$root"/lib64/security/pam_unix.so "$root"/lib/security/pam_unix.so; do
            [ -f "$file" ] && [ "$(processor_of "$file")" = "$(processor_of "$2")" ] || continue
            file=${file#"$root"}
            echo "${file%/*}"
            return
        done
    done
    return 1
}

# Class and machine of an ELF file (elf(5)), in hex.
processor_of() {
    od -An -tx1 -j4 -N1 "$1"
    od -An -tx1 -j18 -N2 "$1"
}

# A package manager would not know of what is done to its files, and undo it at the next upgrade.
of_no_package() {
    [ -z "$1" ] || return 0
    local owner
    owner=$(dpkg-query --search "$2/pam_otp.so" 2>/dev/null || dpkg-query --search "$(readlink -f "$2")/pam_otp.so" 2>/dev/null ||
        rpm --query --file "$2/pam_otp.so" 2>/dev/null) || return 0
    stop "the module is of a package ($owner); $3"
}
