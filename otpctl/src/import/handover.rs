//! Keys handed to the daemon one by one, over a connection that is made again where the daemon has closed it.

use std::collections::HashMap;

use otp_core::environment::Clock as _;
use otp_core::keys::key::{Kind, Label};
use otp_core::unix_time::UnixTime;
use otp_import::foreign_key::Moving;
use otp_import::{ForeignKey, taken};
use otp_protocol::client::{CallError, Client};
use otp_protocol::interface::{ImportKey, Imported, Method, NextCounter, Shape, UsedStep, UserName, WantedKey};

use crate::arguments::ImportHow;
use crate::import::report::{DryRun, ImportOutcome};
use crate::machine::Machine;
use crate::output::failure::{Failure, told};

/// A connection that is made again where the daemon has closed it.
pub(crate) struct LastingClient<'a> {
    connect: &'a dyn Fn() -> Result<Client, Failure>,
    client: Client,
}

impl<'a> LastingClient<'a> {
    pub(crate) fn begin(connect: &'a dyn Fn() -> Result<Client, Failure>) -> Result<Self, Failure> {
        Ok(Self { client: connect()?, connect })
    }

    /// A daemon closes a connection that was quiet, as while a user's file was read. To import twice is to import once.
    pub(crate) fn call<M: Method>(&mut self, wanted: &M) -> Result<M::Reply, CallError> {
        match self.client.call(wanted) {
            Err(CallError::Closed | CallError::Failed) => match (self.connect)() {
                Ok(client) => {
                    self.client = client;
                    self.client.call(wanted)
                }
                Err(_) => Err(CallError::Closed),
            },
            answer => answer,
        }
    }
}

/// The way of keys into the daemon.
pub(crate) struct Handover<'a> {
    client: LastingClient<'a>,
    label: Label,
    /// The end of every key that has no earlier one of its own.
    expires: Option<UnixTime>,
    dry_run: DryRun,
    /// How many keys of a user there were.
    of_user: HashMap<String, usize>,
}

impl<'a> Handover<'a> {
    pub(crate) fn begin(connect: &'a dyn Fn() -> Result<Client, Failure>, how: &ImportHow) -> Result<Self, Failure> {
        let (label, expires, dry_run) = (how.label.clone(), how.end.expires, DryRun::of(how));
        Ok(Self { client: LastingClient::begin(connect)?, label, expires, dry_run, of_user: HashMap::new() })
    }

    /// Hands over one key. An error ends the import; it goes on where it ended when it is begun again.
    pub(crate) fn hand_over(&mut self, user: &str, key: ForeignKey) -> Result<ImportOutcome, Failure> {
        let used = match key.taken_until(Machine.wall()) {
            Ok(used) => used,
            Err(fault) => return Ok(ImportOutcome::Refused(fault.to_string())),
        };
        let ForeignKey { secret, moving, algorithm, digits, left_behind, expires, .. } = key;
        let secret = match secret {
            Ok(secret) => secret,
            Err(error) if error.found < otp_core::keys::secret::Secret::MIN => {
                return Ok(ImportOutcome::TooShort(error.found));
            }
            Err(error) => return Ok(ImportOutcome::Refused(error.to_string())),
        };
        let (kind, period, counter) = match moving {
            Moving::Time(period) => (Kind::Totp, Some(period), None),
            Moving::Counter(counter) => (Kind::Hotp, None, Some(NextCounter::new(counter)?)),
        };
        let shape = Shape { kind: Some(kind), algorithm: Some(algorithm), digits: Some(digits), period };
        let key = WantedKey {
            label: Some(self.next_label(user)?),
            shape,
            expires: [self.expires, expires].into_iter().flatten().min(),
        };
        let dry_run = (self.dry_run == DryRun::Yes).then_some(true);
        let used_step = used.map(|step| UsedStep::new(step.0)).transpose()?;
        let works_from = used.zip(period).map(|(used, period)| taken::after(used, period));
        match self.client.call(&ImportKey { user: UserName::new(user)?, secret, key, counter, used_step, dry_run }) {
            Ok(Imported { already: true, .. }) => Ok(ImportOutcome::Already),
            Ok(_) => Ok(ImportOutcome::Imported { left_behind, works_from }),
            Err(CallError::Refused(refusal)) if is_of_this_key(&refusal) => Ok(ImportOutcome::Refused(told(&refusal))),
            Err(error) => Err(error.into()),
        }
    }

    /// `imported`, `imported-2`, ...
    fn next_label(&mut self, user: &str) -> Result<Label, Failure> {
        let count = self.of_user.entry(user.to_owned()).or_default();
        *count += 1;
        match *count {
            1 => Ok(self.label.clone()),
            count => Ok(Label::new(&format!("{}-{count}", self.label.as_str()))?),
        }
    }
}

/// Would the next key be refused for the same reason?
pub(crate) fn is_of_this_key(refusal: &otp_protocol::interface::Refusal) -> bool {
    use otp_protocol::interface::Refusal;
    matches!(
        refusal,
        Refusal::NotPossible { .. } | Refusal::NoSuchUser { .. } | Refusal::InvalidValue { .. } | Refusal::Busy { .. }
    )
}
