//! The rules for this login: the PAM line and the policy's table for the service, put together. Where both speak, the
//! stricter holds; about the prompt, which has no stricter, the PAM line does.

use otp_core::accounts::Account;
use otp_core::policy::audience::{Audience, Candidate, Entry, Exemption, audience};
use otp_core::policy::directory::relation;
use otp_core::policy::service::{ServicePolicy, Unenrolled};
use otp_core::unix_time::UnixTime;

use crate::options::Options;

/// The PAM line and the policy contradict each other: no code could ever be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Contradiction(pub String);

/// The rules of one login.
pub(crate) struct Rules {
    /// The prompt.
    pub prompt: String,
    /// The rules of the policy; the fields beside it have the PAM line in them, too.
    pub service: ServicePolicy,
    /// The treatment of the unenrolled.
    pub unenrolled: Passage,
    /// The policy file that the PAM line names.
    pub config: Option<String>,
    /// The exemptions that count today.
    pub exempt: Vec<Entry>,
}

/// The time by which a day in the policy is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Today {
    /// The time.
    pub now: UnixTime,
    /// Was the clock mark asked, where this process must ask it? If not, the clock may have fallen back unnoticed.
    pub certain: bool,
}

/// How the unenrolled fare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Passage {
    /// Asked and refused.
    Deny,
    /// The same, but a registration code makes a first key.
    Enrol,
    /// Not asked.
    Skip,
    /// Not asked for now: `allow_until` or `report_only`. The log says so.
    Tolerated,
}

const PROMPT: &str = "One-time code: ";
/// With `forward_pass`.
const PASSWORD_AND_CODE: &str = "Password and code: ";

impl Rules {
    /// Puts them together. While the day is uncertain, an exemption that has an end does not count.
    pub(crate) fn new(options: &Options, service: ServicePolicy, today: Today) -> Result<Self, Contradiction> {
        if let Some(length) = options.forward.filter(|length| !service.takes(*length)) {
            let what = format!("forward_pass is {length}, but this service takes codes of {:?} digits", service.digits);
            return Err(Contradiction(what));
        }
        let counts = |one: &&Exemption| one.until.is_none() || (today.certain && !one.has_ended(today.now));
        let prompt = options.prompt.clone().or_else(|| service.prompt.clone());
        Ok(Self {
            prompt: prompt.unwrap_or_else(|| usual_prompt(options).to_owned()),
            unenrolled: passage(options.unenrolled, &service, today.now),
            config: options.config.as_ref().map(|path| path.to_string_lossy().into_owned()),
            exempt: service.exempt.iter().filter(counts).map(|one| one.entry.clone()).collect(),
            service,
        })
    }

    /// Is this user asked, coming from `rhost` (none at this machine), and which entries mean nobody?
    pub(crate) fn audience(&self, account: &Account, rhost: Option<&str>) -> Audience<'_> {
        let candidate = Candidate { rhost, relation: &|who| relation(who, account) };
        audience(&self.exempt, &self.service.require, &candidate)
    }
}

fn usual_prompt(options: &Options) -> &'static str {
    if options.forward.is_some() { PASSWORD_AND_CODE } else { PROMPT }
}

fn passage(line: Option<Unenrolled>, service: &ServicePolicy, now: UnixTime) -> Passage {
    match (line, service.unenrolled) {
        (Some(Unenrolled::Deny), _) => Passage::Deny,
        _ if service.unenrolled_pass(now) => Passage::Tolerated,
        (_, None) if service.allow_until.is_some() => Passage::Deny, // its day has come
        (_, Some(Unenrolled::Deny)) | (None, None) => Passage::Deny,
        (Some(Unenrolled::Enrol), _) => Passage::Deny, // such an option is refused when it is read
        (_, Some(Unenrolled::Enrol)) => Passage::Enrol,
        (Some(Unenrolled::Skip), _) | (None, Some(Unenrolled::Skip)) => Passage::Skip,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_both_speak_about_the_unenrolled_the_stricter_holds() {
        use Unenrolled::{Deny, Skip};
        let of = |line, policy| {
            passage(line, &ServicePolicy { unenrolled: policy, ..ServicePolicy::default() }, UnixTime::EPOCH)
        };
        assert_eq!(of(None, None), Passage::Deny);
        for (line, policy) in
            [(Some(Deny), Some(Skip)), (Some(Skip), Some(Deny)), (Some(Deny), None), (None, Some(Deny))]
        {
            assert_eq!(of(line, policy), Passage::Deny, "{line:?} {policy:?}");
        }
        for (line, policy) in [(Some(Skip), Some(Skip)), (Some(Skip), None), (None, Some(Skip))] {
            assert_eq!(of(line, policy), Passage::Skip, "{line:?} {policy:?}");
        }
    }

    #[test]
    fn enrolling_at_the_prompt_is_stricter_than_skipping_and_milder_than_denying() {
        use Unenrolled::{Deny, Enrol, Skip};
        let of = |line| {
            passage(line, &ServicePolicy { unenrolled: Some(Enrol), ..ServicePolicy::default() }, UnixTime::EPOCH)
        };
        assert_eq!((of(None), of(Some(Skip)), of(Some(Deny))), (Passage::Enrol, Passage::Enrol, Passage::Deny));
        let until = ServicePolicy { unenrolled: Some(Enrol), report_only: true, ..ServicePolicy::default() };
        assert_eq!(passage(None, &until, UnixTime::EPOCH), Passage::Tolerated);
    }

    #[test]
    fn a_length_that_the_service_does_not_take_is_a_contradiction() {
        let policy = |text| ServicePolicy::parse(text, Some("sudo")).unwrap();
        let today = Today { now: UnixTime::EPOCH, certain: true };
        let rules =
            |options: &[&std::ffi::CStr], text| Rules::new(&Options::parse(options).unwrap(), policy(text), today);
        let (six, eight, both) =
            ("[service.sudo]\ndigits = [6]", "[service.sudo]\ndigits = [8]", "[service.sudo]\ndigits = [6, 8]");
        for (options, text) in [(c"forward_pass=8", six), (c"forward_pass", eight), (c"forward_pass=7", both)] {
            assert!(rules(&[options], text).is_err(), "{options:?} {text}");
        }
        for (options, text) in
            [(c"forward_pass=8", eight), (c"forward_pass", both), (c"forward_pass=7", ""), (c"echo", six)]
        {
            assert!(rules(&[options], text).is_ok(), "{options:?} {text}");
        }
    }

    #[test]
    fn a_gradual_roll_out_lets_the_unenrolled_pass_unless_the_pam_line_denies() {
        let until = ServicePolicy {
            allow_until: Some(UnixTime::of_day(10)),
            unenrolled: Some(Unenrolled::Deny),
            ..ServicePolicy::default()
        };
        assert_eq!(passage(None, &until, UnixTime::of_day(9)), Passage::Tolerated);
        assert_eq!(passage(None, &until, UnixTime::of_day(10)), Passage::Deny);
        assert_eq!(passage(Some(Unenrolled::Deny), &until, UnixTime::EPOCH), Passage::Deny);
        let date_alone = ServicePolicy { allow_until: Some(UnixTime::of_day(10)), ..ServicePolicy::default() };
        for line in [None, Some(Unenrolled::Skip)] {
            assert_eq!(passage(line, &date_alone, UnixTime::EPOCH), Passage::Tolerated);
            assert_eq!(
                passage(line, &date_alone, UnixTime::of_day(10)),
                Passage::Deny,
                "{line:?}: the day is a date, not a wish"
            );
        }
    }

    #[test]
    fn an_exemption_with_an_end_counts_before_its_day_and_while_the_day_is_certain() {
        let text = "[service.sudo]\nexempt = [\"uid:1\", { who = \"uid:2\", until = 1970-01-11 }, { who = \"uid:3\" }]";
        let policy = ServicePolicy::parse(text, Some("sudo")).unwrap();
        let exempt = |now, certain| {
            let rules = Rules::new(&Options::parse(&[]).unwrap(), policy.clone(), Today { now, certain }).unwrap();
            rules.exempt.iter().map(|entry| entry.text.clone()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(exempt(UnixTime::new(10 * 86_400 - 1), true), "uid:1 uid:2 uid:3");
        assert_eq!(exempt(UnixTime::of_day(10), true), "uid:1 uid:3");
        assert_eq!(exempt(UnixTime::EPOCH, false), "uid:1 uid:3");
    }
}
