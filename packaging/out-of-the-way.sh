# Shared by packaging/install and the preinst of otp-enrolld.

# Moves files in /etc aside that would hide the installed ones in /usr/lib; earlier installations put them there. $1 is the
# directory of an image, else empty; the rest are the files.
out_of_the_way() {
    root=$1
    shift
    for file; do
        [ -f "$root$file" ] && [ ! -L "$root$file" ] || continue
        mv "$root$file" "$root$file.by-hand"
        echo "$file was installed by hand and would hide the one in /usr/lib; moved to $file.by-hand"
        # links of `systemctl enable` stay in force
        for link in "$root"/etc/systemd/system/*.wants/"${file##*/}"; do
            if [ "$(readlink "$link")" = "$file" ]; then ln -sfn "/usr/lib/systemd/system/${file##*/}" "$link"; fi
        done
    done
}
