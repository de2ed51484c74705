//! Hardware tokens that nobody has yet: imported by root, assigned to a user by codes of theirs, and then no longer here. A token that was
//! assigned is a key like any other; a daemon that was killed between the key and the removal removes it at its next start.

use otp_core::accounts::Account;
use otp_core::environment::Clock;
use otp_core::files::unassigned_token::{TokenName, UnassignedToken};
use otp_core::keys::key::{Kind, NewKey, Step};
use otp_core::keys::seal::{Nonce, Sealed};
use otp_core::keys::secret::Secret;
use otp_core::log_line::{LogLine, Urgency};
use otp_core::reasons::ChangeRefusal;
use otp_core::vault::{Vault, VaultError};
use otp_protocol::interface::{
    AssignToken, Done, ImportToken, ImportedToken, NamedToken, Refusal, RemoveToken, TokenBegun, TokenList,
    TokenStatus, UnreadableToken,
};
use otp_protocol::peer::Peer;
use otp_system::random;

use crate::access::check::{account_of, allowed, target};
use crate::access::groups;
use crate::access::rights::Act;
use crate::daemon::{Daemon, Session};
use crate::enrolment::flow::{label, log_enrolment, new_key};
use crate::enrolment::pending::{EnrolmentPurpose, PendingEnrolment, Plan, TRIES};
use crate::fingerprints::{Fingerprints, SecretFiles};
use crate::log::events::{event, paced, signed};
use crate::machine::System;
use crate::refusals::{ChangeOf, Refused, log_vault};

impl Daemon {
    /// Stores a token, unless it is here already: an import that was cut short can begin again.
    pub(crate) fn import_token(&self, peer: Peer, wanted: ImportToken) -> Result<ImportedToken, Refused> {
        allowed(groups::actor(peer)?, peer, Act::ImportToken, None)?;
        let token = self.token_of(&wanted)?;
        check_end(&token).map_err(nobodys)?;
        let _alone = self.import_lock.lock();
        if let Some(uid) = self.fingerprints.holder(self.vault(), token.fingerprint)? {
            let user = account_of(uid).map_or_else(|_| format!("uid:{uid}"), |account| account.name);
            return Ok(ImportedToken { already: true, user: Some(user) });
        }
        if self.is_here(&token)? {
            return Ok(ImportedToken { already: true, user: None });
        }
        if wanted.dry_run != Some(true) {
            let nonce = Nonce(random::bytes()?);
            let sealed = token.sealed(&wanted.secret, self.unlocked.host_key(), self.vault().about().id, &nonce);
            let token = sealed.ok_or_else(|| Refused::unavailable("the key could not be sealed"))?;
            self.vault().store_token(&token)?;
            log_token("token-imported", &token.name, peer);
        }
        Ok(ImportedToken { already: false, user: None })
    }

    /// The tokens that nobody has yet; what is left of those that somebody has goes, unless the caller may only look.
    pub(crate) fn list_tokens(&self, peer: Peer) -> Result<TokenList, Refused> {
        let actor = groups::actor(peer)?;
        allowed(actor, peer, Act::ListTokens, None)?;
        if !actor.only_views() {
            let _alone = self.import_lock.lock();
            remove_assigned(self.vault(), &self.fingerprints)?;
        }
        let mut list = TokenList { tokens: Vec::new(), unreadable: Vec::new() };
        for file in self.vault().token_files()? {
            match self.vault().token_in(&file) {
                Ok(Some(token)) => list.tokens.push(self.told(&token)),
                Ok(None) => {}
                Err(error) => list.unreadable.push(UnreadableToken { file, reason: error.to_string() }),
            }
        }
        list.tokens.sort_by(|one, other| (&one.serial, &one.manufacturer).cmp(&(&other.serial, &other.manufacturer)));
        Ok(list)
    }

    /// Begins the enrolment of a token. It stays unassigned until codes of it confirm it.
    pub(crate) fn assign_token(&self, session: &mut Session, wanted: AssignToken) -> Result<TokenBegun, Refused> {
        let peer = session.peer;
        session.pending = None;
        let (account, _) = target(peer, Act::AddToken, Some(&wanted.user))?;
        let token = self.token_named(&wanted.token).map_err(|refused| refused.about(&account))?;
        let secret = self.opened(&token).map_err(|refused| refused.about(&account))?;
        check_dates(&token).of(&account)?;
        let label = wanted.label.or_else(|| token.name.label()).map_or_else(|| label("token"), Ok)?;
        let new = NewKey { algorithm: token.algorithm, digits: token.digits, period: token.period };
        let (kind, expires) = (token.kind, token.expires);
        let plan = Plan { account, label, kind, new, expires, purpose: EnrolmentPurpose::BY_AN_ADMIN };
        let pending = self.pending_enrolments.begin_with(plan, secret, &System)?.of_token(&token);
        self.check_secret_is_new(&pending)?;
        self.check_room(pending.plan())?;
        log_enrolment("token-begun", peer, &pending, None);
        let expires_in = pending.time_left(&System).as_secs();
        session.pending = Some(pending);
        Ok(TokenBegun { expires_in, tries: TRIES })
    }

    /// Removes a token, also one that cannot be read.
    pub(crate) fn remove_token(&self, peer: Peer, wanted: &RemoveToken) -> Result<Done, Refused> {
        allowed(groups::actor(peer)?, peer, Act::RemoveToken, None)?;
        let _alone = self.import_lock.lock();
        let name = match self.token_named(&wanted.token) {
            Ok(token) => token.name,
            Err(_) if self.vault().token_files()?.contains(&name(&wanted.token)?.file_name()) => name(&wanted.token)?,
            Err(refused) => return Err(refused),
        };
        self.vault().remove_token(&name.file_name())?;
        log_token("token-removed", &name, peer);
        Ok(Done {})
    }

    /// The secret of a token that is to be a key must not be that of another one which nobody has (R4); a token that is being assigned
    /// must be here still. The caller has the import lock, or asks again when it has.
    pub(crate) fn check_unassigned(&self, pending: &PendingEnrolment) -> Result<(), Refused> {
        let account = &pending.plan().account;
        match (self.token_fingerprints.holder(self.vault(), pending.fingerprint(&self.unlocked))?, pending.token()) {
            (None, None) => Ok(()),
            (Some(file), Some(token)) if file == token.file => Ok(()),
            (_, Some(_)) => Err(Refused::not_possible(account, ChangeRefusal::NoSuchToken)),
            (Some(_), None) => Err(Refused::not_possible(account, ChangeRefusal::TokenUnassigned)),
        }
    }

    /// The token is somebody's key now. If its file stays, the next start removes it.
    pub(crate) fn end_unassigned(&self, pending: &PendingEnrolment) {
        if let Some(token) = pending.token() {
            self.vault().remove_token(&token.file).map_or_else(|error| log_vault(&error), drop);
        }
    }

    /// As it would be stored, but for its seal.
    fn token_of(&self, wanted: &ImportToken) -> Result<UnassignedToken, Refused> {
        let kind = wanted.shape.kind.unwrap_or(Kind::Totp);
        let new = new_key(&wanted.shape, NewKey::default());
        Ok(UnassignedToken {
            name: name(&wanted.token)?,
            kind,
            algorithm: new.algorithm,
            digits: new.digits,
            period: new.period,
            counter: Step(wanted.counter.filter(|_| kind == Kind::Hotp).map_or(0, |next| next.get())),
            starts: wanted.starts,
            expires: wanted.expires,
            imported: System.wall(),
            fingerprint: self.unlocked.host_key().fingerprint(self.vault().about().id, &wanted.secret),
            sealed: Sealed(Vec::new()),
        })
    }

    /// Is this very token here? One of the same name whose seal does not open, or whose file cannot be read, is to be replaced.
    fn is_here(&self, token: &UnassignedToken) -> Result<bool, Refused> {
        let file = token.name.file_name();
        match self.token_fingerprints.holder(self.vault(), token.fingerprint)? {
            Some(other) if other != file => return Err(nobodys(ChangeRefusal::TokenUnassigned)),
            _ => {}
        }
        match self.vault().token_in(&file) {
            Ok(Some(there)) if self.opened(&there).is_err() => Ok(false),
            Ok(Some(there)) if there.fingerprint == token.fingerprint => Ok(true),
            Ok(Some(_)) => Err(nobodys(ChangeRefusal::SerialTaken)),
            Ok(None) | Err(VaultError::Malformed { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// The one token of that serial number and, if it is named, of that manufacturer. Without a name, of several
    /// tokens it is the one that has no manufacturer, if there is one.
    fn token_named(&self, wanted: &NamedToken) -> Result<UnassignedToken, Refused> {
        let mut found = Vec::new();
        if wanted.manufacturer.is_some() {
            found.extend(self.vault().token_in(&name(wanted)?.file_name())?);
        } else {
            let tokens =
                self.vault().token_files()?.into_iter().filter_map(|file| self.vault().token_in(&file).ok()?);
            found.extend(tokens.filter(|token| token.name.serial() == &*wanted.serial));
        }
        match (found.pop(), found.pop()) {
            (Some(only), None) => Ok(only),
            (None, _) => Err(nobodys(ChangeRefusal::NoSuchToken)),
            (Some(_), Some(_)) => {
                self.vault().token_in(&name(wanted)?.file_name())?.ok_or_else(|| nobodys(ChangeRefusal::SeveralTokens))
            }
        }
    }

    /// The secret of a token, if it is the one that its file tells of.
    fn opened(&self, token: &UnassignedToken) -> Result<Secret, Refused> {
        let (host_key, vault) = (self.unlocked.host_key(), self.vault().about().id);
        let secret = token.open(host_key, vault).map_err(|_| nobodys(ChangeRefusal::TokenBroken))?;
        match host_key.fingerprint(vault, &secret) == token.fingerprint {
            true => Ok(secret),
            false => Err(nobodys(ChangeRefusal::TokenBroken)),
        }
    }

    fn told(&self, token: &UnassignedToken) -> TokenStatus {
        TokenStatus {
            serial: token.name.serial().to_owned(),
            manufacturer: token.name.manufacturer().map(str::to_owned),
            kind: token.kind.as_str().to_owned(),
            algorithm: token.algorithm.as_str().to_owned(),
            digits: token.digits.get(),
            period: token.period.seconds(),
            counter: (token.kind == Kind::Hotp).then_some(token.counter.0),
            since: token.imported,
            starts: token.starts,
            expires: token.expires,
            opens: self.opened(token).is_ok(),
        }
    }
}

/// Removes tokens whose secret somebody's key has: a daemon was killed before it did, or a backup brought them back.
pub(crate) fn remove_assigned(vault: &Vault, keys: &Fingerprints<SecretFiles>) -> Result<(), VaultError> {
    for file in vault.token_files()? {
        let Some(fingerprint) = vault.token_fingerprint(&file) else { continue };
        if let Some(uid) = keys.holder(vault, fingerprint)? {
            vault.remove_token(&file)?;
            let line = LogLine::default().field("event", "token-assigned-already").field("uid", &uid.to_string());
            event(Urgency::Notice, &line.field("file", &file).finish());
        }
    }
    Ok(())
}

fn check_dates(token: &UnassignedToken) -> Result<(), ChangeRefusal> {
    check_end(token)?;
    if token.starts.is_some_and(|start| System.wall() < start) { Err(ChangeRefusal::TokenEarly) } else { Ok(()) }
}

fn check_end(token: &UnassignedToken) -> Result<(), ChangeRefusal> {
    if token.expires.is_some_and(|end| System.wall() > end) { Err(ChangeRefusal::TokenExpired) } else { Ok(()) }
}

fn name(named: &NamedToken) -> Result<TokenName, Refused> {
    TokenName::new(&named.serial, named.manufacturer.as_deref()).map_err(|error| Refused(error.into()))
}

/// A refusal about nobody in particular.
fn nobodys(reason: ChangeRefusal) -> Refused {
    Refused(Refusal::not_possible("", reason))
}

impl Refused {
    /// The same about a user, where it is about nobody yet.
    fn about(self, account: &Account) -> Self {
        match self.0 {
            Refusal::NotPossible { user, reason } if user.is_empty() => {
                Self(Refusal::NotPossible { user: account.name.clone(), reason })
            }
            other => Self(other),
        }
    }
}

/// One line about a token that nobody has.
fn log_token(what: &'static str, name: &TokenName, peer: Peer) {
    let line = LogLine::default().field("event", what).field("serial", name.serial());
    let line = signed(line.optional("manufacturer", name.manufacturer()), peer);
    paced(what, Urgency::Notice, peer.accountable_uid, line);
}
