//! Checking a code for somebody else: for screen lockers that may not read the files, for `su`, whose process another person
//! could stop, and for applications that gate an action of their own.

use std::time::{Duration, Instant};

use otp_core::accounts::Account;
use otp_core::check::{decoy, spend};
use otp_core::decision::input::{Guess, Typed};
use otp_core::decision::limits::Limits;
use otp_core::decision::origin::{Asker, Origin};
use otp_core::decision::{Proof, Verdict};
use otp_core::emergency::Bypass;
use otp_core::environment::{Moment, PolicyClock};
use otp_core::files::date::utc;
use otp_core::log_line::{LogLine, Urgency};
use otp_core::reasons::{RefusalReason, Viewer};
use otp_core::vault::{LockedUser, VaultError};
use otp_protocol::interface::{Prompt, Refusal, VerdictReply, Verified, Verify};
use otp_protocol::peer::{Peer, accountable_for};

use crate::access::check::{allowed, subject};
use crate::access::rights::{Act, Actor};
use crate::daemon::Daemon;
use crate::log::events::{bounded, event, paced};
use crate::machine::System;
use crate::refusals::Refused;

/// How long a lock is waited for by everybody.
const AT_ONCE: Duration = Duration::from_millis(100);

/// The result of a check.
pub(crate) enum Decision {
    /// The code was looked at, or the user is barred.
    Of(Verdict),
    /// None: an emergency mark of the user is in force (R14).
    Bypassed,
}

/// One check as it was asked for.
pub(crate) struct Question<'a> {
    pub peer: Peer,
    /// The uid that it counts for: the peer's own or, where root asks, the real uid that root tells.
    pub asker: u32,
    pub wanted: &'a Verify,
}

impl Daemon {
    /// One check.
    pub(crate) fn verify(&self, peer: Peer, wanted: &Verify) -> Result<Verified, Refused> {
        let (actor, account) = subject(peer, Act::Verify, wanted.user.as_deref())?;
        let target = account.as_ref().ok().map(|account| account.uid);
        allowed(actor, peer, Act::Verify, target)?;
        let asker = accountable_for(if actor == Actor::Root { wanted.prompt.real_uid.unwrap_or(0) } else { peer.uid });
        let question = Question { peer, asker, wanted };
        if let Ok(account) = &account
            && self.is_bypassed(peer, account)
        {
            log(&question, Some(account), None, &Decision::Bypassed);
            return Ok(Verified { verdict: Decision::Bypassed.told_to(Viewer::Other) });
        }
        let permit = self.verifying.permit(asker, target);
        let _permit = permit.ok_or_else(|| Refused::busy("too many codes at once"))?;
        let policy = self.service_policy(peer, Some(&wanted.prompt).filter(|_| actor == Actor::Root))?;
        let typed = wanted.code.sorted();
        let (account, origin, verdict) = match account {
            Ok(account) => {
                let origin = policy.origin(origin(actor, &wanted.prompt, account.uid));
                let verdict = self.checked(asker, &account, Guess { typed: &typed, origin }, &policy.limits)?;
                (Some(account), origin, verdict)
            }
            Err(Refused(Refusal::NoSuchUser { .. })) => {
                decoy(Guess { typed: &typed, origin: Origin::Other }, &policy.limits, &System);
                (None, Origin::Other, Verdict::Refused(RefusalReason::UnknownUser))
            }
            Err(refused) => return Err(refused),
        };
        let decision = Decision::Of(verdict);
        log(&question, account.as_ref(), Some(origin), &decision);
        Ok(Verified { verdict: decision.told_to(viewer(actor, origin)) })
    }

    fn checked(&self, asker: u32, account: &Account, guess: Guess<'_>, limits: &Limits) -> Result<Verdict, Refused> {
        let _turn = self.turns.take(account.uid, Instant::now() + AT_ONCE);
        let verdict = match self.locked_for_a_code(asker, account, limits)? {
            Some(mut locked) => {
                let verdict = spend(&self.unlocked, &mut locked, guess, limits, &System);
                if let Ok(Verdict::Accepted(_)) = verdict {
                    drop(self.notice_of_codes_locked(&mut locked)); // without room for it, later
                }
                verdict
            }
            None => {
                decoy(guess, limits, &System);
                Ok(Verdict::Refused(RefusalReason::NotEnrolled))
            }
        };
        Ok(verdict?)
    }

    /// A lock is held for milliseconds, unless its user holds it. Not everybody who asks may wait for that.
    pub(crate) fn locked_for_a_code(
        &self,
        asker: u32,
        account: &Account,
        limits: &Limits,
    ) -> Result<Option<LockedUser<'_>>, Refused> {
        let clock = &PolicyClock { environment: &System, policy: limits.clock };
        let mut locked = self.vault().look(account, clock, Instant::now() + AT_ONCE);
        if let Err(VaultError::LockTimeout { .. }) = locked {
            let permit = self.waiting.permit(asker, account.uid);
            let _permit = permit.ok_or_else(|| Refused::busy("too many codes wait for a lock"))?;
            locked = self.vault().lock(account, clock);
        }
        Ok(locked?)
    }

    /// Under an emergency mark (R14) no code is looked at, and the answer is neither yes nor no: the caller is told so, because
    /// everybody may read the marks. It is read before policy and vault, which may be what is broken.
    pub(crate) fn is_bypassed(&self, peer: Peer, account: &Account) -> bool {
        let line = |word| LogLine::default().field("emergency", word).field("user", &account.name);
        match self.site.marks().of(account, &System) {
            Ok(Some(Bypass::InForce(_))) => return true,
            // The module, which asks as root or as the user, has told it already.
            Ok(Some(Bypass::Ended(mark))) if peer.uid != 0 && peer.uid != account.uid => {
                let end = mark.end(&Moment::of(&System)).map(utc);
                let line = line("ended").optional("ended", end.as_deref()).field("by", &mark.by);
                let line = line.field("detail", mark.reason.as_str());
                paced("emergency-ended", Urgency::Notice, account.uid, line);
            }
            Ok(_) => {}
            Err(error) => {
                let line =
                    line("not-honoured").field("reason", error.reason().word()).field("detail", &error.to_string());
                bounded(Urgency::Alert, account.uid, line);
            }
        }
        false
    }
}

/// Root says for whom it asks; everybody else asks for their own account. Whatever the policy says about the service.
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

/// The reader of the answer (R8): root is told everything, the owner on the socket as much as by `Status`, an application yes or no.
fn viewer(actor: Actor, origin: Origin) -> Viewer {
    match actor {
        Actor::Root => Viewer::Root,
        Actor::User(..) => Viewer::at(origin),
    }
}

impl Decision {
    fn outcome(&self) -> &'static str {
        match self {
            Self::Of(Verdict::Accepted(_)) => "accepted",
            Self::Of(Verdict::Refused(_)) => "refused",
            Self::Bypassed => "ignored",
        }
    }

    /// The reason in the log.
    fn word(&self) -> &'static str {
        match self {
            Self::Of(verdict) => verdict.word(),
            Self::Bypassed => "emergency",
        }
    }

    /// The key or recovery code that was accepted.
    pub(crate) fn key(&self) -> Option<String> {
        match self {
            Self::Of(Verdict::Accepted(proof)) => Some(proof.to_string()),
            Self::Of(Verdict::Refused(_)) | Self::Bypassed => None,
        }
    }

    /// As much of it as they may hear.
    pub(crate) fn told_to(&self, viewer: Viewer) -> VerdictReply {
        let refused = |word: &str, wait| VerdictReply { accepted: false, reason: word.to_owned(), key: None, wait };
        match self {
            Self::Of(Verdict::Accepted(_)) => {
                let key = self.key().filter(|_| viewer == Viewer::Root);
                VerdictReply { accepted: true, reason: self.word().to_owned(), key, wait: 0 }
            }
            Self::Of(Verdict::Refused(reason)) => {
                let told = reason.told_to(viewer);
                refused(told.word(), told.seconds_left())
            }
            Self::Bypassed => refused(self.word(), 0),
        }
    }
}

pub(crate) fn log(question: &Question<'_>, account: Option<&Account>, origin: Option<Origin>, decision: &Decision) {
    let Question { peer, asker, wanted } = *question;
    let name = account.map(|account| account.name.as_str()).or(wanted.user.as_deref());
    let line = LogLine::default()
        .field("event", "verify")
        .field("outcome", decision.outcome())
        .field("reason", decision.word())
        .optional("user", name)
        .optional("uid", account.map(|account| account.uid.to_string()).as_deref())
        .optional("origin", origin.map(Origin::as_str))
        .optional("key", decision.key().as_deref())
        .field("by", &peer.uid.to_string())
        .field("pid", &peer.pid.to_string())
        .optional("action", wanted.action.as_deref())
        .optional("real_uid", wanted.prompt.real_uid.map(|uid| uid.to_string()).as_deref())
        .service(wanted.prompt.service.as_deref())
        .optional("rhost", wanted.prompt.rhost.as_deref())
        .optional("tty", wanted.prompt.tty.as_deref());
    // A wrong code is bounded by the budgets, and a recovery code is used up; codes of a counter are right without end, and
    // everything else can be sent without end, though not by root.
    let verdict = match decision {
        Decision::Bypassed => return bounded(Urgency::Alert, asker, line),
        Decision::Of(verdict) => verdict,
    };
    match verdict {
        _ if asker == 0 => event(Urgency::Notice, &line.finish()),
        Verdict::Refused(RefusalReason::Wrong) if typed_recovery(wanted) => bounded(Urgency::Notice, asker, line), // it is not counted
        Verdict::Accepted(Proof::Recovery { .. }) | Verdict::Refused(RefusalReason::Wrong) => {
            event(Urgency::Notice, &line.finish());
        }
        Verdict::Accepted(Proof::Key(_)) => {
            paced("code", Urgency::Notice, account.map_or(asker, |account| account.uid), line);
        }
        Verdict::Refused(_) => bounded(Urgency::Notice, asker, line),
    }
}

fn typed_recovery(wanted: &Verify) -> bool {
    matches!(wanted.code.sorted(), Typed::Recovery(_))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use otp_core::reasons::UnavailableReason;
    use otp_protocol::interface::ShortText;

    use super::*;
    use crate::access::rights::Groups;

    fn plain(uid: u32) -> Actor {
        Actor::User(uid, Groups::default())
    }

    fn told(reason: RefusalReason, actor: Actor, origin: Origin) -> (String, u64) {
        let reply = Decision::Of(Verdict::Refused(reason)).told_to(viewer(actor, origin));
        assert_eq!((reply.accepted, reply.key), (false, None));
        (reply.reason, reply.wait)
    }

    #[test]
    fn r8_only_the_owner_and_root_hear_why() {
        let hidden = ["wrong", "replayed", "resync", "junk", "not-enrolled", "unknown-user", "no-key"];
        for reason in RefusalReason::ALL {
            let to_owner = if hidden.contains(&reason.word()) { "refused" } else { reason.word() };
            assert_eq!(told(*reason, Actor::Root, Origin::Other).0, reason.word());
            assert_eq!(told(*reason, plain(7), Origin::Socket).0, to_owner);
            assert_eq!(told(*reason, plain(7), Origin::Other), ("refused".to_owned(), 0));
        }
        let waiting = RefusalReason::Waiting { left_ms: 6001 };
        assert_eq!(told(waiting, plain(7), Origin::Socket), ("waiting".to_owned(), 7));
        assert_eq!(told(waiting, plain(7), Origin::Other), ("refused".to_owned(), 0));
        assert_eq!(told(waiting, Actor::Root, Origin::Other), ("waiting".to_owned(), 7));
    }

    #[test]
    fn r8_what_accepted_a_code_only_root_hears() {
        let decision = Decision::Of(Verdict::Accepted(Proof::Recovery { left: 3 }));
        for viewer in [Viewer::Root, Viewer::Owner, Viewer::Other] {
            let VerdictReply { accepted, reason, key, wait } = decision.told_to(viewer);
            assert_eq!((accepted, reason.as_str(), wait), (true, "recovery-code", 0));
            assert_eq!(key.as_deref(), (viewer == Viewer::Root).then_some("recovery code, 3 left"));
        }
    }

    /// The words of the `.Ql` lines after `begin`, up to the sentence's end.
    fn listed<'a>(manual: &'a str, begin: &str) -> BTreeSet<&'a str> {
        let after = manual.split_once(begin).unwrap().1;
        let list = after.split_once(" .\n").unwrap().0;
        let lines = list.lines().filter_map(|line| line.strip_prefix(".Ql "));
        lines.flat_map(|line| line.split([' ', ','])).filter(|word| !word.is_empty()).collect()
    }

    #[test]
    fn the_manual_lists_the_reasons_that_there_are() {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../packaging/man/otp-enrolld.8");
        let page = std::fs::read_to_string(page).unwrap();
        let refused = RefusalReason::ALL.iter().filter(|reason| **reason != RefusalReason::Undisclosed);
        let verdicts = refused.map(|reason| Verdict::Refused(*reason));
        let verdicts = verdicts.chain([Verdict::Accepted(Proof::Recovery { left: 0 })]);
        let mut said: BTreeSet<_> = verdicts.map(|verdict| verdict.word()).collect();
        said.extend(["code", Decision::Bypassed.word()]);
        assert_eq!(listed(&page, ".Ql event=code\nis one of\n"), said);
        let of_the_module = ["user-lookup", "bad-option", "contradiction", "no-daemon"];
        let vault = UnavailableReason::ALL.iter().map(|reason| reason.word());
        let said = vault.filter(|word| !of_the_module.contains(word)).collect();
        assert_eq!(listed(&page, ".Ql event=obstacle\nis one of\n"), said);
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
