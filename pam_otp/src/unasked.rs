//! Texts that nobody asked for: notices, and that a key grows old. Not one byte of them may land in the output of a command.
//!
//! sudo, su and doas write a text of information to their own standard output, which is that of the command, and an error text
//! to standard error. So there these texts are errors, and are sent only where a person reads standard error. login, display
//! managers and sshd start no command whose output anybody keeps, or keep the text out of it.

use crate::host::{ConversationFailed, Host, Item};

/// How such a text comes to the person.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Channel {
    /// As information, through the conversation.
    Conversation,
    /// As an error: to the terminal that is standard error.
    Terminal,
    /// Not at all.
    Nowhere,
}

/// Would the person hear it?
pub(crate) fn is_heard(host: &impl Host) -> bool {
    channel(host) != Channel::Nowhere
}

/// Says it. An error where nobody would hear it.
pub(crate) fn tell(host: &mut impl Host, text: &str) -> Result<(), ConversationFailed> {
    match channel(host) {
        Channel::Conversation => host.show_text(text),
        Channel::Terminal => host.show_error(text),
        Channel::Nowhere => Err(ConversationFailed),
    }
}

fn channel(host: &impl Host) -> Channel {
    match runs_a_command(host) {
        false => Channel::Conversation,
        true if host.standard_error_is_terminal() => Channel::Terminal,
        true => Channel::Nowhere,
    }
}

/// A root-owned process that somebody started for one command: by its real uid, by the person whom it says it acts for
/// (PAM_RUSER, which sudo, su and doas set), or by its service, if it was told not to say that.
fn runs_a_command(host: &impl Host) -> bool {
    let service = host.item(Item::Service).unwrap_or_default();
    let uids = host.uids();
    let names_somebody = || host.item(Item::Ruser).is_some_and(|name| !name.is_empty());
    uids.effective == 0
        && service != AGENTS_SERVICE
        && (uids.real != 0 || names_somebody() || COMMANDS.contains(&service.as_str()))
}

/// polkit's helper: what it writes goes to an agent, never into the output of a command.
const AGENTS_SERVICE: &str = "polkit-1";
const COMMANDS: [&str; 5] = ["sudo", "sudo-i", "su", "su-l", "doas"];
