//! Checking a code for somebody else: for screen lockers that may not read the files, for `su`, whose process another person
//! could stop, and for applications that gate an action of their own.

use std::time::{Duration, Instant};

use otp_core::accounts::Account;
use otp_core::check::{Outcome, decoy, spend};
use otp_core::decision::input::{Guess, Typed};
use otp_core::decision::limits::Limits;
use otp_core::decision::origin::{Asker, Origin};
use otp_core::decision::{RefusalReason, Verdict};
use otp_core::emergency::Bypass;
use otp_core::environment::{Moment, PolicyClock};
use otp_core::files::date::utc;
use otp_core::log_line::{LogLine, Urgency};
use otp_core::vault::VaultError;
use otp_protocol::interface::{Prompt, Refusal, VerdictReply, Verified, Verify};
use otp_protocol::peer::{Peer, accountable_for};

use crate::access::check::{allowed, subject};
use crate::access::rights::{Act, Actor};
use crate::daemon::Daemon;
use crate::log::events::{bounded, event, paced};
use crate::machine::System;
use crate::refusals::Refused;

/// The reason of a verdict under an emergency mark.
const EMERGENCY: &str = "emergency";
/// The reason of one that a recovery code brought about.
const RECOVERY: &str = "recovery-code";

/// How long a lock is waited for by everybody.
const AT_ONCE: Duration = Duration::from_millis(100);

/// One check as it was asked for.
struct Question<'a> {
    peer: Peer,
    /// The uid that it counts for: the peer's own or, where root asks, the real uid that root tells.
    asker: u32,
    wanted: &'a Verify,
}

impl Daemon {
    /// One check.
    pub(crate) fn verify(&self, peer: Peer, wanted: &Verify) -> Result<Verified, Refused> {
        let (actor, account) = subject(peer, Act::Verify, wanted.user.as_deref())?;
        let target = account.as_ref().ok().map(|account| account.uid);
        allowed(actor, peer, Act::Verify, target)?;
        let asker = accountable_for(if actor == Actor::Root { wanted.prompt.real_uid.unwrap_or(0) } else { peer.uid });
        let question = Question { peer, asker, wanted };
        if let Some(verdict) = account.as_ref().ok().and_then(|account| self.emergency(peer, account)) {
            log(&question, account.as_ref().ok(), None, &verdict);
            return Ok(Verified { verdict });
        }
        let permit = self.verifying.permit(asker, target);
        let _permit = permit.ok_or_else(|| Refused::busy("too many codes at once"))?;
        let policy = self.service_policy(peer, Some(&wanted.prompt).filter(|_| actor == Actor::Root))?;
        let typed = wanted.code.sorted();
        let (account, origin, outcome) = match account {
            Ok(account) => {
                let origin = policy.origin(origin(actor, &wanted.prompt, account.uid));
                let outcome = self.checked(asker, &account, Guess { typed: &typed, origin }, &policy.limits)?;
                (Some(account), origin, Some(outcome))
            }
            Err(Refused(Refusal::NoSuchUser { .. })) => {
                decoy(Guess { typed: &typed, origin: Origin::Other }, &policy.limits, &System);
                (None, Origin::Other, None)
            }
            Err(refused) => return Err(refused),
        };
        let whole = whole(outcome.as_ref());
        if let (true, Some(account)) = (whole.reason == RECOVERY, &account) {
            // The code is used up, whether or not there is room for a notice now; it is made up for later.
            drop(self.notice_of_recovery(account));
        }
        log(&question, account.as_ref(), Some(origin), &whole);
        Ok(Verified { verdict: disclosed(whole, actor, origin) })
    }

    /// A lock is held for milliseconds, unless its user holds it. Not everybody who asks may wait for that.
    fn checked(&self, asker: u32, account: &Account, guess: Guess<'_>, limits: &Limits) -> Result<Outcome, Refused> {
        let clock = &PolicyClock { environment: &System, policy: limits.clock };
        let mut locked = self.vault().look(account, clock, Instant::now() + AT_ONCE);
        if let Err(VaultError::LockTimeout { .. }) = locked {
            let permit = self.waiting.permit(asker, account.uid);
            let _permit = permit.ok_or_else(|| Refused::busy("too many codes wait for a lock"))?;
            locked = self.vault().lock(account, clock);
        }
        let outcome = match locked? {
            Some(mut locked) => spend(&self.unlocked, &mut locked, guess, limits, &System),
            None => {
                decoy(guess, limits, &System);
                Ok(Outcome::NotEnrolled)
            }
        };
        Ok(outcome?)
    }

    /// Under an emergency mark (R14) no code is looked at, and the answer is neither yes nor no: whoever asks is told so, for
    /// everybody may read the marks. It is read before policy and vault, which may be what is broken.
    fn emergency(&self, peer: Peer, account: &Account) -> Option<VerdictReply> {
        let line = |word| LogLine::default().field("emergency", word).field("user", &account.name);
        match self.site.marks().of(account, &System) {
            Ok(Some(Bypass::InForce(_))) => {
                return Some(VerdictReply { accepted: false, reason: EMERGENCY.to_owned(), key: None, wait: 0 });
            }
            // The module, which asks as root or as the user, has told it already.
            Ok(Some(Bypass::Ended(mark))) if peer.uid != 0 && peer.uid != account.uid => {
                let end = mark.end(&Moment::of(&System)).map(utc);
                let line = line("ended").optional("ended", end.as_deref()).field("by", &mark.by);
                let line = line.field("detail", mark.reason.as_str());
                paced("emergency-ended", Urgency::Notice, account.uid, line);
            }
            Ok(_) => {}
            Err(error) => {
                let line = line("not-honoured").field("reason", error.reason()).field("detail", &error.to_string());
                bounded(Urgency::Alert, account.uid, line);
            }
        }
        None
    }
}

/// Root says for whom it asks; everybody else asks for himself. Whatever the policy says about the service.
pub(crate) fn origin(actor: Actor, prompt: &Prompt, target: u32) -> Origin {
    match actor {
        Actor::Root => {
            let (rhost, tty) = (prompt.rhost.as_deref(), prompt.tty.as_deref());
            Origin::of_pam_host(Asker { real_uid: prompt.real_uid.unwrap_or(0), rhost, tty }, target)
        }
        Actor::User(uid, _) if uid == target => Origin::Socket,
        Actor::User(..) => Origin::Other,
    }
}

/// Everything there is to say.
fn whole(outcome: Option<&Outcome>) -> VerdictReply {
    let refused = |reason: &str, wait| VerdictReply { accepted: false, reason: reason.to_owned(), key: None, wait };
    match outcome {
        None => refused("unknown-user", 0),
        Some(outcome @ Outcome::Decided(Verdict::Accepted(proof))) => {
            VerdictReply { accepted: true, reason: outcome.reason().to_owned(), key: Some(proof.to_string()), wait: 0 }
        }
        Some(Outcome::Decided(Verdict::Refused(RefusalReason::Waiting { left_ms }))) => {
            refused("waiting", left_ms.div_ceil(1000))
        }
        Some(outcome) => refused(outcome.reason(), 0),
    }
}

/// What this peer is told of it (R8): wrong and replayed are never told apart, and an application learns only yes or no.
fn disclosed(verdict: VerdictReply, actor: Actor, origin: Origin) -> VerdictReply {
    let own = ["waiting", "closed", "disabled", "suspended", "expired", "clock-behind", "clock-ahead", "restored-copy"];
    match (actor, origin) {
        (Actor::Root, _) => verdict,
        (_, Origin::Socket) if own.contains(&verdict.reason.as_str()) => verdict,
        _ if verdict.accepted => VerdictReply { key: None, ..verdict },
        _ => VerdictReply { reason: "refused".to_owned(), wait: 0, ..verdict },
    }
}

fn log(question: &Question<'_>, account: Option<&Account>, origin: Option<Origin>, verdict: &VerdictReply) {
    let Question { peer, asker, wanted } = *question;
    let name = account.map(|account| account.name.as_str()).or(wanted.user.as_deref());
    let line = LogLine::default()
        .field("event", "verify")
        .field("outcome", outcome(verdict))
        .field("reason", &verdict.reason)
        .optional("user", name)
        .optional("uid", account.map(|account| account.uid.to_string()).as_deref())
        .optional("origin", origin.map(Origin::as_str))
        .optional("key", verdict.key.as_deref())
        .field("by", &peer.uid.to_string())
        .field("pid", &peer.pid.to_string())
        .optional("action", wanted.action.as_deref())
        .optional("real_uid", wanted.prompt.real_uid.map(|uid| uid.to_string()).as_deref())
        .optional("service", wanted.prompt.service.as_deref())
        .optional("rhost", wanted.prompt.rhost.as_deref())
        .optional("tty", wanted.prompt.tty.as_deref());
    // A wrong code is bounded by the budgets, and a recovery code is used up; codes of a counter are right without end, and
    // everything else can be sent without end, though not by root.
    match verdict.reason.as_str() {
        EMERGENCY => bounded(Urgency::Alert, asker, line),
        _ if asker == 0 => event(Urgency::Notice, &line.finish()),
        "wrong" if typed_recovery(wanted) => bounded(Urgency::Notice, asker, line), // it is not counted
        RECOVERY | "wrong" => event(Urgency::Notice, &line.finish()),
        "code" => paced("code", Urgency::Notice, account.map_or(asker, |account| account.uid), line),
        _ => bounded(Urgency::Notice, asker, line),
    }
}

fn typed_recovery(wanted: &Verify) -> bool {
    matches!(wanted.code.sorted(), Typed::Recovery(_))
}

fn outcome(verdict: &VerdictReply) -> &'static str {
    match verdict {
        VerdictReply { accepted: true, .. } => "accepted",
        VerdictReply { reason, .. } if reason == EMERGENCY => "ignored",
        _ => "refused",
    }
}

#[cfg(test)]
mod tests {
    use otp_protocol::interface::ShortText;

    use super::*;
    use crate::access::rights::Groups;

    fn plain(uid: u32) -> Actor {
        Actor::User(uid, Groups::default())
    }

    fn refused(reason: &str) -> VerdictReply {
        VerdictReply { accepted: false, reason: reason.to_owned(), key: None, wait: 7 }
    }

    #[test]
    fn r8_only_the_owner_and_root_hear_why() {
        let told = |reason, actor, origin| disclosed(refused(reason), actor, origin);
        for reason in ["wrong", "replayed", "junk", "not-enrolled", "unknown-user", "no-key"] {
            assert_eq!(told(reason, plain(7), Origin::Socket).reason, "refused");
            assert_eq!(told(reason, Actor::Root, Origin::Other).reason, reason);
        }
        for reason in ["waiting", "closed", "suspended"] {
            assert_eq!(told(reason, plain(7), Origin::Socket), refused(reason));
            let stranger = told(reason, plain(7), Origin::Other);
            assert_eq!((stranger.reason.as_str(), stranger.wait), ("refused", 0));
        }
    }

    #[test]
    fn r11_claims_of_a_peer_that_is_not_root_select_nothing() {
        let text = |text: &str| ShortText::new("claim", text.to_owned()).ok();
        let prompt =
            Prompt { config: None, real_uid: Some(0), service: text("sshd"), rhost: text("192.0.2.1"), tty: None };
        assert_eq!(origin(Actor::Root, &prompt, 1000), Origin::Remote);
        assert_eq!(origin(plain(1000), &prompt, 1000), Origin::Socket);
        assert_eq!(origin(plain(1001), &prompt, 1000), Origin::Other);
    }
}
