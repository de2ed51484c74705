# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_otpctl_global_optspecs
    string join \n offline color= h/help V/version
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

complete -c otpctl -n "__fish_otpctl_needs_command" -l color -d 'Colours: auto (on a terminal, unless NO_COLOR is set), always or never' -r -f -a "auto\t'On a terminal that has some, unless NO_COLOR is set'
always\t'Also into a pipe, and whatever NO_COLOR says'
never\t'None'"
complete -c otpctl -n "__fish_otpctl_needs_command" -l offline -d 'Work on the files without the daemon, as root; write it before the command'
complete -c otpctl -n "__fish_otpctl_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c otpctl -n "__fish_otpctl_needs_command" -s V -l version -d 'Print version'
complete -c otpctl -n "__fish_otpctl_needs_command" -f -a "invite" -d 'Make a registration code, with which a user makes a key'
complete -c otpctl -n "__fish_otpctl_needs_command" -f -a "reset" -d 'Ask for a reset of the keys of a user who has lost them'
complete -c otpctl -n "__fish_otpctl_needs_command" -f -a "resets" -d 'Show, approve and cancel resets'
complete -c otpctl -n "__fish_otpctl_needs_command" -f -a "enrol" -d 'Make a key, with a registration code from an administrator'
complete -c otpctl -n "__fish_otpctl_needs_command" -f -a "add" -d 'Make another key for yourself, with a code of an existing one'
complete -c otpctl -n "__fish_otpctl_needs_command" -f -a "rotate" -d 'Replace one of your keys, with a code of it'
complete -c otpctl -n "__fish_otpctl_needs_command" -f -a "recovery-codes" -d 'Make new recovery codes for yourself, with a code of a key'
complete -c otpctl -n "__fish_otpctl_needs_command" -f -a "token" -d 'Give hardware tokens to users'
complete -c otpctl -n "__fish_otpctl_needs_command" -f -a "import" -d 'Take over another program\'s keys, so that apps and tokens go on working'
complete -c otpctl -n "__fish_otpctl_needs_command" -f -a "migrate-pam" -d 'Show our line for each line of pam_google_authenticator.so or pam_oath.so in a PAM file'
complete -c otpctl -n "__fish_otpctl_needs_command" -f -a "status" -d 'Show your keys, or those of a user, and whether codes are refused'
complete -c otpctl -n "__fish_otpctl_needs_command" -f -a "notices" -d 'Show unread notices about your keys, or about those of a user'
complete -c otpctl -n "__fish_otpctl_needs_command" -f -a "list" -d 'Show every enrolled or invited user, one a line'
complete -c otpctl -n "__fish_otpctl_needs_command" -f -a "lost" -d 'Refuse all your codes at once, because a device is lost'
complete -c otpctl -n "__fish_otpctl_needs_command" -f -a "suspend" -d 'Refuse every code of a user, until `otpctl resume`'
complete -c otpctl -n "__fish_otpctl_needs_command" -f -a "resume" -d 'End a suspension: accept the user\'s codes again'
complete -c otpctl -n "__fish_otpctl_needs_command" -f -a "reopen" -d 'Reopen what too many wrong codes have closed'
complete -c otpctl -n "__fish_otpctl_needs_command" -f -a "rename" -d 'Give a key another label'
complete -c otpctl -n "__fish_otpctl_needs_command" -f -a "revoke" -d 'Remove a key for good'
complete -c otpctl -n "__fish_otpctl_needs_command" -f -a "expire" -d 'Set or remove the end of a key'
complete -c otpctl -n "__fish_otpctl_needs_command" -f -a "forget" -d 'Remove everything stored about a user, who then counts as never enrolled'
complete -c otpctl -n "__fish_otpctl_needs_command" -f -a "adopt" -d 'Give an account the keys of its former name or uid'
complete -c otpctl -n "__fish_otpctl_needs_command" -f -a "gc" -d 'List enrolled users whose local account is gone'
complete -c otpctl -n "__fish_otpctl_needs_command" -f -a "accept-restore" -d 'Accept files that were restored from a backup'
complete -c otpctl -n "__fish_otpctl_needs_command" -f -a "doctor" -d 'Say what is wrong on this host, why it matters, and which command mends it'
complete -c otpctl -n "__fish_otpctl_needs_command" -f -a "config" -d 'Check the policy file and the PAM stacks, edit the policy, or show a template of letters'
complete -c otpctl -n "__fish_otpctl_needs_command" -f -a "explain" -d 'Say what would happen to a user at a service, by which line of which file'
complete -c otpctl -n "__fish_otpctl_needs_command" -f -a "gate" -d 'Make a service ask for codes, once an admin has passed the new stack'
complete -c otpctl -n "__fish_otpctl_needs_command" -f -a "emergency" -d 'Let a user in without a code, whatever is broken, or end that'
complete -c otpctl -n "__fish_otpctl_needs_command" -f -a "host-key" -d 'Export the host key, import it again, or check it'
complete -c otpctl -n "__fish_otpctl_needs_command" -f -a "clock" -d 'Confirm that the clock is right where no time server does (with --offline)'
complete -c otpctl -n "__fish_otpctl_needs_command" -f -a "vault-version" -d 'Make the vault usable for an older version of pam_otp (with --offline)'
complete -c otpctl -n "__fish_otpctl_needs_command" -f -a "mend" -d 'Put owners, modes and hard links of the vault right (with --offline)'
complete -c otpctl -n "__fish_otpctl_needs_command" -f -a "watch-passwords" -d 'See which passwords of local accounts have changed'
complete -c otpctl -n "__fish_otpctl_needs_command" -f -a "end-sudo" -d 'Make sudo ask again after keys were replaced or suspended'
complete -c otpctl -n "__fish_otpctl_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c otpctl -n "__fish_otpctl_using_subcommand invite" -l form -d 'How the code travels: spoken (ends after 10 minutes), mail (24 hours), letter (14 days) or split (14 days, in two parts)' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand invite" -l for -d 'When the code ends: a number and s, m, h, d or w, for example 10m, 24h or 14d' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand invite" -l reason -d 'With --replace, for root as the only administrator: why, although the password is fresh' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand invite" -l letter -d 'Write a page to post into this new file: HTML if its name ends in .html, text if in .txt' -r -F
complete -c otpctl -n "__fish_otpctl_using_subcommand invite" -l cover -d 'Write a note to send apart from the code into this new file, HTML if its name ends in .html: host, user and what to do' -r -F
complete -c otpctl -n "__fish_otpctl_using_subcommand invite" -l paper -d 'The paper of the pages: a4 or letter (8.5 by 11 inches)' -r -f -a "a4\t''
letter\t''"
complete -c otpctl -n "__fish_otpctl_using_subcommand invite" -l from -d 'Invite every user of this list: a name a line, or CSV with a head; - is standard input' -r -F
complete -c otpctl -n "__fish_otpctl_using_subcommand invite" -l column -d 'With --from: the column of the names' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand invite" -l letters -d 'With --from: write each letter into a file of its own in this directory, and list.csv beside them' -r -F
complete -c otpctl -n "__fish_otpctl_using_subcommand invite" -l stack -d 'With --from: write the letters into this HTML file, a page each, and the list beside it, ending in .csv' -r -F
complete -c otpctl -n "__fish_otpctl_using_subcommand invite" -l color -d 'Colours: auto (on a terminal, unless NO_COLOR is set), always or never' -r -f -a "auto\t'On a terminal that has some, unless NO_COLOR is set'
always\t'Also into a pipe, and whatever NO_COLOR says'
never\t'None'"
complete -c otpctl -n "__fish_otpctl_using_subcommand invite" -l replace -d 'The new key replaces all keys of the user; without this option the code only makes a first key'
complete -c otpctl -n "__fish_otpctl_using_subcommand invite" -l once -d 'Make no code, without failing, if the user has a key or a good code'
complete -c otpctl -n "__fish_otpctl_using_subcommand invite" -l json -d 'Write JSON; a code that is in a letter is not in it'
complete -c otpctl -n "__fish_otpctl_using_subcommand invite" -l allow-pipe -d 'Write the code although standard output is not a terminal'
complete -c otpctl -n "__fish_otpctl_using_subcommand invite" -l extend -d 'Give the user\'s code a later end, as --for says, and make no other'
complete -c otpctl -n "__fish_otpctl_using_subcommand invite" -l revoke -d 'Cancel the user\'s code, and make no other'
complete -c otpctl -n "__fish_otpctl_using_subcommand invite" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c otpctl -n "__fish_otpctl_using_subcommand reset" -l reason -d 'Why: 1 to 200 characters, for the log and for everybody who sees the reset' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand reset" -l proof -d 'How you made sure that it is the user: in-person, callback, factor or vouched:USER' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand reset" -l color -d 'Colours: auto (on a terminal, unless NO_COLOR is set), always or never' -r -f -a "auto\t'On a terminal that has some, unless NO_COLOR is set'
always\t'Also into a pipe, and whatever NO_COLOR says'
never\t'None'"
complete -c otpctl -n "__fish_otpctl_using_subcommand reset" -l json -d 'Write JSON'
complete -c otpctl -n "__fish_otpctl_using_subcommand reset" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c otpctl -n "__fish_otpctl_using_subcommand resets; and not __fish_seen_subcommand_from list approve cancel help" -l color -d 'Colours: auto (on a terminal, unless NO_COLOR is set), always or never' -r -f -a "auto\t'On a terminal that has some, unless NO_COLOR is set'
always\t'Also into a pipe, and whatever NO_COLOR says'
never\t'None'"
complete -c otpctl -n "__fish_otpctl_using_subcommand resets; and not __fish_seen_subcommand_from list approve cancel help" -s h -l help -d 'Print help'
complete -c otpctl -n "__fish_otpctl_using_subcommand resets; and not __fish_seen_subcommand_from list approve cancel help" -f -a "list" -d 'List the resets that wait; users in no group see their own'
complete -c otpctl -n "__fish_otpctl_using_subcommand resets; and not __fish_seen_subcommand_from list approve cancel help" -f -a "approve" -d 'Agree to a reset that another administrator asked for'
complete -c otpctl -n "__fish_otpctl_using_subcommand resets; and not __fish_seen_subcommand_from list approve cancel help" -f -a "cancel" -d 'Cancel a reset, and a registration code that was made on it'
complete -c otpctl -n "__fish_otpctl_using_subcommand resets; and not __fish_seen_subcommand_from list approve cancel help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c otpctl -n "__fish_otpctl_using_subcommand resets; and __fish_seen_subcommand_from list" -l color -d 'Colours: auto (on a terminal, unless NO_COLOR is set), always or never' -r -f -a "auto\t'On a terminal that has some, unless NO_COLOR is set'
always\t'Also into a pipe, and whatever NO_COLOR says'
never\t'None'"
complete -c otpctl -n "__fish_otpctl_using_subcommand resets; and __fish_seen_subcommand_from list" -l json -d 'Write JSON'
complete -c otpctl -n "__fish_otpctl_using_subcommand resets; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c otpctl -n "__fish_otpctl_using_subcommand resets; and __fish_seen_subcommand_from approve" -l reason -d 'Agree although the user\'s password was changed a short time ago, and why' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand resets; and __fish_seen_subcommand_from approve" -l color -d 'Colours: auto (on a terminal, unless NO_COLOR is set), always or never' -r -f -a "auto\t'On a terminal that has some, unless NO_COLOR is set'
always\t'Also into a pipe, and whatever NO_COLOR says'
never\t'None'"
complete -c otpctl -n "__fish_otpctl_using_subcommand resets; and __fish_seen_subcommand_from approve" -l json -d 'Write JSON'
complete -c otpctl -n "__fish_otpctl_using_subcommand resets; and __fish_seen_subcommand_from approve" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c otpctl -n "__fish_otpctl_using_subcommand resets; and __fish_seen_subcommand_from cancel" -l color -d 'Colours: auto (on a terminal, unless NO_COLOR is set), always or never' -r -f -a "auto\t'On a terminal that has some, unless NO_COLOR is set'
always\t'Also into a pipe, and whatever NO_COLOR says'
never\t'None'"
complete -c otpctl -n "__fish_otpctl_using_subcommand resets; and __fish_seen_subcommand_from cancel" -l json -d 'Write JSON, and read the code from standard input'
complete -c otpctl -n "__fish_otpctl_using_subcommand resets; and __fish_seen_subcommand_from cancel" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c otpctl -n "__fish_otpctl_using_subcommand resets; and __fish_seen_subcommand_from help" -f -a "list" -d 'List the resets that wait; users in no group see their own'
complete -c otpctl -n "__fish_otpctl_using_subcommand resets; and __fish_seen_subcommand_from help" -f -a "approve" -d 'Agree to a reset that another administrator asked for'
complete -c otpctl -n "__fish_otpctl_using_subcommand resets; and __fish_seen_subcommand_from help" -f -a "cancel" -d 'Cancel a reset, and a registration code that was made on it'
complete -c otpctl -n "__fish_otpctl_using_subcommand resets; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c otpctl -n "__fish_otpctl_using_subcommand enrol" -l label -d 'The user\'s name for the device: 1 to 32 letters, digits, spaces or any of -_.@' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand enrol" -l kind -d 'Where codes come from: totp, the time (RFC 6238), or hotp, a counter (RFC 4226)' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand enrol" -l algorithm -d 'The hash: SHA1, SHA256 or SHA512; several apps silently use SHA1' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand enrol" -l digits -d 'The length of a code: 6, 7 or 8 digits; several apps silently use 6' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand enrol" -l period -d 'How long a code lasts: 15 to 120 seconds; several apps silently use 30' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand enrol" -l expires -d 'The end of the key: a day, to its last second, or a local time, as 2027-01-31 or 2027-01-31T18:00' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand enrol" -l svg -d 'Draw the QR code into this new file, too, as SVG' -r -F
complete -c otpctl -n "__fish_otpctl_using_subcommand enrol" -l png -d 'Draw the QR code into this new file, too, as PNG' -r -F
complete -c otpctl -n "__fish_otpctl_using_subcommand enrol" -l color -d 'Colours: auto (on a terminal, unless NO_COLOR is set), always or never' -r -f -a "auto\t'On a terminal that has some, unless NO_COLOR is set'
always\t'Also into a pipe, and whatever NO_COLOR says'
never\t'None'"
complete -c otpctl -n "__fish_otpctl_using_subcommand enrol" -l registration-stdin -d 'Read the registration code from the first line of standard input, or the first two for a code of two parts'
complete -c otpctl -n "__fish_otpctl_using_subcommand enrol" -l no-qr -d 'Draw no QR code on the screen: for screen readers, and for terminals that show it badly'
complete -c otpctl -n "__fish_otpctl_using_subcommand enrol" -l json -d 'Write JSON: the new key, then the outcome of each code read from standard input'
complete -c otpctl -n "__fish_otpctl_using_subcommand enrol" -l allow-pipe -d 'Write the key although standard output is not a terminal'
complete -c otpctl -n "__fish_otpctl_using_subcommand enrol" -l allow-sudo -d 'Show it under sudo, too'
complete -c otpctl -n "__fish_otpctl_using_subcommand enrol" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c otpctl -n "__fish_otpctl_using_subcommand add" -l label -d 'The user\'s name for the device: 1 to 32 letters, digits, spaces or any of -_.@' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand add" -l kind -d 'Where codes come from: totp, the time (RFC 6238), or hotp, a counter (RFC 4226)' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand add" -l algorithm -d 'The hash: SHA1, SHA256 or SHA512; several apps silently use SHA1' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand add" -l digits -d 'The length of a code: 6, 7 or 8 digits; several apps silently use 6' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand add" -l period -d 'How long a code lasts: 15 to 120 seconds; several apps silently use 30' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand add" -l expires -d 'The end of the key: a day, to its last second, or a local time, as 2027-01-31 or 2027-01-31T18:00' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand add" -l svg -d 'Draw the QR code into this new file, too, as SVG' -r -F
complete -c otpctl -n "__fish_otpctl_using_subcommand add" -l png -d 'Draw the QR code into this new file, too, as PNG' -r -F
complete -c otpctl -n "__fish_otpctl_using_subcommand add" -l color -d 'Colours: auto (on a terminal, unless NO_COLOR is set), always or never' -r -f -a "auto\t'On a terminal that has some, unless NO_COLOR is set'
always\t'Also into a pipe, and whatever NO_COLOR says'
never\t'None'"
complete -c otpctl -n "__fish_otpctl_using_subcommand add" -l no-qr -d 'Draw no QR code on the screen: for screen readers, and for terminals that show it badly'
complete -c otpctl -n "__fish_otpctl_using_subcommand add" -l json -d 'Write JSON: the new key, then the outcome of each code read from standard input'
complete -c otpctl -n "__fish_otpctl_using_subcommand add" -l allow-pipe -d 'Write the key although standard output is not a terminal'
complete -c otpctl -n "__fish_otpctl_using_subcommand add" -l allow-sudo -d 'Show it under sudo, too'
complete -c otpctl -n "__fish_otpctl_using_subcommand add" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c otpctl -n "__fish_otpctl_using_subcommand rotate" -l kind -d 'Where codes come from: totp, the time (RFC 6238), or hotp, a counter (RFC 4226)' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand rotate" -l algorithm -d 'The hash: SHA1, SHA256 or SHA512; several apps silently use SHA1' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand rotate" -l digits -d 'The length of a code: 6, 7 or 8 digits; several apps silently use 6' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand rotate" -l period -d 'How long a code lasts: 15 to 120 seconds; several apps silently use 30' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand rotate" -l expires -d 'The end of the key: a day, to its last second, or a local time, as 2027-01-31 or 2027-01-31T18:00' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand rotate" -l svg -d 'Draw the QR code into this new file, too, as SVG' -r -F
complete -c otpctl -n "__fish_otpctl_using_subcommand rotate" -l png -d 'Draw the QR code into this new file, too, as PNG' -r -F
complete -c otpctl -n "__fish_otpctl_using_subcommand rotate" -l color -d 'Colours: auto (on a terminal, unless NO_COLOR is set), always or never' -r -f -a "auto\t'On a terminal that has some, unless NO_COLOR is set'
always\t'Also into a pipe, and whatever NO_COLOR says'
never\t'None'"
complete -c otpctl -n "__fish_otpctl_using_subcommand rotate" -l no-qr -d 'Draw no QR code on the screen: for screen readers, and for terminals that show it badly'
complete -c otpctl -n "__fish_otpctl_using_subcommand rotate" -l json -d 'Write JSON: the new key, then the outcome of each code read from standard input'
complete -c otpctl -n "__fish_otpctl_using_subcommand rotate" -l allow-pipe -d 'Write the key although standard output is not a terminal'
complete -c otpctl -n "__fish_otpctl_using_subcommand rotate" -l allow-sudo -d 'Show it under sudo, too'
complete -c otpctl -n "__fish_otpctl_using_subcommand rotate" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c otpctl -n "__fish_otpctl_using_subcommand recovery-codes" -l color -d 'Colours: auto (on a terminal, unless NO_COLOR is set), always or never' -r -f -a "auto\t'On a terminal that has some, unless NO_COLOR is set'
always\t'Also into a pipe, and whatever NO_COLOR says'
never\t'None'"
complete -c otpctl -n "__fish_otpctl_using_subcommand recovery-codes" -l json -d 'Write JSON, and read the code from standard input'
complete -c otpctl -n "__fish_otpctl_using_subcommand recovery-codes" -l allow-pipe -d 'Write the recovery codes although standard output is not a terminal'
complete -c otpctl -n "__fish_otpctl_using_subcommand recovery-codes" -l allow-sudo -d 'Show it under sudo, too'
complete -c otpctl -n "__fish_otpctl_using_subcommand recovery-codes" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c otpctl -n "__fish_otpctl_using_subcommand token; and not __fish_seen_subcommand_from add assign list remove help" -l color -d 'Colours: auto (on a terminal, unless NO_COLOR is set), always or never' -r -f -a "auto\t'On a terminal that has some, unless NO_COLOR is set'
always\t'Also into a pipe, and whatever NO_COLOR says'
never\t'None'"
complete -c otpctl -n "__fish_otpctl_using_subcommand token; and not __fish_seen_subcommand_from add assign list remove help" -s h -l help -d 'Print help'
complete -c otpctl -n "__fish_otpctl_using_subcommand token; and not __fish_seen_subcommand_from add assign list remove help" -f -a "add" -d 'Store the secret of a user\'s hardware token, once its codes confirm it'
complete -c otpctl -n "__fish_otpctl_using_subcommand token; and not __fish_seen_subcommand_from add assign list remove help" -f -a "assign" -d 'Give a user an unassigned token, once its codes confirm it'
complete -c otpctl -n "__fish_otpctl_using_subcommand token; and not __fish_seen_subcommand_from add assign list remove help" -f -a "list" -d 'List unassigned tokens'
complete -c otpctl -n "__fish_otpctl_using_subcommand token; and not __fish_seen_subcommand_from add assign list remove help" -f -a "remove" -d 'Remove an unassigned token'
complete -c otpctl -n "__fish_otpctl_using_subcommand token; and not __fish_seen_subcommand_from add assign list remove help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c otpctl -n "__fish_otpctl_using_subcommand token; and __fish_seen_subcommand_from add" -l label -d 'The user\'s name for the device: 1 to 32 letters, digits, spaces or any of -_.@' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand token; and __fish_seen_subcommand_from add" -l kind -d 'Where codes come from: totp, the time (RFC 6238), or hotp, a counter (RFC 4226)' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand token; and __fish_seen_subcommand_from add" -l algorithm -d 'The hash: SHA1, SHA256 or SHA512; several apps silently use SHA1' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand token; and __fish_seen_subcommand_from add" -l digits -d 'The length of a code: 6, 7 or 8 digits; several apps silently use 6' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand token; and __fish_seen_subcommand_from add" -l period -d 'How long a code lasts: 15 to 120 seconds; several apps silently use 30' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand token; and __fish_seen_subcommand_from add" -l expires -d 'The end of the key: a day, to its last second, or a local time, as 2027-01-31 or 2027-01-31T18:00' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand token; and __fish_seen_subcommand_from add" -l color -d 'Colours: auto (on a terminal, unless NO_COLOR is set), always or never' -r -f -a "auto\t'On a terminal that has some, unless NO_COLOR is set'
always\t'Also into a pipe, and whatever NO_COLOR says'
never\t'None'"
complete -c otpctl -n "__fish_otpctl_using_subcommand token; and __fish_seen_subcommand_from add" -l hex -d 'The secret is in hex, not in base32'
complete -c otpctl -n "__fish_otpctl_using_subcommand token; and __fish_seen_subcommand_from add" -l json -d 'Write JSON, and read the codes from standard input, too, one in each line'
complete -c otpctl -n "__fish_otpctl_using_subcommand token; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c otpctl -n "__fish_otpctl_using_subcommand token; and __fish_seen_subcommand_from assign" -l manufacturer -d 'Its manufacturer, where several have that serial number' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand token; and __fish_seen_subcommand_from assign" -l label -d 'The user\'s name for it: 1 to 32 letters, digits, spaces or any of -_.@' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand token; and __fish_seen_subcommand_from assign" -l color -d 'Colours: auto (on a terminal, unless NO_COLOR is set), always or never' -r -f -a "auto\t'On a terminal that has some, unless NO_COLOR is set'
always\t'Also into a pipe, and whatever NO_COLOR says'
never\t'None'"
complete -c otpctl -n "__fish_otpctl_using_subcommand token; and __fish_seen_subcommand_from assign" -l json -d 'Write JSON, and read the codes from standard input, one in each line'
complete -c otpctl -n "__fish_otpctl_using_subcommand token; and __fish_seen_subcommand_from assign" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c otpctl -n "__fish_otpctl_using_subcommand token; and __fish_seen_subcommand_from list" -l color -d 'Colours: auto (on a terminal, unless NO_COLOR is set), always or never' -r -f -a "auto\t'On a terminal that has some, unless NO_COLOR is set'
always\t'Also into a pipe, and whatever NO_COLOR says'
never\t'None'"
complete -c otpctl -n "__fish_otpctl_using_subcommand token; and __fish_seen_subcommand_from list" -l json -d 'Write JSON'
complete -c otpctl -n "__fish_otpctl_using_subcommand token; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c otpctl -n "__fish_otpctl_using_subcommand token; and __fish_seen_subcommand_from remove" -l manufacturer -d 'Its manufacturer, where several have that serial number' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand token; and __fish_seen_subcommand_from remove" -l color -d 'Colours: auto (on a terminal, unless NO_COLOR is set), always or never' -r -f -a "auto\t'On a terminal that has some, unless NO_COLOR is set'
always\t'Also into a pipe, and whatever NO_COLOR says'
never\t'None'"
complete -c otpctl -n "__fish_otpctl_using_subcommand token; and __fish_seen_subcommand_from remove" -l json -d 'Write JSON'
complete -c otpctl -n "__fish_otpctl_using_subcommand token; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c otpctl -n "__fish_otpctl_using_subcommand token; and __fish_seen_subcommand_from help" -f -a "add" -d 'Store the secret of a user\'s hardware token, once its codes confirm it'
complete -c otpctl -n "__fish_otpctl_using_subcommand token; and __fish_seen_subcommand_from help" -f -a "assign" -d 'Give a user an unassigned token, once its codes confirm it'
complete -c otpctl -n "__fish_otpctl_using_subcommand token; and __fish_seen_subcommand_from help" -f -a "list" -d 'List unassigned tokens'
complete -c otpctl -n "__fish_otpctl_using_subcommand token; and __fish_seen_subcommand_from help" -f -a "remove" -d 'Remove an unassigned token'
complete -c otpctl -n "__fish_otpctl_using_subcommand token; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c otpctl -n "__fish_otpctl_using_subcommand import; and not __fish_seen_subcommand_from google-authenticator oath otpauth migration pskc own-file help" -l color -d 'Colours: auto (on a terminal, unless NO_COLOR is set), always or never' -r -f -a "auto\t'On a terminal that has some, unless NO_COLOR is set'
always\t'Also into a pipe, and whatever NO_COLOR says'
never\t'None'"
complete -c otpctl -n "__fish_otpctl_using_subcommand import; and not __fish_seen_subcommand_from google-authenticator oath otpauth migration pskc own-file help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c otpctl -n "__fish_otpctl_using_subcommand import; and not __fish_seen_subcommand_from google-authenticator oath otpauth migration pskc own-file help" -f -a "google-authenticator" -d 'Import keys from users\' own files of pam_google_authenticator'
complete -c otpctl -n "__fish_otpctl_using_subcommand import; and not __fish_seen_subcommand_from google-authenticator oath otpauth migration pskc own-file help" -f -a "oath" -d 'Import keys from a users file of pam_oath'
complete -c otpctl -n "__fish_otpctl_using_subcommand import; and not __fish_seen_subcommand_from google-authenticator oath otpauth migration pskc own-file help" -f -a "otpauth" -d 'Import keys from the addresses in QR codes, one per line'
complete -c otpctl -n "__fish_otpctl_using_subcommand import; and not __fish_seen_subcommand_from google-authenticator oath otpauth migration pskc own-file help" -f -a "migration" -d 'Import keys from the addresses in QR codes, one per line'
complete -c otpctl -n "__fish_otpctl_using_subcommand import; and not __fish_seen_subcommand_from google-authenticator oath otpauth migration pskc own-file help" -f -a "pskc" -d 'Import unassigned hardware tokens from their maker\'s file (PSKC, RFC 6030)'
complete -c otpctl -n "__fish_otpctl_using_subcommand import; and not __fish_seen_subcommand_from google-authenticator oath otpauth migration pskc own-file help" -f -a "own-file" -d 'Write a file of the caller\'s own to standard output'
complete -c otpctl -n "__fish_otpctl_using_subcommand import; and not __fish_seen_subcommand_from google-authenticator oath otpauth migration pskc own-file help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c otpctl -n "__fish_otpctl_using_subcommand import; and __fish_seen_subcommand_from google-authenticator" -l label -d 'Label of the key here; further keys of the same user get a number' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand import; and __fish_seen_subcommand_from google-authenticator" -l expires -d 'The end of the key: a day, to its last second, or a local time, as 2027-01-31 or 2027-01-31T18:00' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand import; and __fish_seen_subcommand_from google-authenticator" -l color -d 'Colours: auto (on a terminal, unless NO_COLOR is set), always or never' -r -f -a "auto\t'On a terminal that has some, unless NO_COLOR is set'
always\t'Also into a pipe, and whatever NO_COLOR says'
never\t'None'"
complete -c otpctl -n "__fish_otpctl_using_subcommand import; and __fish_seen_subcommand_from google-authenticator" -l all-homes -d 'Import the key of every user whose home directory has the file'
complete -c otpctl -n "__fish_otpctl_using_subcommand import; and __fish_seen_subcommand_from google-authenticator" -l dry-run -d 'Change nothing, and say what would be done'
complete -c otpctl -n "__fish_otpctl_using_subcommand import; and __fish_seen_subcommand_from google-authenticator" -l json -d 'Write JSON'
complete -c otpctl -n "__fish_otpctl_using_subcommand import; and __fish_seen_subcommand_from google-authenticator" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c otpctl -n "__fish_otpctl_using_subcommand import; and __fish_seen_subcommand_from oath" -l label -d 'Label of the key here; further keys of the same user get a number' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand import; and __fish_seen_subcommand_from oath" -l expires -d 'The end of the key: a day, to its last second, or a local time, as 2027-01-31 or 2027-01-31T18:00' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand import; and __fish_seen_subcommand_from oath" -l color -d 'Colours: auto (on a terminal, unless NO_COLOR is set), always or never' -r -f -a "auto\t'On a terminal that has some, unless NO_COLOR is set'
always\t'Also into a pipe, and whatever NO_COLOR says'
never\t'None'"
complete -c otpctl -n "__fish_otpctl_using_subcommand import; and __fish_seen_subcommand_from oath" -l dry-run -d 'Change nothing, and say what would be done'
complete -c otpctl -n "__fish_otpctl_using_subcommand import; and __fish_seen_subcommand_from oath" -l json -d 'Write JSON'
complete -c otpctl -n "__fish_otpctl_using_subcommand import; and __fish_seen_subcommand_from oath" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c otpctl -n "__fish_otpctl_using_subcommand import; and __fish_seen_subcommand_from otpauth" -l user -d 'The owner of all these keys' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand import; and __fish_seen_subcommand_from otpauth" -l label -d 'Label of the key here; further keys of the same user get a number' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand import; and __fish_seen_subcommand_from otpauth" -l expires -d 'The end of the key: a day, to its last second, or a local time, as 2027-01-31 or 2027-01-31T18:00' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand import; and __fish_seen_subcommand_from otpauth" -l color -d 'Colours: auto (on a terminal, unless NO_COLOR is set), always or never' -r -f -a "auto\t'On a terminal that has some, unless NO_COLOR is set'
always\t'Also into a pipe, and whatever NO_COLOR says'
never\t'None'"
complete -c otpctl -n "__fish_otpctl_using_subcommand import; and __fish_seen_subcommand_from otpauth" -l dry-run -d 'Change nothing, and say what would be done'
complete -c otpctl -n "__fish_otpctl_using_subcommand import; and __fish_seen_subcommand_from otpauth" -l json -d 'Write JSON'
complete -c otpctl -n "__fish_otpctl_using_subcommand import; and __fish_seen_subcommand_from otpauth" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c otpctl -n "__fish_otpctl_using_subcommand import; and __fish_seen_subcommand_from migration" -l user -d 'The owner of all these keys' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand import; and __fish_seen_subcommand_from migration" -l label -d 'Label of the key here; further keys of the same user get a number' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand import; and __fish_seen_subcommand_from migration" -l expires -d 'The end of the key: a day, to its last second, or a local time, as 2027-01-31 or 2027-01-31T18:00' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand import; and __fish_seen_subcommand_from migration" -l color -d 'Colours: auto (on a terminal, unless NO_COLOR is set), always or never' -r -f -a "auto\t'On a terminal that has some, unless NO_COLOR is set'
always\t'Also into a pipe, and whatever NO_COLOR says'
never\t'None'"
complete -c otpctl -n "__fish_otpctl_using_subcommand import; and __fish_seen_subcommand_from migration" -l dry-run -d 'Change nothing, and say what would be done'
complete -c otpctl -n "__fish_otpctl_using_subcommand import; and __fish_seen_subcommand_from migration" -l json -d 'Write JSON'
complete -c otpctl -n "__fish_otpctl_using_subcommand import; and __fish_seen_subcommand_from migration" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c otpctl -n "__fish_otpctl_using_subcommand import; and __fish_seen_subcommand_from pskc" -l key-file -d 'Read the AES key in hex, or the passphrase, from the first line of this root-owned file, mode 0600' -r -F
complete -c otpctl -n "__fish_otpctl_using_subcommand import; and __fish_seen_subcommand_from pskc" -l color -d 'Colours: auto (on a terminal, unless NO_COLOR is set), always or never' -r -f -a "auto\t'On a terminal that has some, unless NO_COLOR is set'
always\t'Also into a pipe, and whatever NO_COLOR says'
never\t'None'"
complete -c otpctl -n "__fish_otpctl_using_subcommand import; and __fish_seen_subcommand_from pskc" -l dry-run -d 'Change nothing, and say what would be done'
complete -c otpctl -n "__fish_otpctl_using_subcommand import; and __fish_seen_subcommand_from pskc" -l json -d 'Write JSON'
complete -c otpctl -n "__fish_otpctl_using_subcommand import; and __fish_seen_subcommand_from pskc" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c otpctl -n "__fish_otpctl_using_subcommand import; and __fish_seen_subcommand_from own-file" -l color -d 'Colours: auto (on a terminal, unless NO_COLOR is set), always or never' -r -f -a "auto\t'On a terminal that has some, unless NO_COLOR is set'
always\t'Also into a pipe, and whatever NO_COLOR says'
never\t'None'"
complete -c otpctl -n "__fish_otpctl_using_subcommand import; and __fish_seen_subcommand_from own-file" -s h -l help -d 'Print help'
complete -c otpctl -n "__fish_otpctl_using_subcommand import; and __fish_seen_subcommand_from help" -f -a "google-authenticator" -d 'Import keys from users\' own files of pam_google_authenticator'
complete -c otpctl -n "__fish_otpctl_using_subcommand import; and __fish_seen_subcommand_from help" -f -a "oath" -d 'Import keys from a users file of pam_oath'
complete -c otpctl -n "__fish_otpctl_using_subcommand import; and __fish_seen_subcommand_from help" -f -a "otpauth" -d 'Import keys from the addresses in QR codes, one per line'
complete -c otpctl -n "__fish_otpctl_using_subcommand import; and __fish_seen_subcommand_from help" -f -a "migration" -d 'Import keys from the addresses in QR codes, one per line'
complete -c otpctl -n "__fish_otpctl_using_subcommand import; and __fish_seen_subcommand_from help" -f -a "pskc" -d 'Import unassigned hardware tokens from their maker\'s file (PSKC, RFC 6030)'
complete -c otpctl -n "__fish_otpctl_using_subcommand import; and __fish_seen_subcommand_from help" -f -a "own-file" -d 'Write a file of the caller\'s own to standard output'
complete -c otpctl -n "__fish_otpctl_using_subcommand import; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c otpctl -n "__fish_otpctl_using_subcommand migrate-pam" -l service -d 'The service that the file is for' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand migrate-pam" -l color -d 'Colours: auto (on a terminal, unless NO_COLOR is set), always or never' -r -f -a "auto\t'On a terminal that has some, unless NO_COLOR is set'
always\t'Also into a pipe, and whatever NO_COLOR says'
never\t'None'"
complete -c otpctl -n "__fish_otpctl_using_subcommand migrate-pam" -l both -d 'Keep the old module for users who have no key here yet, as docs/cut-over.md has it'
complete -c otpctl -n "__fish_otpctl_using_subcommand migrate-pam" -l stack -d 'Write the whole new file, and nothing else, to standard output'
complete -c otpctl -n "__fish_otpctl_using_subcommand migrate-pam" -l json -d 'Write JSON'
complete -c otpctl -n "__fish_otpctl_using_subcommand migrate-pam" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c otpctl -n "__fish_otpctl_using_subcommand status" -l color -d 'Colours: auto (on a terminal, unless NO_COLOR is set), always or never' -r -f -a "auto\t'On a terminal that has some, unless NO_COLOR is set'
always\t'Also into a pipe, and whatever NO_COLOR says'
never\t'None'"
complete -c otpctl -n "__fish_otpctl_using_subcommand status" -l try-code -d 'Try a code of one of your keys: is it accepted, or is the device\'s clock wrong?'
complete -c otpctl -n "__fish_otpctl_using_subcommand status" -l json -d 'Write JSON'
complete -c otpctl -n "__fish_otpctl_using_subcommand status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c otpctl -n "__fish_otpctl_using_subcommand notices" -l color -d 'Colours: auto (on a terminal, unless NO_COLOR is set), always or never' -r -f -a "auto\t'On a terminal that has some, unless NO_COLOR is set'
always\t'Also into a pipe, and whatever NO_COLOR says'
never\t'None'"
complete -c otpctl -n "__fish_otpctl_using_subcommand notices" -l json -d 'Write JSON; then no notice counts as seen'
complete -c otpctl -n "__fish_otpctl_using_subcommand notices" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c otpctl -n "__fish_otpctl_using_subcommand list" -l group -d 'Show only the members of this group' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand list" -l color -d 'Colours: auto (on a terminal, unless NO_COLOR is set), always or never' -r -f -a "auto\t'On a terminal that has some, unless NO_COLOR is set'
always\t'Also into a pipe, and whatever NO_COLOR says'
never\t'None'"
complete -c otpctl -n "__fish_otpctl_using_subcommand list" -l not-enrolled -d 'Show accounts that have no key: of the group, or all that the account database lists'
complete -c otpctl -n "__fish_otpctl_using_subcommand list" -l json -d 'Write JSON'
complete -c otpctl -n "__fish_otpctl_using_subcommand list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c otpctl -n "__fish_otpctl_using_subcommand lost" -l color -d 'Colours: auto (on a terminal, unless NO_COLOR is set), always or never' -r -f -a "auto\t'On a terminal that has some, unless NO_COLOR is set'
always\t'Also into a pipe, and whatever NO_COLOR says'
never\t'None'"
complete -c otpctl -n "__fish_otpctl_using_subcommand lost" -l found -d 'Take your report back: the device is found'
complete -c otpctl -n "__fish_otpctl_using_subcommand lost" -l json -d 'Write JSON'
complete -c otpctl -n "__fish_otpctl_using_subcommand lost" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c otpctl -n "__fish_otpctl_using_subcommand suspend" -l color -d 'Colours: auto (on a terminal, unless NO_COLOR is set), always or never' -r -f -a "auto\t'On a terminal that has some, unless NO_COLOR is set'
always\t'Also into a pipe, and whatever NO_COLOR says'
never\t'None'"
complete -c otpctl -n "__fish_otpctl_using_subcommand suspend" -l json -d 'Write JSON'
complete -c otpctl -n "__fish_otpctl_using_subcommand suspend" -s h -l help -d 'Print help'
complete -c otpctl -n "__fish_otpctl_using_subcommand resume" -l color -d 'Colours: auto (on a terminal, unless NO_COLOR is set), always or never' -r -f -a "auto\t'On a terminal that has some, unless NO_COLOR is set'
always\t'Also into a pipe, and whatever NO_COLOR says'
never\t'None'"
complete -c otpctl -n "__fish_otpctl_using_subcommand resume" -l json -d 'Write JSON'
complete -c otpctl -n "__fish_otpctl_using_subcommand resume" -s h -l help -d 'Print help'
complete -c otpctl -n "__fish_otpctl_using_subcommand reopen" -l origin -d 'Where the codes came from: self (sudo, su), other (other users here), remote (the network), console or socket (lockers, applications)' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand reopen" -l color -d 'Colours: auto (on a terminal, unless NO_COLOR is set), always or never' -r -f -a "auto\t'On a terminal that has some, unless NO_COLOR is set'
always\t'Also into a pipe, and whatever NO_COLOR says'
never\t'None'"
complete -c otpctl -n "__fish_otpctl_using_subcommand reopen" -l json -d 'Write JSON'
complete -c otpctl -n "__fish_otpctl_using_subcommand reopen" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c otpctl -n "__fish_otpctl_using_subcommand rename" -l color -d 'Colours: auto (on a terminal, unless NO_COLOR is set), always or never' -r -f -a "auto\t'On a terminal that has some, unless NO_COLOR is set'
always\t'Also into a pipe, and whatever NO_COLOR says'
never\t'None'"
complete -c otpctl -n "__fish_otpctl_using_subcommand rename" -l json -d 'Write JSON'
complete -c otpctl -n "__fish_otpctl_using_subcommand rename" -s h -l help -d 'Print help'
complete -c otpctl -n "__fish_otpctl_using_subcommand revoke" -l color -d 'Colours: auto (on a terminal, unless NO_COLOR is set), always or never' -r -f -a "auto\t'On a terminal that has some, unless NO_COLOR is set'
always\t'Also into a pipe, and whatever NO_COLOR says'
never\t'None'"
complete -c otpctl -n "__fish_otpctl_using_subcommand revoke" -l last -d 'Also your last key; then every code is refused until an administrator invites you again'
complete -c otpctl -n "__fish_otpctl_using_subcommand revoke" -l json -d 'Write JSON'
complete -c otpctl -n "__fish_otpctl_using_subcommand revoke" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c otpctl -n "__fish_otpctl_using_subcommand expire" -l color -d 'Colours: auto (on a terminal, unless NO_COLOR is set), always or never' -r -f -a "auto\t'On a terminal that has some, unless NO_COLOR is set'
always\t'Also into a pipe, and whatever NO_COLOR says'
never\t'None'"
complete -c otpctl -n "__fish_otpctl_using_subcommand expire" -l json -d 'Write JSON'
complete -c otpctl -n "__fish_otpctl_using_subcommand expire" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c otpctl -n "__fish_otpctl_using_subcommand forget" -l color -d 'Colours: auto (on a terminal, unless NO_COLOR is set), always or never' -r -f -a "auto\t'On a terminal that has some, unless NO_COLOR is set'
always\t'Also into a pipe, and whatever NO_COLOR says'
never\t'None'"
complete -c otpctl -n "__fish_otpctl_using_subcommand forget" -l gone -d 'The account is gone for good, although its directory may only be down'
complete -c otpctl -n "__fish_otpctl_using_subcommand forget" -l json -d 'Write JSON'
complete -c otpctl -n "__fish_otpctl_using_subcommand forget" -s h -l help -d 'Print help'
complete -c otpctl -n "__fish_otpctl_using_subcommand adopt" -l from -d 'The former name, or the former uid as uid:NUMBER' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand adopt" -l color -d 'Colours: auto (on a terminal, unless NO_COLOR is set), always or never' -r -f -a "auto\t'On a terminal that has some, unless NO_COLOR is set'
always\t'Also into a pipe, and whatever NO_COLOR says'
never\t'None'"
complete -c otpctl -n "__fish_otpctl_using_subcommand adopt" -l gone -d 'The former account is gone for good, although its directory may only be down'
complete -c otpctl -n "__fish_otpctl_using_subcommand adopt" -l all -d 'Every account that has another name or uid than its keys'
complete -c otpctl -n "__fish_otpctl_using_subcommand adopt" -l dry-run -d 'Say what --all would do, and change nothing'
complete -c otpctl -n "__fish_otpctl_using_subcommand adopt" -l json -d 'Write JSON'
complete -c otpctl -n "__fish_otpctl_using_subcommand adopt" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c otpctl -n "__fish_otpctl_using_subcommand gc" -l color -d 'Colours: auto (on a terminal, unless NO_COLOR is set), always or never' -r -f -a "auto\t'On a terminal that has some, unless NO_COLOR is set'
always\t'Also into a pipe, and whatever NO_COLOR says'
never\t'None'"
complete -c otpctl -n "__fish_otpctl_using_subcommand gc" -l json -d 'Write JSON'
complete -c otpctl -n "__fish_otpctl_using_subcommand gc" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c otpctl -n "__fish_otpctl_using_subcommand accept-restore" -l color -d 'Colours: auto (on a terminal, unless NO_COLOR is set), always or never' -r -f -a "auto\t'On a terminal that has some, unless NO_COLOR is set'
always\t'Also into a pipe, and whatever NO_COLOR says'
never\t'None'"
complete -c otpctl -n "__fish_otpctl_using_subcommand accept-restore" -l all -d 'Every user'
complete -c otpctl -n "__fish_otpctl_using_subcommand accept-restore" -l json -d 'Write JSON'
complete -c otpctl -n "__fish_otpctl_using_subcommand accept-restore" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c otpctl -n "__fish_otpctl_using_subcommand doctor" -l textfile -d 'Also write the counts to this file, for the textfile collector of Prometheus\' node exporter. Default: no file' -r -F
complete -c otpctl -n "__fish_otpctl_using_subcommand doctor" -l color -d 'Colours: auto (on a terminal, unless NO_COLOR is set), always or never' -r -f -a "auto\t'On a terminal that has some, unless NO_COLOR is set'
always\t'Also into a pipe, and whatever NO_COLOR says'
never\t'None'"
complete -c otpctl -n "__fish_otpctl_using_subcommand doctor" -l json -d 'Write JSON'
complete -c otpctl -n "__fish_otpctl_using_subcommand doctor" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c otpctl -n "__fish_otpctl_using_subcommand config; and not __fish_seen_subcommand_from check edit template help" -l color -d 'Colours: auto (on a terminal, unless NO_COLOR is set), always or never' -r -f -a "auto\t'On a terminal that has some, unless NO_COLOR is set'
always\t'Also into a pipe, and whatever NO_COLOR says'
never\t'None'"
complete -c otpctl -n "__fish_otpctl_using_subcommand config; and not __fish_seen_subcommand_from check edit template help" -s h -l help -d 'Print help'
complete -c otpctl -n "__fish_otpctl_using_subcommand config; and not __fish_seen_subcommand_from check edit template help" -f -a "check" -d 'Check the policy file and the PAM stacks'
complete -c otpctl -n "__fish_otpctl_using_subcommand config; and not __fish_seen_subcommand_from check edit template help" -f -a "edit" -d 'Edit the policy file; the changes count only if it is in order'
complete -c otpctl -n "__fish_otpctl_using_subcommand config; and not __fish_seen_subcommand_from check edit template help" -f -a "template" -d 'Show a built-in template of letters and notes, to begin your own with'
complete -c otpctl -n "__fish_otpctl_using_subcommand config; and not __fish_seen_subcommand_from check edit template help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c otpctl -n "__fish_otpctl_using_subcommand config; and __fish_seen_subcommand_from check" -l color -d 'Colours: auto (on a terminal, unless NO_COLOR is set), always or never' -r -f -a "auto\t'On a terminal that has some, unless NO_COLOR is set'
always\t'Also into a pipe, and whatever NO_COLOR says'
never\t'None'"
complete -c otpctl -n "__fish_otpctl_using_subcommand config; and __fish_seen_subcommand_from check" -l json -d 'Write JSON'
complete -c otpctl -n "__fish_otpctl_using_subcommand config; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c otpctl -n "__fish_otpctl_using_subcommand config; and __fish_seen_subcommand_from edit" -l color -d 'Colours: auto (on a terminal, unless NO_COLOR is set), always or never' -r -f -a "auto\t'On a terminal that has some, unless NO_COLOR is set'
always\t'Also into a pipe, and whatever NO_COLOR says'
never\t'None'"
complete -c otpctl -n "__fish_otpctl_using_subcommand config; and __fish_seen_subcommand_from edit" -l json -d 'Write JSON'
complete -c otpctl -n "__fish_otpctl_using_subcommand config; and __fish_seen_subcommand_from edit" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c otpctl -n "__fish_otpctl_using_subcommand config; and __fish_seen_subcommand_from template" -l color -d 'Colours: auto (on a terminal, unless NO_COLOR is set), always or never' -r -f -a "auto\t'On a terminal that has some, unless NO_COLOR is set'
always\t'Also into a pipe, and whatever NO_COLOR says'
never\t'None'"
complete -c otpctl -n "__fish_otpctl_using_subcommand config; and __fish_seen_subcommand_from template" -l json -d 'Write JSON'
complete -c otpctl -n "__fish_otpctl_using_subcommand config; and __fish_seen_subcommand_from template" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c otpctl -n "__fish_otpctl_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "check" -d 'Check the policy file and the PAM stacks'
complete -c otpctl -n "__fish_otpctl_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "edit" -d 'Edit the policy file; the changes count only if it is in order'
complete -c otpctl -n "__fish_otpctl_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "template" -d 'Show a built-in template of letters and notes, to begin your own with'
complete -c otpctl -n "__fish_otpctl_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c otpctl -n "__fish_otpctl_using_subcommand explain" -l from -d 'The address that the login comes from' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand explain" -l by -d 'The user who starts the program, as with su' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand explain" -l color -d 'Colours: auto (on a terminal, unless NO_COLOR is set), always or never' -r -f -a "auto\t'On a terminal that has some, unless NO_COLOR is set'
always\t'Also into a pipe, and whatever NO_COLOR says'
never\t'None'"
complete -c otpctl -n "__fish_otpctl_using_subcommand explain" -l json -d 'Write JSON'
complete -c otpctl -n "__fish_otpctl_using_subcommand explain" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and not __fish_seen_subcommand_from enable confirm disable status test prove undo-pending help" -l color -d 'Colours: auto (on a terminal, unless NO_COLOR is set), always or never' -r -f -a "auto\t'On a terminal that has some, unless NO_COLOR is set'
always\t'Also into a pipe, and whatever NO_COLOR says'
never\t'None'"
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and not __fish_seen_subcommand_from enable confirm disable status test prove undo-pending help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and not __fish_seen_subcommand_from enable confirm disable status test prove undo-pending help" -f -a "enable" -d 'Make a service ask for a code, for 120 seconds unless confirmed'
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and not __fish_seen_subcommand_from enable confirm disable status test prove undo-pending help" -f -a "confirm" -d 'Keep an enabled gate; run it in another login session'
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and not __fish_seen_subcommand_from enable confirm disable status test prove undo-pending help" -f -a "disable" -d 'Stop a service from asking for a code: put its file back to the byte'
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and not __fish_seen_subcommand_from enable confirm disable status test prove undo-pending help" -f -a "status" -d 'Show which services ask for a code, by which line, and who is exempt'
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and not __fish_seen_subcommand_from enable confirm disable status test prove undo-pending help" -f -a "test" -d 'Try the stack of a service with a code of an admin, and change nothing'
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and not __fish_seen_subcommand_from enable confirm disable status test prove undo-pending help" -f -a "prove" -d 'The child of the proof'
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and not __fish_seen_subcommand_from enable confirm disable status test prove undo-pending help" -f -a "undo-pending" -d 'The way back of gates that nobody has confirmed'
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and not __fish_seen_subcommand_from enable confirm disable status test prove undo-pending help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and __fish_seen_subcommand_from enable" -l admin -d 'The user who gives password and code' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and __fish_seen_subcommand_from enable" -l command -d 'Ask only before this command of sudo; may be repeated, and adds to the earlier ones' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and __fish_seen_subcommand_from enable" -l color -d 'Colours: auto (on a terminal, unless NO_COLOR is set), always or never' -r -f -a "auto\t'On a terminal that has some, unless NO_COLOR is set'
always\t'Also into a pipe, and whatever NO_COLOR says'
never\t'None'"
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and __fish_seen_subcommand_from enable" -l with-key -d 'sshd also wants a key: AuthenticationMethods publickey,keyboard-interactive'
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and __fish_seen_subcommand_from enable" -l without-password -d 'The code is asked instead of the password: by a screen locker, or by sshd with --with-key'
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and __fish_seen_subcommand_from enable" -l no-rollback -d 'Keep the gate without a confirmation'
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and __fish_seen_subcommand_from enable" -l detailed-exit-code -d 'Exit with status 4 where nothing had to be changed'
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and __fish_seen_subcommand_from enable" -l json -d 'Write JSON'
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and __fish_seen_subcommand_from enable" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and __fish_seen_subcommand_from confirm" -l color -d 'Colours: auto (on a terminal, unless NO_COLOR is set), always or never' -r -f -a "auto\t'On a terminal that has some, unless NO_COLOR is set'
always\t'Also into a pipe, and whatever NO_COLOR says'
never\t'None'"
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and __fish_seen_subcommand_from confirm" -l detailed-exit-code -d 'Exit with status 4 where nothing had to be changed'
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and __fish_seen_subcommand_from confirm" -l json -d 'Write JSON'
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and __fish_seen_subcommand_from confirm" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and __fish_seen_subcommand_from disable" -l color -d 'Colours: auto (on a terminal, unless NO_COLOR is set), always or never' -r -f -a "auto\t'On a terminal that has some, unless NO_COLOR is set'
always\t'Also into a pipe, and whatever NO_COLOR says'
never\t'None'"
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and __fish_seen_subcommand_from disable" -l all -d 'Every gate that `otpctl gate enable` has made'
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and __fish_seen_subcommand_from disable" -l force -d 'Also in a file that was changed since; its other lines stay'
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and __fish_seen_subcommand_from disable" -l detailed-exit-code -d 'Exit with status 4 where nothing had to be changed'
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and __fish_seen_subcommand_from disable" -l json -d 'Write JSON'
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and __fish_seen_subcommand_from disable" -s h -l help -d 'Print help'
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and __fish_seen_subcommand_from status" -l color -d 'Colours: auto (on a terminal, unless NO_COLOR is set), always or never' -r -f -a "auto\t'On a terminal that has some, unless NO_COLOR is set'
always\t'Also into a pipe, and whatever NO_COLOR says'
never\t'None'"
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and __fish_seen_subcommand_from status" -l json -d 'Write JSON'
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and __fish_seen_subcommand_from status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and __fish_seen_subcommand_from test" -l admin -d 'The user who gives password and code' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and __fish_seen_subcommand_from test" -l color -d 'Colours: auto (on a terminal, unless NO_COLOR is set), always or never' -r -f -a "auto\t'On a terminal that has some, unless NO_COLOR is set'
always\t'Also into a pipe, and whatever NO_COLOR says'
never\t'None'"
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and __fish_seen_subcommand_from test" -l with-key -d 'sshd also wants a key: AuthenticationMethods publickey,keyboard-interactive'
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and __fish_seen_subcommand_from test" -l without-password -d 'The code is asked instead of the password: by a screen locker, or by sshd with --with-key'
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and __fish_seen_subcommand_from test" -l json -d 'Write JSON'
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and __fish_seen_subcommand_from test" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and __fish_seen_subcommand_from prove" -l admin -r
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and __fish_seen_subcommand_from prove" -l stacks -r -F
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and __fish_seen_subcommand_from prove" -l color -d 'Colours: auto (on a terminal, unless NO_COLOR is set), always or never' -r -f -a "auto\t'On a terminal that has some, unless NO_COLOR is set'
always\t'Also into a pipe, and whatever NO_COLOR says'
never\t'None'"
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and __fish_seen_subcommand_from prove" -s h -l help -d 'Print help'
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and __fish_seen_subcommand_from undo-pending" -l color -d 'Colours: auto (on a terminal, unless NO_COLOR is set), always or never' -r -f -a "auto\t'On a terminal that has some, unless NO_COLOR is set'
always\t'Also into a pipe, and whatever NO_COLOR says'
never\t'None'"
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and __fish_seen_subcommand_from undo-pending" -s h -l help -d 'Print help'
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and __fish_seen_subcommand_from help" -f -a "enable" -d 'Make a service ask for a code, for 120 seconds unless confirmed'
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and __fish_seen_subcommand_from help" -f -a "confirm" -d 'Keep an enabled gate; run it in another login session'
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and __fish_seen_subcommand_from help" -f -a "disable" -d 'Stop a service from asking for a code: put its file back to the byte'
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and __fish_seen_subcommand_from help" -f -a "status" -d 'Show which services ask for a code, by which line, and who is exempt'
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and __fish_seen_subcommand_from help" -f -a "test" -d 'Try the stack of a service with a code of an admin, and change nothing'
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and __fish_seen_subcommand_from help" -f -a "prove" -d 'The child of the proof'
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and __fish_seen_subcommand_from help" -f -a "undo-pending" -d 'The way back of gates that nobody has confirmed'
complete -c otpctl -n "__fish_otpctl_using_subcommand gate; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c otpctl -n "__fish_otpctl_using_subcommand emergency; and not __fish_seen_subcommand_from bypass end list help" -l color -d 'Colours: auto (on a terminal, unless NO_COLOR is set), always or never' -r -f -a "auto\t'On a terminal that has some, unless NO_COLOR is set'
always\t'Also into a pipe, and whatever NO_COLOR says'
never\t'None'"
complete -c otpctl -n "__fish_otpctl_using_subcommand emergency; and not __fish_seen_subcommand_from bypass end list help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c otpctl -n "__fish_otpctl_using_subcommand emergency; and not __fish_seen_subcommand_from bypass end list help" -f -a "bypass" -d 'Let a user in without a code, for a time'
complete -c otpctl -n "__fish_otpctl_using_subcommand emergency; and not __fish_seen_subcommand_from bypass end list help" -f -a "end" -d 'Ask a user for codes again'
complete -c otpctl -n "__fish_otpctl_using_subcommand emergency; and not __fish_seen_subcommand_from bypass end list help" -f -a "list" -d 'Show who is let in without a code, why, since when and until when'
complete -c otpctl -n "__fish_otpctl_using_subcommand emergency; and not __fish_seen_subcommand_from bypass end list help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c otpctl -n "__fish_otpctl_using_subcommand emergency; and __fish_seen_subcommand_from bypass" -l reason -d 'Why; the log repeats it at every use' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand emergency; and __fish_seen_subcommand_from bypass" -l for -d 'How long: a number and s, m, h, d or w, 30d at most, for example 2h or 3d' -r
complete -c otpctl -n "__fish_otpctl_using_subcommand emergency; and __fish_seen_subcommand_from bypass" -l color -d 'Colours: auto (on a terminal, unless NO_COLOR is set), always or never' -r -f -a "auto\t'On a terminal that has some, unless NO_COLOR is set'
always\t'Also into a pipe, and whatever NO_COLOR says'
never\t'None'"
complete -c otpctl -n "__fish_otpctl_using_subcommand emergency; and __fish_seen_subcommand_from bypass" -l json -d 'Write JSON'
complete -c otpctl -n "__fish_otpctl_using_subcommand emergency; and __fish_seen_subcommand_from bypass" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c otpctl -n "__fish_otpctl_using_subcommand emergency; and __fish_seen_subcommand_from end" -l color -d 'Colours: auto (on a terminal, unless NO_COLOR is set), always or never' -r -f -a "auto\t'On a terminal that has some, unless NO_COLOR is set'
always\t'Also into a pipe, and whatever NO_COLOR says'
never\t'None'"
complete -c otpctl -n "__fish_otpctl_using_subcommand emergency; and __fish_seen_subcommand_from end" -l json -d 'Write JSON'
complete -c otpctl -n "__fish_otpctl_using_subcommand emergency; and __fish_seen_subcommand_from end" -s h -l help -d 'Print help'
complete -c otpctl -n "__fish_otpctl_using_subcommand emergency; and __fish_seen_subcommand_from list" -l color -d 'Colours: auto (on a terminal, unless NO_COLOR is set), always or never' -r -f -a "auto\t'On a terminal that has some, unless NO_COLOR is set'
always\t'Also into a pipe, and whatever NO_COLOR says'
never\t'None'"
complete -c otpctl -n "__fish_otpctl_using_subcommand emergency; and __fish_seen_subcommand_from list" -l json -d 'Write JSON'
complete -c otpctl -n "__fish_otpctl_using_subcommand emergency; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c otpctl -n "__fish_otpctl_using_subcommand emergency; and __fish_seen_subcommand_from help" -f -a "bypass" -d 'Let a user in without a code, for a time'
complete -c otpctl -n "__fish_otpctl_using_subcommand emergency; and __fish_seen_subcommand_from help" -f -a "end" -d 'Ask a user for codes again'
complete -c otpctl -n "__fish_otpctl_using_subcommand emergency; and __fish_seen_subcommand_from help" -f -a "list" -d 'Show who is let in without a code, why, since when and until when'
complete -c otpctl -n "__fish_otpctl_using_subcommand emergency; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c otpctl -n "__fish_otpctl_using_subcommand host-key; and not __fish_seen_subcommand_from export import check help" -l color -d 'Colours: auto (on a terminal, unless NO_COLOR is set), always or never' -r -f -a "auto\t'On a terminal that has some, unless NO_COLOR is set'
always\t'Also into a pipe, and whatever NO_COLOR says'
never\t'None'"
complete -c otpctl -n "__fish_otpctl_using_subcommand host-key; and not __fish_seen_subcommand_from export import check help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c otpctl -n "__fish_otpctl_using_subcommand host-key; and not __fish_seen_subcommand_from export import check help" -f -a "export" -d 'Write the host key to a file, sealed with a passphrase, or show it'
complete -c otpctl -n "__fish_otpctl_using_subcommand host-key; and not __fish_seen_subcommand_from export import check help" -f -a "import" -d 'Put an exported host key back'
complete -c otpctl -n "__fish_otpctl_using_subcommand host-key; and not __fish_seen_subcommand_from export import check help" -f -a "check" -d 'Check that host key and vault belong together, and show when the key was exported'
complete -c otpctl -n "__fish_otpctl_using_subcommand host-key; and not __fish_seen_subcommand_from export import check help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c otpctl -n "__fish_otpctl_using_subcommand host-key; and __fish_seen_subcommand_from export" -l color -d 'Colours: auto (on a terminal, unless NO_COLOR is set), always or never' -r -f -a "auto\t'On a terminal that has some, unless NO_COLOR is set'
always\t'Also into a pipe, and whatever NO_COLOR says'
never\t'None'"
complete -c otpctl -n "__fish_otpctl_using_subcommand host-key; and __fish_seen_subcommand_from export" -l show -d 'Show the key on the terminal instead, to be written down'
complete -c otpctl -n "__fish_otpctl_using_subcommand host-key; and __fish_seen_subcommand_from export" -l json -d 'Write JSON, which never has the key'
complete -c otpctl -n "__fish_otpctl_using_subcommand host-key; and __fish_seen_subcommand_from export" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c otpctl -n "__fish_otpctl_using_subcommand host-key; and __fish_seen_subcommand_from import" -l color -d 'Colours: auto (on a terminal, unless NO_COLOR is set), always or never' -r -f -a "auto\t'On a terminal that has some, unless NO_COLOR is set'
always\t'Also into a pipe, and whatever NO_COLOR says'
never\t'None'"
complete -c otpctl -n "__fish_otpctl_using_subcommand host-key; and __fish_seen_subcommand_from import" -l json -d 'Write JSON'
complete -c otpctl -n "__fish_otpctl_using_subcommand host-key; and __fish_seen_subcommand_from import" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c otpctl -n "__fish_otpctl_using_subcommand host-key; and __fish_seen_subcommand_from check" -l color -d 'Colours: auto (on a terminal, unless NO_COLOR is set), always or never' -r -f -a "auto\t'On a terminal that has some, unless NO_COLOR is set'
always\t'Also into a pipe, and whatever NO_COLOR says'
never\t'None'"
complete -c otpctl -n "__fish_otpctl_using_subcommand host-key; and __fish_seen_subcommand_from check" -l json -d 'Write JSON'
complete -c otpctl -n "__fish_otpctl_using_subcommand host-key; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help'
complete -c otpctl -n "__fish_otpctl_using_subcommand host-key; and __fish_seen_subcommand_from help" -f -a "export" -d 'Write the host key to a file, sealed with a passphrase, or show it'
complete -c otpctl -n "__fish_otpctl_using_subcommand host-key; and __fish_seen_subcommand_from help" -f -a "import" -d 'Put an exported host key back'
complete -c otpctl -n "__fish_otpctl_using_subcommand host-key; and __fish_seen_subcommand_from help" -f -a "check" -d 'Check that host key and vault belong together, and show when the key was exported'
complete -c otpctl -n "__fish_otpctl_using_subcommand host-key; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c otpctl -n "__fish_otpctl_using_subcommand clock" -l color -d 'Colours: auto (on a terminal, unless NO_COLOR is set), always or never' -r -f -a "auto\t'On a terminal that has some, unless NO_COLOR is set'
always\t'Also into a pipe, and whatever NO_COLOR says'
never\t'None'"
complete -c otpctl -n "__fish_otpctl_using_subcommand clock" -l json -d 'Write JSON'
complete -c otpctl -n "__fish_otpctl_using_subcommand clock" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c otpctl -n "__fish_otpctl_using_subcommand vault-version" -l color -d 'Colours: auto (on a terminal, unless NO_COLOR is set), always or never' -r -f -a "auto\t'On a terminal that has some, unless NO_COLOR is set'
always\t'Also into a pipe, and whatever NO_COLOR says'
never\t'None'"
complete -c otpctl -n "__fish_otpctl_using_subcommand vault-version" -l json -d 'Write JSON'
complete -c otpctl -n "__fish_otpctl_using_subcommand vault-version" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c otpctl -n "__fish_otpctl_using_subcommand mend" -l color -d 'Colours: auto (on a terminal, unless NO_COLOR is set), always or never' -r -f -a "auto\t'On a terminal that has some, unless NO_COLOR is set'
always\t'Also into a pipe, and whatever NO_COLOR says'
never\t'None'"
complete -c otpctl -n "__fish_otpctl_using_subcommand mend" -l dry-run -d 'Say what would be done, and change nothing'
complete -c otpctl -n "__fish_otpctl_using_subcommand mend" -l json -d 'Write JSON'
complete -c otpctl -n "__fish_otpctl_using_subcommand mend" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c otpctl -n "__fish_otpctl_using_subcommand watch-passwords" -l color -d 'Colours: auto (on a terminal, unless NO_COLOR is set), always or never' -r -f -a "auto\t'On a terminal that has some, unless NO_COLOR is set'
always\t'Also into a pipe, and whatever NO_COLOR says'
never\t'None'"
complete -c otpctl -n "__fish_otpctl_using_subcommand watch-passwords" -l json -d 'Write JSON'
complete -c otpctl -n "__fish_otpctl_using_subcommand watch-passwords" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c otpctl -n "__fish_otpctl_using_subcommand end-sudo" -l color -d 'Colours: auto (on a terminal, unless NO_COLOR is set), always or never' -r -f -a "auto\t'On a terminal that has some, unless NO_COLOR is set'
always\t'Also into a pipe, and whatever NO_COLOR says'
never\t'None'"
complete -c otpctl -n "__fish_otpctl_using_subcommand end-sudo" -l json -d 'Write JSON'
complete -c otpctl -n "__fish_otpctl_using_subcommand end-sudo" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and not __fish_seen_subcommand_from invite reset resets enrol add rotate recovery-codes token import migrate-pam status notices list lost suspend resume reopen rename revoke expire forget adopt gc accept-restore doctor config explain gate emergency host-key clock vault-version mend watch-passwords end-sudo help" -f -a "invite" -d 'Make a registration code, with which a user makes a key'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and not __fish_seen_subcommand_from invite reset resets enrol add rotate recovery-codes token import migrate-pam status notices list lost suspend resume reopen rename revoke expire forget adopt gc accept-restore doctor config explain gate emergency host-key clock vault-version mend watch-passwords end-sudo help" -f -a "reset" -d 'Ask for a reset of the keys of a user who has lost them'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and not __fish_seen_subcommand_from invite reset resets enrol add rotate recovery-codes token import migrate-pam status notices list lost suspend resume reopen rename revoke expire forget adopt gc accept-restore doctor config explain gate emergency host-key clock vault-version mend watch-passwords end-sudo help" -f -a "resets" -d 'Show, approve and cancel resets'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and not __fish_seen_subcommand_from invite reset resets enrol add rotate recovery-codes token import migrate-pam status notices list lost suspend resume reopen rename revoke expire forget adopt gc accept-restore doctor config explain gate emergency host-key clock vault-version mend watch-passwords end-sudo help" -f -a "enrol" -d 'Make a key, with a registration code from an administrator'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and not __fish_seen_subcommand_from invite reset resets enrol add rotate recovery-codes token import migrate-pam status notices list lost suspend resume reopen rename revoke expire forget adopt gc accept-restore doctor config explain gate emergency host-key clock vault-version mend watch-passwords end-sudo help" -f -a "add" -d 'Make another key for yourself, with a code of an existing one'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and not __fish_seen_subcommand_from invite reset resets enrol add rotate recovery-codes token import migrate-pam status notices list lost suspend resume reopen rename revoke expire forget adopt gc accept-restore doctor config explain gate emergency host-key clock vault-version mend watch-passwords end-sudo help" -f -a "rotate" -d 'Replace one of your keys, with a code of it'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and not __fish_seen_subcommand_from invite reset resets enrol add rotate recovery-codes token import migrate-pam status notices list lost suspend resume reopen rename revoke expire forget adopt gc accept-restore doctor config explain gate emergency host-key clock vault-version mend watch-passwords end-sudo help" -f -a "recovery-codes" -d 'Make new recovery codes for yourself, with a code of a key'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and not __fish_seen_subcommand_from invite reset resets enrol add rotate recovery-codes token import migrate-pam status notices list lost suspend resume reopen rename revoke expire forget adopt gc accept-restore doctor config explain gate emergency host-key clock vault-version mend watch-passwords end-sudo help" -f -a "token" -d 'Give hardware tokens to users'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and not __fish_seen_subcommand_from invite reset resets enrol add rotate recovery-codes token import migrate-pam status notices list lost suspend resume reopen rename revoke expire forget adopt gc accept-restore doctor config explain gate emergency host-key clock vault-version mend watch-passwords end-sudo help" -f -a "import" -d 'Take over another program\'s keys, so that apps and tokens go on working'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and not __fish_seen_subcommand_from invite reset resets enrol add rotate recovery-codes token import migrate-pam status notices list lost suspend resume reopen rename revoke expire forget adopt gc accept-restore doctor config explain gate emergency host-key clock vault-version mend watch-passwords end-sudo help" -f -a "migrate-pam" -d 'Show our line for each line of pam_google_authenticator.so or pam_oath.so in a PAM file'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and not __fish_seen_subcommand_from invite reset resets enrol add rotate recovery-codes token import migrate-pam status notices list lost suspend resume reopen rename revoke expire forget adopt gc accept-restore doctor config explain gate emergency host-key clock vault-version mend watch-passwords end-sudo help" -f -a "status" -d 'Show your keys, or those of a user, and whether codes are refused'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and not __fish_seen_subcommand_from invite reset resets enrol add rotate recovery-codes token import migrate-pam status notices list lost suspend resume reopen rename revoke expire forget adopt gc accept-restore doctor config explain gate emergency host-key clock vault-version mend watch-passwords end-sudo help" -f -a "notices" -d 'Show unread notices about your keys, or about those of a user'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and not __fish_seen_subcommand_from invite reset resets enrol add rotate recovery-codes token import migrate-pam status notices list lost suspend resume reopen rename revoke expire forget adopt gc accept-restore doctor config explain gate emergency host-key clock vault-version mend watch-passwords end-sudo help" -f -a "list" -d 'Show every enrolled or invited user, one a line'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and not __fish_seen_subcommand_from invite reset resets enrol add rotate recovery-codes token import migrate-pam status notices list lost suspend resume reopen rename revoke expire forget adopt gc accept-restore doctor config explain gate emergency host-key clock vault-version mend watch-passwords end-sudo help" -f -a "lost" -d 'Refuse all your codes at once, because a device is lost'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and not __fish_seen_subcommand_from invite reset resets enrol add rotate recovery-codes token import migrate-pam status notices list lost suspend resume reopen rename revoke expire forget adopt gc accept-restore doctor config explain gate emergency host-key clock vault-version mend watch-passwords end-sudo help" -f -a "suspend" -d 'Refuse every code of a user, until `otpctl resume`'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and not __fish_seen_subcommand_from invite reset resets enrol add rotate recovery-codes token import migrate-pam status notices list lost suspend resume reopen rename revoke expire forget adopt gc accept-restore doctor config explain gate emergency host-key clock vault-version mend watch-passwords end-sudo help" -f -a "resume" -d 'End a suspension: accept the user\'s codes again'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and not __fish_seen_subcommand_from invite reset resets enrol add rotate recovery-codes token import migrate-pam status notices list lost suspend resume reopen rename revoke expire forget adopt gc accept-restore doctor config explain gate emergency host-key clock vault-version mend watch-passwords end-sudo help" -f -a "reopen" -d 'Reopen what too many wrong codes have closed'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and not __fish_seen_subcommand_from invite reset resets enrol add rotate recovery-codes token import migrate-pam status notices list lost suspend resume reopen rename revoke expire forget adopt gc accept-restore doctor config explain gate emergency host-key clock vault-version mend watch-passwords end-sudo help" -f -a "rename" -d 'Give a key another label'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and not __fish_seen_subcommand_from invite reset resets enrol add rotate recovery-codes token import migrate-pam status notices list lost suspend resume reopen rename revoke expire forget adopt gc accept-restore doctor config explain gate emergency host-key clock vault-version mend watch-passwords end-sudo help" -f -a "revoke" -d 'Remove a key for good'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and not __fish_seen_subcommand_from invite reset resets enrol add rotate recovery-codes token import migrate-pam status notices list lost suspend resume reopen rename revoke expire forget adopt gc accept-restore doctor config explain gate emergency host-key clock vault-version mend watch-passwords end-sudo help" -f -a "expire" -d 'Set or remove the end of a key'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and not __fish_seen_subcommand_from invite reset resets enrol add rotate recovery-codes token import migrate-pam status notices list lost suspend resume reopen rename revoke expire forget adopt gc accept-restore doctor config explain gate emergency host-key clock vault-version mend watch-passwords end-sudo help" -f -a "forget" -d 'Remove everything stored about a user, who then counts as never enrolled'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and not __fish_seen_subcommand_from invite reset resets enrol add rotate recovery-codes token import migrate-pam status notices list lost suspend resume reopen rename revoke expire forget adopt gc accept-restore doctor config explain gate emergency host-key clock vault-version mend watch-passwords end-sudo help" -f -a "adopt" -d 'Give an account the keys of its former name or uid'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and not __fish_seen_subcommand_from invite reset resets enrol add rotate recovery-codes token import migrate-pam status notices list lost suspend resume reopen rename revoke expire forget adopt gc accept-restore doctor config explain gate emergency host-key clock vault-version mend watch-passwords end-sudo help" -f -a "gc" -d 'List enrolled users whose local account is gone'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and not __fish_seen_subcommand_from invite reset resets enrol add rotate recovery-codes token import migrate-pam status notices list lost suspend resume reopen rename revoke expire forget adopt gc accept-restore doctor config explain gate emergency host-key clock vault-version mend watch-passwords end-sudo help" -f -a "accept-restore" -d 'Accept files that were restored from a backup'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and not __fish_seen_subcommand_from invite reset resets enrol add rotate recovery-codes token import migrate-pam status notices list lost suspend resume reopen rename revoke expire forget adopt gc accept-restore doctor config explain gate emergency host-key clock vault-version mend watch-passwords end-sudo help" -f -a "doctor" -d 'Say what is wrong on this host, why it matters, and which command mends it'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and not __fish_seen_subcommand_from invite reset resets enrol add rotate recovery-codes token import migrate-pam status notices list lost suspend resume reopen rename revoke expire forget adopt gc accept-restore doctor config explain gate emergency host-key clock vault-version mend watch-passwords end-sudo help" -f -a "config" -d 'Check the policy file and the PAM stacks, edit the policy, or show a template of letters'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and not __fish_seen_subcommand_from invite reset resets enrol add rotate recovery-codes token import migrate-pam status notices list lost suspend resume reopen rename revoke expire forget adopt gc accept-restore doctor config explain gate emergency host-key clock vault-version mend watch-passwords end-sudo help" -f -a "explain" -d 'Say what would happen to a user at a service, by which line of which file'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and not __fish_seen_subcommand_from invite reset resets enrol add rotate recovery-codes token import migrate-pam status notices list lost suspend resume reopen rename revoke expire forget adopt gc accept-restore doctor config explain gate emergency host-key clock vault-version mend watch-passwords end-sudo help" -f -a "gate" -d 'Make a service ask for codes, once an admin has passed the new stack'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and not __fish_seen_subcommand_from invite reset resets enrol add rotate recovery-codes token import migrate-pam status notices list lost suspend resume reopen rename revoke expire forget adopt gc accept-restore doctor config explain gate emergency host-key clock vault-version mend watch-passwords end-sudo help" -f -a "emergency" -d 'Let a user in without a code, whatever is broken, or end that'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and not __fish_seen_subcommand_from invite reset resets enrol add rotate recovery-codes token import migrate-pam status notices list lost suspend resume reopen rename revoke expire forget adopt gc accept-restore doctor config explain gate emergency host-key clock vault-version mend watch-passwords end-sudo help" -f -a "host-key" -d 'Export the host key, import it again, or check it'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and not __fish_seen_subcommand_from invite reset resets enrol add rotate recovery-codes token import migrate-pam status notices list lost suspend resume reopen rename revoke expire forget adopt gc accept-restore doctor config explain gate emergency host-key clock vault-version mend watch-passwords end-sudo help" -f -a "clock" -d 'Confirm that the clock is right where no time server does (with --offline)'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and not __fish_seen_subcommand_from invite reset resets enrol add rotate recovery-codes token import migrate-pam status notices list lost suspend resume reopen rename revoke expire forget adopt gc accept-restore doctor config explain gate emergency host-key clock vault-version mend watch-passwords end-sudo help" -f -a "vault-version" -d 'Make the vault usable for an older version of pam_otp (with --offline)'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and not __fish_seen_subcommand_from invite reset resets enrol add rotate recovery-codes token import migrate-pam status notices list lost suspend resume reopen rename revoke expire forget adopt gc accept-restore doctor config explain gate emergency host-key clock vault-version mend watch-passwords end-sudo help" -f -a "mend" -d 'Put owners, modes and hard links of the vault right (with --offline)'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and not __fish_seen_subcommand_from invite reset resets enrol add rotate recovery-codes token import migrate-pam status notices list lost suspend resume reopen rename revoke expire forget adopt gc accept-restore doctor config explain gate emergency host-key clock vault-version mend watch-passwords end-sudo help" -f -a "watch-passwords" -d 'See which passwords of local accounts have changed'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and not __fish_seen_subcommand_from invite reset resets enrol add rotate recovery-codes token import migrate-pam status notices list lost suspend resume reopen rename revoke expire forget adopt gc accept-restore doctor config explain gate emergency host-key clock vault-version mend watch-passwords end-sudo help" -f -a "end-sudo" -d 'Make sudo ask again after keys were replaced or suspended'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and not __fish_seen_subcommand_from invite reset resets enrol add rotate recovery-codes token import migrate-pam status notices list lost suspend resume reopen rename revoke expire forget adopt gc accept-restore doctor config explain gate emergency host-key clock vault-version mend watch-passwords end-sudo help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and __fish_seen_subcommand_from resets" -f -a "list" -d 'List the resets that wait; users in no group see their own'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and __fish_seen_subcommand_from resets" -f -a "approve" -d 'Agree to a reset that another administrator asked for'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and __fish_seen_subcommand_from resets" -f -a "cancel" -d 'Cancel a reset, and a registration code that was made on it'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and __fish_seen_subcommand_from token" -f -a "add" -d 'Store the secret of a user\'s hardware token, once its codes confirm it'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and __fish_seen_subcommand_from token" -f -a "assign" -d 'Give a user an unassigned token, once its codes confirm it'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and __fish_seen_subcommand_from token" -f -a "list" -d 'List unassigned tokens'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and __fish_seen_subcommand_from token" -f -a "remove" -d 'Remove an unassigned token'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and __fish_seen_subcommand_from import" -f -a "google-authenticator" -d 'Import keys from users\' own files of pam_google_authenticator'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and __fish_seen_subcommand_from import" -f -a "oath" -d 'Import keys from a users file of pam_oath'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and __fish_seen_subcommand_from import" -f -a "otpauth" -d 'Import keys from the addresses in QR codes, one per line'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and __fish_seen_subcommand_from import" -f -a "migration" -d 'Import keys from the addresses in QR codes, one per line'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and __fish_seen_subcommand_from import" -f -a "pskc" -d 'Import unassigned hardware tokens from their maker\'s file (PSKC, RFC 6030)'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and __fish_seen_subcommand_from import" -f -a "own-file" -d 'Write a file of the caller\'s own to standard output'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "check" -d 'Check the policy file and the PAM stacks'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "edit" -d 'Edit the policy file; the changes count only if it is in order'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "template" -d 'Show a built-in template of letters and notes, to begin your own with'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and __fish_seen_subcommand_from gate" -f -a "enable" -d 'Make a service ask for a code, for 120 seconds unless confirmed'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and __fish_seen_subcommand_from gate" -f -a "confirm" -d 'Keep an enabled gate; run it in another login session'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and __fish_seen_subcommand_from gate" -f -a "disable" -d 'Stop a service from asking for a code: put its file back to the byte'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and __fish_seen_subcommand_from gate" -f -a "status" -d 'Show which services ask for a code, by which line, and who is exempt'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and __fish_seen_subcommand_from gate" -f -a "test" -d 'Try the stack of a service with a code of an admin, and change nothing'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and __fish_seen_subcommand_from gate" -f -a "prove" -d 'The child of the proof'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and __fish_seen_subcommand_from gate" -f -a "undo-pending" -d 'The way back of gates that nobody has confirmed'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and __fish_seen_subcommand_from emergency" -f -a "bypass" -d 'Let a user in without a code, for a time'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and __fish_seen_subcommand_from emergency" -f -a "end" -d 'Ask a user for codes again'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and __fish_seen_subcommand_from emergency" -f -a "list" -d 'Show who is let in without a code, why, since when and until when'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and __fish_seen_subcommand_from host-key" -f -a "export" -d 'Write the host key to a file, sealed with a passphrase, or show it'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and __fish_seen_subcommand_from host-key" -f -a "import" -d 'Put an exported host key back'
complete -c otpctl -n "__fish_otpctl_using_subcommand help; and __fish_seen_subcommand_from host-key" -f -a "check" -d 'Check that host key and vault belong together, and show when the key was exported'
