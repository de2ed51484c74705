//! The table of all findings. An id never changes once it was released. The texts say why a finding matters to
//! somebody who does not know PAM. otpctl(1) has the ids, which a test compares; tests/doctor/gallery has a broken set-up for each.

use super::gravity::Gravity;

macro_rules! findings {
    ($($variant:ident, $id:literal, $gravity:ident, $why:literal;)*) => {
        /// Which finding it is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum FindingId {
            $($variant,)*
        }

        impl FindingId {
            /// All of them, in the order of the table.
            pub(crate) const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The stable id.
            pub(crate) const fn id(self) -> &'static str {
                match self {
                    $(Self::$variant => $id,)*
                }
            }

            pub(crate) const fn gravity(self) -> Gravity {
                match self {
                    $(Self::$variant => Gravity::$gravity,)*
                }
            }

            /// Why it matters.
            pub(crate) const fn why(self) -> &'static str {
                match self {
                    $(Self::$variant => $why,)*
                }
            }
        }
    };
}

findings! {
    // the examination itself
    NotLookedAt, "not-looked-at", Unknown,
        "It may be broken, and nobody would hear of it here.";

    // accounts and directories
    AccountMissing, "account-missing", Critical,
        "The keys belong to this system account, and the daemon runs as it. Without it every code is refused.";
    AccountNoteWrong, "account-note-wrong", Critical,
        "Every login reads in this file which account the vault must belong to. While it names another one, every \
         code is refused.";
    GroupMissing, "group-missing", Warning,
        "Membership of this group gives a right, such as inviting users. While the group is missing nobody has that right.";
    DirectoryUntrusted, "directory-untrusted", Critical,
        "An account that can write there could replace the keys or the policy. Files below such a directory are not used, so codes are refused.";
    ClosedToPrograms, "closed-to-programs", Warning,
        "Screen lockers and applications run as their user and not as root. They cannot pass here, so they refuse codes and do not see a bypass.";

    // the host key
    HostKeyMissing, "host-key-missing", Critical,
        "The host key unlocks the users' keys. Without it every code and every recovery code is refused.";
    HostKeyUntrusted, "host-key-untrusted", Critical,
        "Anybody who can read the host key and a copy of the vault can compute codes. A host key that others can reach is not used, so codes are refused.";
    HostKeyDamaged, "host-key-damaged", Critical,
        "The file holds no host key. Without the host key every code and every recovery code is refused.";
    HostKeyOfAnotherVault, "host-key-of-another-vault", Critical,
        "The users' keys were sealed with another host key, so this one opens none of them. Every code and every \
         recovery code is refused.";
    HostKeyNeverExported, "host-key-never-exported", Warning,
        "The only copy of the host key is on this disk. If it is lost, every user needs a new key.";

    // the vault and the daemon
    VaultMissing, "vault-missing", Critical,
        "The vault holds the users' keys. It may be on a file system that is not mounted. Without it every code is refused.";
    VaultUnusable, "vault-unusable", Critical,
        "The vault holds the users' keys. While it cannot be read every code is refused.";
    VaultOwnerOrMode, "vault-owner-or-mode", Critical,
        "A file of the vault that another account can reach is not used, because that account may have read or changed it. The codes of its user are refused.";
    VaultHardLink, "vault-hard-link", Critical,
        "A file with a second name can be changed under that name, so it is not used. The codes of its user are \
         refused.";
    VaultForeignFile, "vault-foreign-file", Warning,
        "No program of pam_otp puts this into the vault. It may be a mistake, or the trace of an attack.";
    NamesDamaged, "names-damaged", Warning,
        "The index tells under which uid a name has keys. While an entry cannot be read, a user of that name who has no key is refused.";
    OutboxUntrusted, "outbox-untrusted", Warning,
        "Notices to users leave this host through the outbox. Users do not hear of changes to their keys.";
    DaemonUnreachable, "daemon-unreachable", Critical,
        "The daemon makes keys and checks codes for su, screen lockers and applications. They refuse until it runs; sudo, sshd and login go on.";
    SocketUntrusted, "socket-untrusted", Critical,
        "Another account answers in place of the daemon. Nobody speaks to it, so su, screen lockers and applications refuse codes.";

    // users
    UserFileDamaged, "user-file-damaged", Critical,
        "A file of this user cannot be read or does not belong to its other files. Their codes are refused.";
    UserRenamed, "user-renamed", Critical,
        "The keys belong to another name or uid than the account has now. It may be another person, so their codes are refused.";
    UserUnreadable, "user-unreadable", Critical,
        "The daemon cannot read the files of this user. Their codes are refused.";
    AccountGone, "account-gone", Warning,
        "Keys of an account that no longer exists are still stored. The next person with that name or number is \
         refused until you decide whose the keys are.";
    RestoredCopy, "restored-copy", Warning,
        "The file came back from a backup or was touched by another program. Recovery codes, registration codes and counting tokens are off, because they may have been used since.";
    StateDamaged, "state-damaged", Warning,
        "One of the two copies of this user's state is torn. If the other one is lost, too, their codes are refused.";
    ChangeInterrupted, "change-interrupted", Warning,
        "A change of this user's keys was interrupted, by a crash perhaps. It is finished at the next look or login.";
    ClockBehindUser, "clock-behind-user", Critical,
        "A code from a later time than now was accepted, so codes of this user are refused until that time has passed.";
    RecoveryCodesUsedUp, "recovery-codes-used-up", Warning,
        "A recovery code is the way in for a user who has lost the phone. This user has none left.";
    KeysEnd, "keys-end", Warning,
        "Every key of this user has an end. After the last one every code is refused, and they cannot make a new key by themselves.";
    AdminWithoutKey, "admin-without-key", Warning,
        "This administrator is refused where a code is asked, and then cannot help anybody.";
    NobodyEnrolled, "nobody-enrolled", Warning,
        "No user has a key. Where a code is asked, everybody is refused or nobody is asked.";

    // the policy
    PolicyUnusable, "policy-unusable", Critical,
        "Without a readable policy nobody knows what it asks for. Every gate refuses.";
    NameMatchesNobody, "name-matches-nobody", Warning,
        "An entry of require or exempt matches nobody. With a misspelt name nobody is exempt, and nobody or \
         everybody may be asked for a code.";
    ExemptionEnds, "exemption-ends", Warning,
        "From that day on these users are asked for a code, and are refused if they have no key.";
    ResetsSimple, "resets-simple", Warning,
        "A helper, or somebody at a helper's terminal, can replace the keys of any user at once, without a delay in which the owner could object.";
    RolloutNear, "rollout-near", Warning,
        "From that day on users without a key are refused at this gate.";

    // letters
    LetterTemplateBroken, "letter-template-broken", Warning,
        "Registration codes are printed on letters. While the site's own template cannot be used, no letter is made.";

    // room
    DiskFull, "disk-full", Critical,
        "Every attempt is written down before it is answered. Without room nobody can be enrolled, and notices are lost.";
    DiskNearlyFull, "disk-nearly-full", Warning,
        "Without room nobody can be enrolled, and notices are lost.";

    // the clock
    ClockNotSynchronised, "clock-not-synchronised", Warning,
        "Codes depend on the time. A clock that nobody corrects drifts, until good codes are refused.";
    ClockBehind, "clock-behind", Critical,
        "Codes depend on the time. The clock is behind a time that has already passed, so codes that were used or are current are refused.";
    ClockFarAhead, "clock-far-ahead", Critical,
        "Codes depend on the time. The clock jumped far ahead and no time server confirms it, so it is not believed and codes are refused.";

    // ways past the gate
    BypassInForce, "bypass-in-force", Warning,
        "This user is asked for no code at any gate until the bypass ends.";
    BypassNotHonoured, "bypass-not-honoured", Warning,
        "Somebody started a bypass for this user, but it does not count: the user is still asked for a code.";

    // the module
    ModuleMissing, "module-missing", Critical,
        "pam_otp.so is the part that asks for codes. Where it is not found, programs that want it let nobody in.";
    ModuleUntrusted, "module-untrusted", Critical,
        "sudo, su and sshd run this file as root. Anybody who can write it becomes root and gets past every code.";
    ModuleClosed, "module-closed", Warning,
        "Screen lockers run as their user. They cannot read the module, so they unlock for nobody.";
    ModuleDoesNotLoad, "module-does-not-load", Critical,
        "Programs cannot load the module, so those that want it let nobody in.";
    ModuleOfAnotherVersion, "module-of-another-version", Warning,
        "Module, daemon and otpctl belong together. After half an upgrade one of them may not understand the others.";

    // the stacks of PAM
    StackLetsPast, "stack-lets-past", Critical,
        "A program's PAM file says what it asks, and in which order. With this one somebody gets in without a code, \
         or after the code was refused.";
    StackPassedByExpiry, "stack-passed-by-expiry", Warning,
        "Where a password has expired, the check for suspended users is passed over, and a suspended user may get in.";
    StackRefuses, "stack-refuses", Critical,
        "PAM cannot use a line of this file as intended. The program refuses everybody, or asks for no code.";
    GateIdle, "gate-idle", Critical,
        "Somebody wanted a code to be asked for here, but no program reads this line.";
    GateWithoutTwin, "gate-without-twin", Critical,
        "The same program has two PAM files, and one of them asks for no code: the other way in is open.";
    GateWithoutAccountLine, "gate-without-account-line", Warning,
        "Where a program asks nobody for anything, as sudo with NOPASSWD, a suspended user gets in.";
    CodeAskedTwice, "code-asked-twice", Warning,
        "A code works once. Users who type a correct code are asked for another one and have to wait for it.";
    CodeAskedFirst, "code-asked-first", Warning,
        "Anybody who knows a user's name can use up that user's guesses, because the code comes before the password.";
    RotationWithoutPasswordLine, "rotation-without-password-line", Warning,
        "The policy wants this program to replace keys that are due, but its PAM file has no line for that.";
    PolicyForNobody, "policy-for-nobody", Warning,
        "The policy has rules for a program that asks for no code. Somebody may believe that they apply.";
    OtherPermits, "other-permits", Critical,
        "Programs without a PAM file of their own take this one. It lets everybody in.";
    SuSkipsRoot, "su-skips-root", Warning,
        "su asks for a code of the account that is entered. Root has no key, so the password of root is enough.";
    GateReplaced, "gate-replaced", Critical,
        "A package replaced a file that asked for codes. The program asks for the password alone.";
    ConffileLeftover, "conffile-leftover", Warning,
        "A package and an admin have both changed this file. One of the changes is not in use.";

    // changes of passwords
    PasswordsNotWatched, "passwords-not-watched", Warning,
        "An administrator who has just set a user's password could replace the user's key, too, and take the \
         account. While nothing watches for changed passwords, nothing stops that.";
    PasswordLineMissing, "password-line-missing", Warning,
        "This host has a helpdesk. After the key of a user was replaced, this program lets anybody who may set passwords set that user's password, and nobody notes who did.";

    PasswordsElsewhere, "passwords-elsewhere", Warning,
        "Nobody on this host sees when the passwords of these users change: an administrator may have set one just \
         before a reset. Until the policy says what to do about that, each of their resets takes a second \
         administrator.";

    // sudo
    SudoServiceMissing, "sudo-service-missing", Critical,
        "sudoers names a PAM service that has no file. sudo then uses the file for all other programs, which may \
         ask for the password alone.";
    SudoTimeStampShared, "sudo-time-stamp-shared", Critical,
        "sudo asks again only after some minutes, whatever the command. A password typed for a weaker command then \
         also opens one that wants a code.";
    SudoTimeStampWide, "sudo-time-stamp-wide", Warning,
        "A program that runs as the user on another terminal becomes root without a code after the user has typed one.";
    SudoNopasswd, "sudo-nopasswd", Warning,
        "Anybody who gets hold of these accounts becomes root without a password and without a code.";
    SudoShellBesideCommand, "sudo-shell-beside-command", Warning,
        "A user who may run a shell, an editor or everything does not need the command that wants a code.";
    SudoLogOutput, "sudo-log-output", Warning,
        "A new key and recovery codes are shown on the screen. This log keeps them, and its readers can log in with them.";
    SudoAsksForAnother, "sudo-asks-for-another", Warning,
        "sudo asks for a code of root or of another account, which has none. Nobody can pass, or nobody is asked.";

    // sshd and login
    SshdWithoutPam, "sshd-without-pam", Critical,
        "sshd ignores its PAM file, so it asks for the password alone.";
    SshdCannotAsk, "sshd-cannot-ask", Critical,
        "sshd cannot ask a question, so nobody can type a code: users without an SSH key are refused.";
    SshdKeySkipsCode, "sshd-key-skips-code", Warning,
        "sshd asks PAM nothing after it has accepted an SSH key. Anybody who has a copy of that key gets in without \
         a code.";
    SshdMatchSkipsCode, "sshd-match-skips-code", Warning,
        "For some logins sshd has other settings, and with these it asks for no code.";
    SshdUseDns, "sshd-use-dns", Warning,
        "The policy has rules for networks, which need addresses. sshd passes on host names, so those rules exempt \
         nobody and everybody is asked.";
    EnrolmentTimeShort, "enrolment-time-short", Warning,
        "Users enrol at this prompt: they scan a picture and write down eight codes. The login ends before they can \
         finish.";

    // SELinux and AppArmor
    SelinuxDenial, "selinux-denial", Critical,
        "SELinux keeps a program from a file or a socket of pam_otp. Codes are refused there.";
    ApparmorDenial, "apparmor-denial", Critical,
        "AppArmor keeps a program from a file or a socket of pam_otp. Codes are refused there.";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn an_id_stands_once_and_can_be_a_label() {
        let ids: BTreeSet<&str> = FindingId::ALL.iter().map(|one| one.id()).collect();
        assert_eq!(ids.len(), FindingId::ALL.len());
        assert!(ids.iter().all(|id| id.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')));
        assert!(FindingId::ALL.iter().all(|one| one.why().ends_with('.') && !one.why().contains('|')));
    }

    #[test]
    fn the_manual_has_every_id_in_the_order_of_the_table() {
        let manual = include_str!("../../../packaging/man/otpctl.1");
        let section = manual.split(".Sh FINDINGS OF DOCTOR\n").nth(1).and_then(|rest| rest.split("\n.Sh ").next());
        let listed: Vec<&str> = section.unwrap().lines().filter_map(|line| line.strip_prefix(".It Cm ")).collect();
        let wanted: Vec<String> =
            FindingId::ALL.iter().map(|one| format!("{} Pq {}", one.id(), one.gravity().word())).collect();
        assert_eq!(listed, wanted);
    }
}
