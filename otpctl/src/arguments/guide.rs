//! The part of help that is not in the definition of the command line: whose each command is, and examples. A new command wants its name in
//! one group and an example; tests say so.

use otp_system::command_line::{Example, Group, Guide};

pub(crate) const GUIDE: Guide = Guide { groups: &GROUPS, examples: &EXAMPLES, manual: "otpctl(1)" };

const GROUPS: [Group; 3] = [
    Group {
        title: "For yourself",
        commands: &[
            "enrol",
            "add",
            "rotate",
            "rename",
            "revoke",
            "recovery-codes",
            "status",
            "notices",
            "reopen",
            "lost",
        ],
    },
    Group {
        title: "For administrators (root, otp-admin; otp-helpdesk may invite, reset and suspend)",
        commands: &["invite", "reset", "resets", "token", "expire", "list", "suspend", "resume"],
    },
    Group {
        title: "For root",
        commands: &[
            "doctor",
            "explain",
            "gate",
            "config",
            "emergency",
            "host-key",
            "import",
            "migrate-pam",
            "forget",
            "adopt",
            "gc",
            "accept-restore",
            "clock",
            "mend",
            "vault-version",
            "watch-passwords",
            "end-sudo",
        ],
    },
];

const fn example(command: &'static str, line: &'static str, does: &'static str) -> Example {
    Example { command, line, does }
}

#[rustfmt::skip]
const EXAMPLES: [Example; 84] = [
    example("", "otpctl enrol", "Make your first key, with a registration code."),
    example("", "otpctl status", "Show your keys."),
    example("", "otpctl invite alice", "Give alice a registration code."),

    example("enrol", "otpctl enrol", "Type your registration code, scan the QR code, type a code from the app."),
    example("enrol", "otpctl enrol --label tablet", "The same, for a device that you call tablet."),
    example("add", "otpctl add --label tablet", "A second key, on a tablet, confirmed by a code of the first."),
    example("rotate", "otpctl rotate phone", "Put a new key on your phone."),
    example("rename", "otpctl rename alice phone \"old phone\"", "Call alice's key \"phone\" \"old phone\"."),
    example("revoke", "otpctl revoke tablet", "Remove your key \"tablet\"."),
    example("revoke", "otpctl revoke alice tablet", "As an administrator, remove alice's key."),
    example("recovery-codes", "otpctl recovery-codes", "Get eight new recovery codes; the earlier ones no longer work."),
    example("status", "otpctl status", "Show your keys."),
    example("status", "otpctl status alice", "As an administrator, show those of alice."),
    example("status", "otpctl status --try-code", "Find out why codes are refused."),
    example("notices", "otpctl notices", "Show what happened to your keys."),
    example("lost", "otpctl lost", "Your phone is gone: refuse all your codes at once."),
    example("lost", "otpctl lost --found", "You have found it within the hour: take that back."),
    example("reopen", "otpctl reopen", "After too many wrong codes, reopen your logins with a right one."),
    example("reopen", "otpctl reopen alice --origin remote", "As an administrator, let alice log in over the network again."),

    example("invite", "otpctl invite alice", "Show a code to read out to alice; it ends after 10 minutes."),
    example("invite", "otpctl invite alice --form mail --replace", "After a lost phone: a code to mail; the new key replaces all of alice's keys."),
    example("invite", "otpctl invite alice --replace --reason \"lost phone, seen in person\"", "The same as the only administrator, although alice's password is fresh."),
    example("invite", "otpctl invite alice --letter alice.html --cover note.txt", "Write a page with the code, to print and post, and a note for another envelope."),
    example("invite", "otpctl invite --from people.csv --stack letters.html", "Write a letter for every user of a list, a page each."),
    example("invite", "otpctl invite alice --extend --for 28d", "Let the code in a letter last longer."),
    example("invite", "otpctl invite alice --revoke", "Cancel the code."),
    example("reset", "otpctl reset alice --reason \"phone lost\" --proof in-person", "You see alice in person: a new code can be made at once."),
    example("reset", "otpctl reset alice --reason \"phone lost\" --proof vouched:bob", "Bob answers for alice: a new code can be made after 24 hours."),
    example("resets", "otpctl resets list", "Show the resets that are waiting."),
    example("resets list", "otpctl resets list", "Show the resets that are waiting."),
    example("resets approve", "otpctl resets approve 0a1b2c3d", "As a second administrator, agree to a reset of an administrator."),
    example("resets cancel", "otpctl resets cancel", "Keep your keys, if you did not ask for new ones."),
    example("token", "otpctl token add alice", "Type the secret of alice's token, then codes of it."),
    example("token add", "otpctl token add alice --label fob --kind hotp --hex", "Store a token that counts, whose secret is in hex."),
    example("expire", "otpctl expire alice phone 2027-01-31", "Refuse the codes of that key from the end of that day on."),
    example("expire", "otpctl expire alice phone never", "Remove the end of the key."),
    example("token assign", "otpctl token assign 2305-0007 alice", "Give alice the token with that serial number."),
    example("token list", "otpctl token list", "Show unassigned tokens."),
    example("token remove", "otpctl token remove 2305-0007", "Remove an unassigned token that is broken or lost."),
    example("list", "otpctl list", "Show who is enrolled or invited, and who has a bypass."),
    example("list", "otpctl list --not-enrolled --group staff", "Show the members of staff who have no key."),
    example("suspend", "otpctl suspend alice", "Refuse every code of alice, at once."),
    example("resume", "otpctl resume alice", "Accept alice's codes again."),

    example("doctor", "otpctl doctor", "Find out what is wrong, and how to fix it."),
    example("doctor", "otpctl doctor --json", "The same for a monitoring system."),
    example("explain", "otpctl explain alice sudo", "Find out whether sudo asks alice for a code, and why."),
    example("explain", "otpctl explain alice sshd --from 192.0.2.7", "The same for a login over the network."),
    example("gate", "otpctl gate enable sudo", "Make sudo ask for a code."),
    example("gate enable", "otpctl gate enable sudo", "Try the new stack with a code, then put it in place for two minutes."),
    example("gate enable", "otpctl gate enable sudo --command /usr/bin/true", "Make sudo ask for a code only before this command."),
    example("gate confirm", "otpctl gate confirm sudo", "Keep the gate; typed in another login session."),
    example("gate disable", "otpctl gate disable sudo", "Stop sudo from asking for a code."),
    example("gate status", "otpctl gate status", "Show which services ask for a code."),
    example("gate test", "otpctl gate test sshd --admin alice", "Try, with a code of alice, whether sshd would let her in."),
    example("config", "otpctl config check", "Find mistakes in the policy and in the PAM stacks."),
    example("config check", "otpctl config check", "Find mistakes in the policy and in the PAM stacks."),
    example("config template", "otpctl config template letter.html", "Show the built-in letter, to write your own."),
    example("config edit", "otpctl config edit", "Edit /etc/otp/otp.toml; nothing changes until it is in order."),
    example("emergency", "otpctl emergency bypass alice --reason \"lost phone\"", "Let alice in without a code for 24 hours."),
    example("emergency bypass", "otpctl emergency bypass alice --reason \"lost phone\" --for 2h", "Let alice in without a code for two hours."),
    example("emergency end", "otpctl emergency end alice", "Ask alice for codes again."),
    example("emergency list", "otpctl emergency list", "Show who has a bypass, and until when."),
    example("host-key", "otpctl host-key export /media/safe/host-key.txt", "Keep a copy of the host key, sealed with a passphrase."),
    example("host-key export", "otpctl host-key export /media/safe/host-key.txt", "Keep a copy of the host key, sealed with a passphrase."),
    example("host-key import", "otpctl host-key import /media/safe/host-key.txt", "Put the host key back."),
    example("host-key check", "otpctl host-key check /media/safe/host-key.txt", "Check that this copy opens, and holds the key in use."),
    example("import", "otpctl import google-authenticator --all-homes --dry-run", "Show which users of google-authenticator could go on with their apps."),
    example("import google-authenticator", "otpctl import google-authenticator alice", "Let alice go on with her app."),
    example("import oath", "otpctl import oath /etc/users.oath", "Let the users of pam_oath go on with their apps and tokens."),
    example("import otpauth", "otpctl import otpauth --user alice -", "Store the key of an address that is typed or piped in."),
    example("import migration", "otpctl import migration --user alice export.txt", "Store the keys of an export of Google Authenticator."),
    example("migrate-pam", "otpctl migrate-pam sshd", "Show our line for each line of another module of one-time codes."),
    example("migrate-pam", "otpctl migrate-pam --both --stack sshd", "Show the whole file for the time in which both modules ask."),
    example("import pskc", "otpctl import pskc tokens.xml --dry-run", "Show which tokens of a maker's file can be stored."),
    example("forget", "otpctl forget uid:1017", "Remove everything stored about uid 1017, whose account is gone."),
    example("adopt", "otpctl adopt alice --from alison", "Give alice the keys that she had as alison."),
    example("adopt", "otpctl adopt --all --dry-run", "Show who would get whose keys, and change nothing."),
    example("gc", "otpctl gc", "List the users whose local account is gone."),
    example("accept-restore", "otpctl accept-restore --all", "After a backup was restored: accept the files of every user."),
    example("clock", "otpctl --offline clock", "Accept the present time."),
    example("mend", "otpctl --offline mend --dry-run", "Show which owners and modes are wrong."),
    example("watch-passwords", "otpctl watch-passwords", "In a crontab: see which passwords have changed."),
    example("end-sudo", "otpctl end-sudo", "In a crontab: make sudo ask users whose keys were suspended."),
    example("vault-version", "otpctl --offline vault-version 1", "Before you install an older version of pam_otp."),
];

#[cfg(test)]
mod tests {
    use clap::{Command, CommandFactory as _, Parser as _};
    use otp_system::command_line::help;
    use otp_system::screen::{Look, columns, wrapped};

    use super::*;
    use crate::arguments::Arguments;

    /// Every command that help shows, the program itself too.
    fn shown() -> Vec<Command> {
        let mut program = Arguments::command();
        program.build();
        let mut all = vec![program];
        let mut next = 0;
        while let Some(one) = all.get(next) {
            let below: Vec<_> = one.get_subcommands().filter(|one| is_shown(one)).cloned().collect();
            all.extend(below);
            next += 1;
        }
        assert!(all.len() > 30);
        all
    }

    fn is_shown(command: &Command) -> bool {
        !command.is_hide_set() && command.get_name() != "help"
    }

    /// The words of a line, as a shell takes them.
    fn words(line: &str) -> Vec<String> {
        let parts = line.split('"').enumerate().map(|(place, part)| match place % 2 {
            0 => part.to_owned(),
            _ => part.replace(' ', "\u{a0}"),
        });
        let line: String = parts.collect();
        line.split(' ').filter(|word| !word.is_empty()).map(|word| word.replace('\u{a0}', " ")).collect()
    }

    #[test]
    fn each_command_stands_in_one_group() {
        let mut grouped: Vec<&str> = GROUPS.iter().flat_map(|group| group.commands).copied().collect();
        let program = Arguments::command();
        let mut there: Vec<&str> =
            program.get_subcommands().filter(|one| is_shown(one)).map(Command::get_name).collect();
        grouped.sort_unstable();
        there.sort_unstable();
        assert_eq!(grouped, there);
    }

    #[test]
    fn each_command_has_an_example_that_is_a_command_line_of_it() {
        for command in shown() {
            let path = command.get_bin_name().unwrap_or("otpctl").to_owned();
            let own: Vec<_> =
                EXAMPLES.iter().filter(|one| path.split_once(' ').unwrap_or_default().1 == one.command).collect();
            assert!(!own.is_empty(), "no example of {path}");
            for example in own {
                let words = words(example.line);
                assert!(Arguments::try_parse_from(&words).is_ok(), "{}", example.line);
                let said = words.iter().filter(|word| *word != "--offline").take(path.split(' ').count());
                assert_eq!(said.cloned().collect::<Vec<_>>().join(" "), path);
            }
        }
        let paths: Vec<_> = shown().iter().filter_map(|one| one.get_bin_name().map(str::to_owned)).collect();
        let stray = |one: &&Example| !one.command.is_empty() && !paths.contains(&format!("otpctl {}", one.command));
        assert!(EXAMPLES.iter().find(stray).is_none());
    }

    #[test]
    fn help_fits_every_window() {
        for (command, width) in shown().iter().flat_map(|command| [12, 20, 40, 80, 132].map(|width| (command, width))) {
            let text = help(command, &GUIDE, width);
            let text = wrapped(&text, Look { width: Some(width), ..Look::PLAIN }).to_string();
            for line in text.lines() {
                let fits = columns(line) <= width || line.split_whitespace().count() == 1;
                assert!(fits && line.trim_end() == line, "{width} {line:?} in\n{text}");
            }
            assert!(text.replace('\n', " ").ends_with("  See otpctl(1). "));
        }
    }

    #[test]
    fn a_broken_example_is_still_what_a_shell_reads() {
        for (command, width) in shown().iter().flat_map(|command| [12, 20, 40, 80].map(|width| (command, width))) {
            let text = wrapped(&help(command, &GUIDE, width), Look::PLAIN).replace(" \\\n", " ");
            let path = command.get_bin_name().unwrap_or_default().split_once(' ').unwrap_or_default().1;
            for example in EXAMPLES.iter().filter(|one| one.command == path) {
                assert!(text.lines().any(|line| words(line) == words(example.line)), "{width} {}", example.line);
            }
        }
    }

    #[test]
    fn help_names_what_is_taken_where_an_option_is_left_out() {
        let program = Arguments::command();
        for command in shown() {
            let text = wrapped(&help(&command, &GUIDE, 80), Look::PLAIN);
            let options = command.get_arguments().filter(|one| one.get_action().takes_values() && !one.is_hide_set());
            let is_instead = |one: &clap::Arg| one.is_positional() && !command.get_arg_conflicts_with(one).is_empty();
            let is_above = |one: &clap::Arg| one.is_global_set() && command.get_name() != "otpctl";
            for option in options.filter(|one| !one.is_required_set() && !is_instead(one) && !is_above(one)) {
                let own = option.get_long_help().or(option.get_help()).map(ToString::to_string).unwrap_or_default();
                let path = command.get_bin_name().unwrap_or(program.get_name());
                let told = own.contains("Default: ") || !option.get_default_values().is_empty();
                assert!(told || WITHOUT_A_DEFAULT.contains(&option.get_id().as_str()), "{path}: {}", option.get_id());
                assert!(text.contains("Default: ") || !told, "{path}");
            }
        }
    }

    /// If these are not given, no such thing is done.
    const WITHOUT_A_DEFAULT: [&str; 11] =
        ["reason", "letter", "cover", "from", "letters", "stack", "svg", "png", "textfile", "command", "file"];
}
