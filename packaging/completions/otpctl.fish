# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_otpctl_global_optspecs
    string join \n offline h/help V/version
end

function __fish_otpctl_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_otpctl_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_otpctl_using_subcommand
    set -l cmd (__fish_otpctl_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c otpctl -n "__fish_otpctl_needs_command" -l offline -d 'Without the daemon, as root: on the files themselves, under the same locks'
complete -c otpctl -n "__fish_otpctl_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c otpctl -n "__fish_otpctl_needs_command" -s V -l version -d 'Print version'
complete -c otpctl -n "__fish_otpctl_needs_command" -f -a "invite" -d 'Make a registration code, with which a user makes a key for himself'
complete -c otpctl -n "__fish_otpctl_needs_command" -f -a "enrol" -d 'Make a key with a registration code, show it once, and store it when a code from the app confirms it'
complete -c otpctl -n "__fish_otpctl_needs_command" -f -a "add" -d 'Make one more key of one\'s own, for a code of a key that is there'
complete -c otpctl -n "__fish_otpctl_needs_command" -f -a "rotate" -d 'Replace a key of one\'s own by a new one, for a code of the old one'
complete -c otpctl -n "__fish_otpctl_needs_command" -f -a "recovery-codes" -d 'Make a new set of recovery codes, for a code of a key, and show it once'
complete -c otpctl -n "__fish_otpctl_needs_command" -f -a "token" -d 'Import a hardware token\'s key'
complete -c otpctl -n "__fish_otpctl_needs_command" -f -a "status" -d 'Show the keys and the wrong codes of a user, or of the caller'
complete -c otpctl -n "__fish_otpctl_needs_command" -f -a "notices" -d 'Show unread notices about the keys of a user, or of the caller'
complete -c otpctl -n "__fish_otpctl_needs_command" -f -a "list" -d 'List every enrolled user'
complete -c otpctl -n "__fish_otpctl_needs_command" -f -a "suspend" -d 'Refuse every code of a user until `otpctl resume`'
complete -c otpctl -n "__fish_otpctl_needs_command" -f -a "resume" -d 'End a suspension'
complete -c otpctl -n "__fish_otpctl_needs_command" -f -a "reopen" -d 'Reopen what too many wrong codes have closed'
complete -c otpctl -n "__fish_otpctl_needs_command" -f -a "rename" -d 'Give a key another label'
complete -c otpctl -n "__fish_otpctl_needs_command" -f -a "revoke" -d 'Remove a key for good'
complete -c otpctl -n "__fish_otpctl_needs_command" -f -a "forget" -d 'Forget a user: never enrolled from now on'
complete -c otpctl -n "__fish_otpctl_needs_command" -f -a "adopt" -d 'Take over the files of a former name or uid, after an account was renamed'
complete -c otpctl -n "__fish_otpctl_needs_command" -f -a "gc" -d 'Look for local accounts that are gone, and list every user who is refused because theirs was'
complete -c otpctl -n "__fish_otpctl_needs_command" -f -a "accept-restore" -d 'Accept files restored from a backup'
complete -c otpctl -n "__fish_otpctl_needs_command" -f -a "config" -d 'Check the policy file and the PAM stacks, or edit the policy'
complete -c otpctl -n "__fish_otpctl_needs_command" -f -a "gate" -d 'Gate a service with one-time codes, and prove it before anybody depends on it'
complete -c otpctl -n "__fish_otpctl_needs_command" -f -a "emergency" -d 'Let a user past the gate without a code, whatever is broken, or end that'
complete -c otpctl -n "__fish_otpctl_needs_command" -f -a "host-key" -d 'Export the host key to a safe, import it again, or check it'
complete -c otpctl -n "__fish_otpctl_needs_command" -f -a "clock" -d 'Say that the clock is right, where nobody vouches for it; only with --offline'
complete -c otpctl -n "__fish_otpctl_needs_command" -f -a "vault-version" -d 'Make the vault one that an older version of pam_otp can use; only with --offline'
complete -c otpctl -n "__fish_otpctl_needs_command" -f -a "mend" -d 'Put owners, modes and link counts of the vault right; only with --offline'
complete -c otpctl -n "__fish_otpctl_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c otpctl -n "__fish_otpctl_using_subcommand invite" -l form -d 'How the code travels: spoken (10 minutes), mail (24 hours), letter (14 days) or split (14 days, in two parts)' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand invite" -l for -d 'How long it is good for, for example 10m, 24h or 14d' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand invite" -l letter -d 'Write a page for the post into this file: SVG if it ends in .svg, text if it ends in .txt' -r -F
complete -c otpctl -n "__fish_otpctl_using_subcommand invite" -l cover -d 'Write a note that names host and user and says what to do, into this file; for another envelope' -r -F
complete -c otpctl -n "__fish_otpctl_using_subcommand invite" -l paper -d 'Size of the page: a4 or letter (8.5 by 11 inches)' -r -f -a "a4\t''
letter\t''"
complete -c otpctl -n "__fish_otpctl_using_subcommand invite" -l replace -d 'The key that is made with it replaces those that are there; otherwise the code is for a first key only'
complete -c otpctl -n "__fish_otpctl_using_subcommand invite" -l json -d 'Write JSON'
complete -c otpctl -n "__fish_otpctl_using_subcommand invite" -l allow-pipe -d 'Write the code even if standard output is not a terminal'
complete -c otpctl -n "__fish_otpctl_using_subcommand invite" -l revoke -d 'Make the code of this user worthless instead'
complete -c otpctl -n "__fish_otpctl_using_subcommand invite" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c otpctl -n "__fish_otpctl_using_subcommand enrol" -l label -d 'What the user calls the device, for example "phone"' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand enrol" -l kind -d 'totp, from the time, or hotp, from a counter (RFC 4226)' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand enrol" -l algorithm -d 'The hash: SHA1, SHA256 or SHA512; several apps know only SHA1 and do not say so' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand enrol" -l digits -d 'Length of a code: 6, 7 or 8; several apps know only 6 and do not say so' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand enrol" -l period -d 'Seconds that a code lasts: 15 to 120; several apps know only 30 and do not say so' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand enrol" -l svg -d 'Draw the QR code into this file, too, as SVG' -r -F
complete -c otpctl -n "__fish_otpctl_using_subcommand enrol" -l png -d 'Draw the QR code into this file, too, as PNG' -r -F
complete -c otpctl -n "__fish_otpctl_using_subcommand enrol" -l registration-stdin -d 'Read the registration code from standard input: its first line, or two for a code of two parts'
complete -c otpctl -n "__fish_otpctl_using_subcommand enrol" -l json -d 'Write JSON: the pending key, then what became of each code read from standard input'
complete -c otpctl -n "__fish_otpctl_using_subcommand enrol" -l allow-pipe -d 'Write the key even if standard output is not a terminal'
complete -c otpctl -n "__fish_otpctl_using_subcommand enrol" -l allow-sudo -d 'Show it under sudo, too'
complete -c otpctl -n "__fish_otpctl_using_subcommand enrol" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c otpctl -n "__fish_otpctl_using_subcommand add" -l label -d 'What the user calls the device, for example "phone"' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand add" -l kind -d 'totp, from the time, or hotp, from a counter (RFC 4226)' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand add" -l algorithm -d 'The hash: SHA1, SHA256 or SHA512; several apps know only SHA1 and do not say so' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand add" -l digits -d 'Length of a code: 6, 7 or 8; several apps know only 6 and do not say so' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand add" -l period -d 'Seconds that a code lasts: 15 to 120; several apps know only 30 and do not say so' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand add" -l svg -d 'Draw the QR code into this file, too, as SVG' -r -F
complete -c otpctl -n "__fish_otpctl_using_subcommand add" -l png -d 'Draw the QR code into this file, too, as PNG' -r -F
complete -c otpctl -n "__fish_otpctl_using_subcommand add" -l json -d 'Write JSON: the pending key, then what became of each code read from standard input'
complete -c otpctl -n "__fish_otpctl_using_subcommand add" -l allow-pipe -d 'Write the key even if standard output is not a terminal'
complete -c otpctl -n "__fish_otpctl_using_subcommand add" -l allow-sudo -d 'Show it under sudo, too'
complete -c otpctl -n "__fish_otpctl_using_subcommand add" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c otpctl -n "__fish_otpctl_using_subcommand rotate" -l kind -d 'totp, from the time, or hotp, from a counter (RFC 4226)' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand rotate" -l algorithm -d 'The hash: SHA1, SHA256 or SHA512; several apps know only SHA1 and do not say so' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand rotate" -l digits -d 'Length of a code: 6, 7 or 8; several apps know only 6 and do not say so' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand rotate" -l period -d 'Seconds that a code lasts: 15 to 120; several apps know only 30 and do not say so' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand rotate" -l svg -d 'Draw the QR code into this file, too, as SVG' -r -F
complete -c otpctl -n "__fish_otpctl_using_subcommand rotate" -l png -d 'Draw the QR code into this file, too, as PNG' -r -F
complete -c otpctl -n "__fish_otpctl_using_subcommand rotate" -l json -d 'Write JSON: the pending key, then what became of each code read from standard input'
complete -c otpctl -n "__fish_otpctl_using_subcommand rotate" -l allow-pipe -d 'Write the key even if standard output is not a terminal'
complete -c otpctl -n "__fish_otpctl_using_subcommand rotate" -l allow-sudo -d 'Show it under sudo, too'
complete -c otpctl -n "__fish_otpctl_using_subcommand rotate" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c otpctl -n "__fish_otpctl_using_subcommand recovery-codes" -l json -d 'Write JSON; the code is read from standard input'
complete -c otpctl -n "__fish_otpctl_using_subcommand recovery-codes" -l allow-pipe -d 'Write the recovery codes even if standard output is not a terminal'
complete -c otpctl -n "__fish_otpctl_using_subcommand recovery-codes" -l allow-sudo -d 'Show it under sudo, too'
complete -c otpctl -n "__fish_otpctl_using_subcommand recovery-codes" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c otpctl -n "__fish_otpctl_using_subcommand token; and not __fish_seen_subcommand_from add help" -s h -l help -d 'Print help'
complete -c otpctl -n "__fish_otpctl_using_subcommand token; and not __fish_seen_subcommand_from add help" -f -a "add" -d 'Store the secret of a hardware token for a user, when codes of the token confirm it'
complete -c otpctl -n "__fish_otpctl_using_subcommand token; and not __fish_seen_subcommand_from add help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c otpctl -n "__fish_otpctl_using_subcommand token; and __fish_seen_subcommand_from add" -l label -d 'What the user calls the device, for example "phone"' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand token; and __fish_seen_subcommand_from add" -l kind -d 'totp, from the time, or hotp, from a counter (RFC 4226)' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand token; and __fish_seen_subcommand_from add" -l algorithm -d 'The hash: SHA1, SHA256 or SHA512; several apps know only SHA1 and do not say so' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand token; and __fish_seen_subcommand_from add" -l digits -d 'Length of a code: 6, 7 or 8; several apps know only 6 and do not say so' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand token; and __fish_seen_subcommand_from add" -l period -d 'Seconds that a code lasts: 15 to 120; several apps know only 30 and do not say so' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand token; and __fish_seen_subcommand_from add" -l hex -d 'The secret is in hex, not in base32'
complete -c otpctl -n "__fish_otpctl_using_subcommand token; and __fish_seen_subcommand_from add" -l json -d 'Write JSON; the codes are then read from standard input, too, one a line'
complete -c otpctl -n "__fish_otpctl_using_subcommand token; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c otpctl -n "__fish_otpctl_using_subcommand token; and __fish_seen_subcommand_from help" -f -a "add" -d 'Store the secret of a hardware token for a user, when codes of the token confirm it'
complete -c otpctl -n "__fish_otpctl_using_subcommand token; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c otpctl -n "__fish_otpctl_using_subcommand status" -l try-code -d 'Ask for a code of one of your keys, and say whether it is accepted or how wrong the clock of the device is'
complete -c otpctl -n "__fish_otpctl_using_subcommand status" -l json -d 'Write JSON'
complete -c otpctl -n "__fish_otpctl_using_subcommand status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c otpctl -n "__fish_otpctl_using_subcommand notices" -l json -d 'Write JSON; then nothing counts as seen'
complete -c otpctl -n "__fish_otpctl_using_subcommand notices" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c otpctl -n "__fish_otpctl_using_subcommand list" -l json -d 'Write JSON'
complete -c otpctl -n "__fish_otpctl_using_subcommand list" -s h -l help -d 'Print help'
complete -c otpctl -n "__fish_otpctl_using_subcommand suspend" -s h -l help -d 'Print help'
complete -c otpctl -n "__fish_otpctl_using_subcommand resume" -s h -l help -d 'Print help'
complete -c otpctl -n "__fish_otpctl_using_subcommand reopen" -l origin -d 'Only this one: self, other, remote, console or socket' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand reopen" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c otpctl -n "__fish_otpctl_using_subcommand rename" -s h -l help -d 'Print help'
complete -c otpctl -n "__fish_otpctl_using_subcommand revoke" -l last -d 'Even if it is one\'s own last key: afterwards every code is refused until an administrator invites again'
complete -c otpctl -n "__fish_otpctl_using_subcommand revoke" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c otpctl -n "__fish_otpctl_using_subcommand forget" -l gone -d 'The account is gone for good, also where its directory may only be down'
complete -c otpctl -n "__fish_otpctl_using_subcommand forget" -s h -l help -d 'Print help'
complete -c otpctl -n "__fish_otpctl_using_subcommand adopt" -l from -d 'What the name or the uid was before; by default the same name under another uid, or the same uid under another name' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand adopt" -l gone -d 'The former account is gone for good, also where its directory may only be down'
complete -c otpctl -n "__fish_otpctl_using_subcommand adopt" -l all -d 'Everybody'
complete -c otpctl -n "__fish_otpctl_using_subcommand adopt" -l dry-run -d 'Change nothing and say what --all would do'
complete -c otpctl -n "__fish_otpctl_using_subcommand adopt" -l json -d 'Write JSON, with --all'
complete -c otpctl -n "__fish_otpctl_using_subcommand adopt" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c otpctl -n "__fish_otpctl_using_subcommand gc" -l json -d 'Write JSON'
complete -c otpctl -n "__fish_otpctl_using_subcommand gc" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c otpctl -n "__fish_otpctl_using_subcommand accept-restore" -l all -d 'Every user'
complete -c otpctl -n "__fish_otpctl_using_subcommand accept-restore" -l json -d 'Write JSON'
complete -c otpctl -n "__fish_otpctl_using_subcommand accept-restore" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c otpctl -n "__fish_otpctl_using_subcommand config; and not __fish_seen_subcommand_from check edit help" -s h -l help -d 'Print help'
complete -c otpctl -n "__fish_otpctl_using_subcommand config; and not __fish_seen_subcommand_from check edit help" -f -a "check" -d 'Check the policy file and the PAM stacks; needs no daemon'
complete -c otpctl -n "__fish_otpctl_using_subcommand config; and not __fish_seen_subcommand_from check edit help" -f -a "edit" -d 'Edit the policy file and put it into force only if it is in order'
complete -c otpctl -n "__fish_otpctl_using_subcommand config; and not __fish_seen_subcommand_from check edit help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c otpctl -n "__fish_otpctl_using_subcommand config; and __fish_seen_subcommand_from check" -l json -d 'Write JSON'
complete -c otpctl -n "__fish_otpctl_using_subcommand config; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c otpctl -n "__fish_otpctl_using_subcommand config; and __fish_seen_subcommand_from edit" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c otpctl -n "__fish_otpctl_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "check" -d 'Check the policy file and the PAM stacks; needs no daemon'
complete -c otpctl -n "__fish_otpctl_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "edit" -d 'Edit the policy file and put it into force only if it is in order'
complete -c otpctl -n "__fish_otpctl_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and not __fish_seen_subcommand_from enable confirm disable status test prove undo-pending help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and not __fish_seen_subcommand_from enable confirm disable status test prove undo-pending help" -f -a "enable" -d 'Have a service ask for a code, once an admin has passed the new stack'
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and not __fish_seen_subcommand_from enable confirm disable status test prove undo-pending help" -f -a "confirm" -d 'Keep a gate that was enabled in another login session'
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and not __fish_seen_subcommand_from enable confirm disable status test prove undo-pending help" -f -a "disable" -d 'Take out the lines that `enable` has put in: the file is again what it was, to the byte'
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and not __fish_seen_subcommand_from enable confirm disable status test prove undo-pending help" -f -a "status" -d 'Show every gate: its line, who made it, who is asked, who is exempt and until when'
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and not __fish_seen_subcommand_from enable confirm disable status test prove undo-pending help" -f -a "test" -d 'Have an admin pass the gate of a service as it is, or as it would be, and change nothing'
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and not __fish_seen_subcommand_from enable confirm disable status test prove undo-pending help" -f -a "prove" -d 'The child of the proof'
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and not __fish_seen_subcommand_from enable confirm disable status test prove undo-pending help" -f -a "undo-pending" -d 'The way back of gates that nobody has confirmed'
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and not __fish_seen_subcommand_from enable confirm disable status test prove undo-pending help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and __fish_seen_subcommand_from enable" -l admin -d 'The user who gives the code; defaults to the account that logged in here' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and __fish_seen_subcommand_from enable" -l command -d 'Only this command of sudo asks for a code; may be given again, and adds to those of before' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and __fish_seen_subcommand_from enable" -l no-rollback -d 'In force at once, and nobody has to confirm it'
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and __fish_seen_subcommand_from enable" -l detailed-exit-code -d 'Exit status 4 where nothing had to be changed'
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and __fish_seen_subcommand_from enable" -l json -d 'Write JSON'
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and __fish_seen_subcommand_from enable" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and __fish_seen_subcommand_from confirm" -l detailed-exit-code -d 'Exit status 4 where nothing had to be changed'
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and __fish_seen_subcommand_from confirm" -l json -d 'Write JSON'
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and __fish_seen_subcommand_from confirm" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and __fish_seen_subcommand_from disable" -l all -d 'Every gate that `enable` has made'
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and __fish_seen_subcommand_from disable" -l force -d 'Also of a file that was changed since; the other lines stay'
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and __fish_seen_subcommand_from disable" -l detailed-exit-code -d 'Exit status 4 where nothing had to be changed'
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and __fish_seen_subcommand_from disable" -l json -d 'Write JSON'
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and __fish_seen_subcommand_from disable" -s h -l help -d 'Print help'
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and __fish_seen_subcommand_from status" -l json -d 'Write JSON'
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and __fish_seen_subcommand_from status" -s h -l help -d 'Print help'
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and __fish_seen_subcommand_from test" -l admin -d 'The user who gives the code; defaults to the account that logged in here' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and __fish_seen_subcommand_from test" -l json -d 'Write JSON'
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and __fish_seen_subcommand_from test" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and __fish_seen_subcommand_from prove" -l admin -r
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and __fish_seen_subcommand_from prove" -l stacks -r -F
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and __fish_seen_subcommand_from prove" -s h -l help -d 'Print help'
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and __fish_seen_subcommand_from undo-pending" -s h -l help -d 'Print help'
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and __fish_seen_subcommand_from help" -f -a "enable" -d 'Have a service ask for a code, once an admin has passed the new stack'
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and __fish_seen_subcommand_from help" -f -a "confirm" -d 'Keep a gate that was enabled in another login session'
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and __fish_seen_subcommand_from help" -f -a "disable" -d 'Take out the lines that `enable` has put in: the file is again what it was, to the byte'
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and __fish_seen_subcommand_from help" -f -a "status" -d 'Show every gate: its line, who made it, who is asked, who is exempt and until when'
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and __fish_seen_subcommand_from help" -f -a "test" -d 'Have an admin pass the gate of a service as it is, or as it would be, and change nothing'
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and __fish_seen_subcommand_from help" -f -a "prove" -d 'The child of the proof'
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and __fish_seen_subcommand_from help" -f -a "undo-pending" -d 'The way back of gates that nobody has confirmed'
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c otpctl -n "__fish_otpctl_using_subcommand emergency; and not __fish_seen_subcommand_from bypass end list help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c otpctl -n "__fish_otpctl_using_subcommand emergency; and not __fish_seen_subcommand_from bypass end list help" -f -a "bypass" -d 'Write a mark: from now on this user is not asked for a code'
complete -c otpctl -n "__fish_otpctl_using_subcommand emergency; and not __fish_seen_subcommand_from bypass end list help" -f -a "end" -d 'Take the mark away: from now on this user is asked again'
complete -c otpctl -n "__fish_otpctl_using_subcommand emergency; and not __fish_seen_subcommand_from bypass end list help" -f -a "list" -d 'List the marks: who is let past, why, since when and until when'
complete -c otpctl -n "__fish_otpctl_using_subcommand emergency; and not __fish_seen_subcommand_from bypass end list help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c otpctl -n "__fish_otpctl_using_subcommand emergency; and __fish_seen_subcommand_from bypass" -l reason -d 'Why; it stands in the log at every use' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand emergency; and __fish_seen_subcommand_from bypass" -l for -d 'How long, 30 days at most, for example 2h or 3d' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand emergency; and __fish_seen_subcommand_from bypass" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c otpctl -n "__fish_otpctl_using_subcommand emergency; and __fish_seen_subcommand_from end" -s h -l help -d 'Print help'
complete -c otpctl -n "__fish_otpctl_using_subcommand emergency; and __fish_seen_subcommand_from list" -l json -d 'Write JSON'
complete -c otpctl -n "__fish_otpctl_using_subcommand emergency; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c otpctl -n "__fish_otpctl_using_subcommand emergency; and __fish_seen_subcommand_from help" -f -a "bypass" -d 'Write a mark: from now on this user is not asked for a code'
complete -c otpctl -n "__fish_otpctl_using_subcommand emergency; and __fish_seen_subcommand_from help" -f -a "end" -d 'Take the mark away: from now on this user is asked again'
complete -c otpctl -n "__fish_otpctl_using_subcommand emergency; and __fish_seen_subcommand_from help" -f -a "list" -d 'List the marks: who is let past, why, since when and until when'
complete -c otpctl -n "__fish_otpctl_using_subcommand emergency; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c otpctl -n "__fish_otpctl_using_subcommand host-key; and not __fish_seen_subcommand_from export import check help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c otpctl -n "__fish_otpctl_using_subcommand host-key; and not __fish_seen_subcommand_from export import check help" -f -a "export" -d 'Write the host key to a file, sealed with a passphrase, or show it once'
complete -c otpctl -n "__fish_otpctl_using_subcommand host-key; and not __fish_seen_subcommand_from export import check help" -f -a "import" -d 'Put an exported host key back, if it is the one that the vault wants'
complete -c otpctl -n "__fish_otpctl_using_subcommand host-key; and not __fish_seen_subcommand_from export import check help" -f -a "check" -d 'Say whether host key and vault belong together, and when the key was exported'
complete -c otpctl -n "__fish_otpctl_using_subcommand host-key; and not __fish_seen_subcommand_from export import check help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c otpctl -n "__fish_otpctl_using_subcommand host-key; and __fish_seen_subcommand_from export" -l show -d 'Show it on the terminal instead, to be written down'
complete -c otpctl -n "__fish_otpctl_using_subcommand host-key; and __fish_seen_subcommand_from export" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c otpctl -n "__fish_otpctl_using_subcommand host-key; and __fish_seen_subcommand_from import" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c otpctl -n "__fish_otpctl_using_subcommand host-key; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help'
complete -c otpctl -n "__fish_otpctl_using_subcommand host-key; and __fish_seen_subcommand_from help" -f -a "export" -d 'Write the host key to a file, sealed with a passphrase, or show it once'
complete -c otpctl -n "__fish_otpctl_using_subcommand host-key; and __fish_seen_subcommand_from help" -f -a "import" -d 'Put an exported host key back, if it is the one that the vault wants'
complete -c otpctl -n "__fish_otpctl_using_subcommand host-key; and __fish_seen_subcommand_from help" -f -a "check" -d 'Say whether host key and vault belong together, and when the key was exported'
complete -c otpctl -n "__fish_otpctl_using_subcommand host-key; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c otpctl -n "__fish_otpctl_using_subcommand clock" -s h -l help -d 'Print help'
complete -c otpctl -n "__fish_otpctl_using_subcommand vault-version" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c otpctl -n "__fish_otpctl_using_subcommand mend" -l dry-run -d 'Say what would be done, and change nothing'
complete -c otpctl -n "__fish_otpctl_using_subcommand mend" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and not __fish_seen_subcommand_from invite enrol add rotate recovery-codes token status notices list suspend resume reopen rename revoke forget adopt gc accept-restore config gate emergency host-key clock vault-version mend help" -f -a "invite" -d 'Make a registration code, with which a user makes a key for himself'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and not __fish_seen_subcommand_from invite enrol add rotate recovery-codes token status notices list suspend resume reopen rename revoke forget adopt gc accept-restore config gate emergency host-key clock vault-version mend help" -f -a "enrol" -d 'Make a key with a registration code, show it once, and store it when a code from the app confirms it'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and not __fish_seen_subcommand_from invite enrol add rotate recovery-codes token status notices list suspend resume reopen rename revoke forget adopt gc accept-restore config gate emergency host-key clock vault-version mend help" -f -a "add" -d 'Make one more key of one\'s own, for a code of a key that is there'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and not __fish_seen_subcommand_from invite enrol add rotate recovery-codes token status notices list suspend resume reopen rename revoke forget adopt gc accept-restore config gate emergency host-key clock vault-version mend help" -f -a "rotate" -d 'Replace a key of one\'s own by a new one, for a code of the old one'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and not __fish_seen_subcommand_from invite enrol add rotate recovery-codes token status notices list suspend resume reopen rename revoke forget adopt gc accept-restore config gate emergency host-key clock vault-version mend help" -f -a "recovery-codes" -d 'Make a new set of recovery codes, for a code of a key, and show it once'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and not __fish_seen_subcommand_from invite enrol add rotate recovery-codes token status notices list suspend resume reopen rename revoke forget adopt gc accept-restore config gate emergency host-key clock vault-version mend help" -f -a "token" -d 'Import a hardware token\'s key'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and not __fish_seen_subcommand_from invite enrol add rotate recovery-codes token status notices list suspend resume reopen rename revoke forget adopt gc accept-restore config gate emergency host-key clock vault-version mend help" -f -a "status" -d 'Show the keys and the wrong codes of a user, or of the caller'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and not __fish_seen_subcommand_from invite enrol add rotate recovery-codes token status notices list suspend resume reopen rename revoke forget adopt gc accept-restore config gate emergency host-key clock vault-version mend help" -f -a "notices" -d 'Show unread notices about the keys of a user, or of the caller'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and not __fish_seen_subcommand_from invite enrol add rotate recovery-codes token status notices list suspend resume reopen rename revoke forget adopt gc accept-restore config gate emergency host-key clock vault-version mend help" -f -a "list" -d 'List every enrolled user'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and not __fish_seen_subcommand_from invite enrol add rotate recovery-codes token status notices list suspend resume reopen rename revoke forget adopt gc accept-restore config gate emergency host-key clock vault-version mend help" -f -a "suspend" -d 'Refuse every code of a user until `otpctl resume`'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and not __fish_seen_subcommand_from invite enrol add rotate recovery-codes token status notices list suspend resume reopen rename revoke forget adopt gc accept-restore config gate emergency host-key clock vault-version mend help" -f -a "resume" -d 'End a suspension'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and not __fish_seen_subcommand_from invite enrol add rotate recovery-codes token status notices list suspend resume reopen rename revoke forget adopt gc accept-restore config gate emergency host-key clock vault-version mend help" -f -a "reopen" -d 'Reopen what too many wrong codes have closed'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and not __fish_seen_subcommand_from invite enrol add rotate recovery-codes token status notices list suspend resume reopen rename revoke forget adopt gc accept-restore config gate emergency host-key clock vault-version mend help" -f -a "rename" -d 'Give a key another label'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and not __fish_seen_subcommand_from invite enrol add rotate recovery-codes token status notices list suspend resume reopen rename revoke forget adopt gc accept-restore config gate emergency host-key clock vault-version mend help" -f -a "revoke" -d 'Remove a key for good'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and not __fish_seen_subcommand_from invite enrol add rotate recovery-codes token status notices list suspend resume reopen rename revoke forget adopt gc accept-restore config gate emergency host-key clock vault-version mend help" -f -a "forget" -d 'Forget a user: never enrolled from now on'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and not __fish_seen_subcommand_from invite enrol add rotate recovery-codes token status notices list suspend resume reopen rename revoke forget adopt gc accept-restore config gate emergency host-key clock vault-version mend help" -f -a "adopt" -d 'Take over the files of a former name or uid, after an account was renamed'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and not __fish_seen_subcommand_from invite enrol add rotate recovery-codes token status notices list suspend resume reopen rename revoke forget adopt gc accept-restore config gate emergency host-key clock vault-version mend help" -f -a "gc" -d 'Look for local accounts that are gone, and list every user who is refused because theirs was'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and not __fish_seen_subcommand_from invite enrol add rotate recovery-codes token status notices list suspend resume reopen rename revoke forget adopt gc accept-restore config gate emergency host-key clock vault-version mend help" -f -a "accept-restore" -d 'Accept files restored from a backup'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and not __fish_seen_subcommand_from invite enrol add rotate recovery-codes token status notices list suspend resume reopen rename revoke forget adopt gc accept-restore config gate emergency host-key clock vault-version mend help" -f -a "config" -d 'Check the policy file and the PAM stacks, or edit the policy'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and not __fish_seen_subcommand_from invite enrol add rotate recovery-codes token status notices list suspend resume reopen rename revoke forget adopt gc accept-restore config gate emergency host-key clock vault-version mend help" -f -a "gate" -d 'Gate a service with one-time codes, and prove it before anybody depends on it'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and not __fish_seen_subcommand_from invite enrol add rotate recovery-codes token status notices list suspend resume reopen rename revoke forget adopt gc accept-restore config gate emergency host-key clock vault-version mend help" -f -a "emergency" -d 'Let a user past the gate without a code, whatever is broken, or end that'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and not __fish_seen_subcommand_from invite enrol add rotate recovery-codes token status notices list suspend resume reopen rename revoke forget adopt gc accept-restore config gate emergency host-key clock vault-version mend help" -f -a "host-key" -d 'Export the host key to a safe, import it again, or check it'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and not __fish_seen_subcommand_from invite enrol add rotate recovery-codes token status notices list suspend resume reopen rename revoke forget adopt gc accept-restore config gate emergency host-key clock vault-version mend help" -f -a "clock" -d 'Say that the clock is right, where nobody vouches for it; only with --offline'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and not __fish_seen_subcommand_from invite enrol add rotate recovery-codes token status notices list suspend resume reopen rename revoke forget adopt gc accept-restore config gate emergency host-key clock vault-version mend help" -f -a "vault-version" -d 'Make the vault one that an older version of pam_otp can use; only with --offline'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and not __fish_seen_subcommand_from invite enrol add rotate recovery-codes token status notices list suspend resume reopen rename revoke forget adopt gc accept-restore config gate emergency host-key clock vault-version mend help" -f -a "mend" -d 'Put owners, modes and link counts of the vault right; only with --offline'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and not __fish_seen_subcommand_from invite enrol add rotate recovery-codes token status notices list suspend resume reopen rename revoke forget adopt gc accept-restore config gate emergency host-key clock vault-version mend help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and __fish_seen_subcommand_from token" -f -a "add" -d 'Store the secret of a hardware token for a user, when codes of the token confirm it'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "check" -d 'Check the policy file and the PAM stacks; needs no daemon'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "edit" -d 'Edit the policy file and put it into force only if it is in order'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and __fish_seen_subcommand_from gate" -f -a "enable" -d 'Have a service ask for a code, once an admin has passed the new stack'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and __fish_seen_subcommand_from gate" -f -a "confirm" -d 'Keep a gate that was enabled in another login session'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and __fish_seen_subcommand_from gate" -f -a "disable" -d 'Take out the lines that `enable` has put in: the file is again what it was, to the byte'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and __fish_seen_subcommand_from gate" -f -a "status" -d 'Show every gate: its line, who made it, who is asked, who is exempt and until when'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and __fish_seen_subcommand_from gate" -f -a "test" -d 'Have an admin pass the gate of a service as it is, or as it would be, and change nothing'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and __fish_seen_subcommand_from gate" -f -a "prove" -d 'The child of the proof'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and __fish_seen_subcommand_from gate" -f -a "undo-pending" -d 'The way back of gates that nobody has confirmed'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and __fish_seen_subcommand_from emergency" -f -a "bypass" -d 'Write a mark: from now on this user is not asked for a code'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and __fish_seen_subcommand_from emergency" -f -a "end" -d 'Take the mark away: from now on this user is asked again'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and __fish_seen_subcommand_from emergency" -f -a "list" -d 'List the marks: who is let past, why, since when and until when'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and __fish_seen_subcommand_from host-key" -f -a "export" -d 'Write the host key to a file, sealed with a passphrase, or show it once'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and __fish_seen_subcommand_from host-key" -f -a "import" -d 'Put an exported host key back, if it is the one that the vault wants'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and __fish_seen_subcommand_from host-key" -f -a "check" -d 'Say whether host key and vault belong together, and when the key was exported'
