//! The file of pam_google_authenticator: a secret, options in lines that begin with a quote, scratch codes.

use otp_core::keys::key::{Algorithm, NewKey, Period, Step};

use crate::base32;
use crate::fault::{ForeignFault, counter, number};
use crate::foreign_key::{ForeignKey, Holder, LeftBehind, Moving, Taken};

/// Largest file that the module reads, in bytes.
pub const FILE_CAP: usize = 64 << 10;

/// Reads the file of one user, which does not say whose it is.
pub fn read(file: &[u8]) -> Result<ForeignKey, ForeignFault> {
    let text = str::from_utf8(file).map_err(|_| ForeignFault::new("bytes that are not text", "a secret in line 1"))?;
    let mut lines = (1..).zip(text.split('\n'));
    let secret = base32::secret(lines.next().map_or("", |(_, line)| line)).map_err(|fault| fault.in_line(1))?;
    let mut options = FileOptions::default();
    for (number, line) in lines.filter(|(_, line)| !line.trim_ascii().is_empty()) {
        options.read(line).map_err(|fault| fault.in_line(number))?;
    }
    let new = NewKey::default();
    let moving = options.moving(new.period)?;
    let left_behind = options.left_behind();
    let (algorithm, digits) = (Algorithm::Sha1, new.digits);
    Ok(ForeignKey {
        line: 1,
        holder: Holder::Unsaid,
        secret,
        moving,
        algorithm,
        digits,
        starts: None,
        expires: None,
        taken: options.taken(),
        left_behind,
    })
}

/// The lines after the first.
#[derive(Default)]
struct FileOptions {
    seen: Vec<&'static str>,
    is_totp: bool,
    counter: Option<u64>,
    step: Option<Period>,
    window: Option<u64>,
    skew: Option<i64>,
    used: Option<u64>,
    grace: usize,
    scratch_codes: usize,
}

impl FileOptions {
    fn read(&mut self, line: &str) -> Result<(), ForeignFault> {
        let Some(option) = line.strip_prefix("\" ") else { return self.read_scratch_code(line) };
        let mut words = option.split_ascii_whitespace();
        let name = words.next().unwrap_or_default();
        let values: Vec<&str> = words.collect();
        let known = NAMES.into_iter().chain(LOGINS).find(|known| *known == name);
        let known = known.ok_or_else(|| ForeignFault::new("an option of another program", WANTED))?;
        if self.seen.contains(&known) {
            return Err(ForeignFault::new(format!("{known} twice"), "each option once"));
        }
        self.seen.push(known);
        self.take(known, &values)
    }

    fn take(&mut self, option: &'static str, values: &[&str]) -> Result<(), ForeignFault> {
        match (option, values) {
            ("TOTP_AUTH", []) => self.is_totp = true,
            ("HOTP_COUNTER", [value]) => self.counter = Some(counter(value)?).filter(|counter| *counter > 0),
            ("STEP_SIZE", [value]) => {
                let seconds = number(value, "a STEP_SIZE", "seconds")?;
                self.step = Some(Period::new(i64::try_from(seconds).unwrap_or(i64::MAX))?);
            }
            ("WINDOW_SIZE", [value]) => self.window = Some(number(value, "a WINDOW_SIZE", "1 to 100")?),
            ("TIME_SKEW", [value]) => self.skew = Some(skew(value)?),
            ("DISALLOW_REUSE", steps) => {
                let steps = steps.iter().map(|step| number(step, "a step of DISALLOW_REUSE", "steps that were used"));
                self.used = steps.collect::<Result<Vec<_>, _>>()?.into_iter().max();
            }
            ("RATE_LIMIT" | "RESETTING_TIME_SKEW", _) => {}
            (login, [_, ..]) if LOGINS.contains(&login) => self.grace += 1,
            _ => return Err(ForeignFault::new(format!("{option} with {} values", values.len()), VALUES)),
        }
        Ok(())
    }

    fn read_scratch_code(&mut self, line: &str) -> Result<(), ForeignFault> {
        let digits = line.trim_ascii();
        if digits.len() != 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(ForeignFault::new("a line that is neither (not repeated here)", WANTED));
        }
        self.scratch_codes += 1;
        Ok(())
    }

    fn moving(&self, usual: Period) -> Result<Moving, ForeignFault> {
        match (self.is_totp, self.counter) {
            (true, None) => Ok(Moving::Time(self.step.unwrap_or(usual))),
            (false, Some(counter)) => Ok(Moving::Counter(counter)),
            (true, Some(_)) => Err(ForeignFault::new("both TOTP_AUTH and HOTP_COUNTER", "one of them")),
            (false, None) => Err(ForeignFault::new("neither TOTP_AUTH nor HOTP_COUNTER", "one of them")),
        }
    }

    /// The steps that were remembered or, where codes were good more than once, all that the window reached.
    fn taken(&self) -> Taken {
        if self.seen.contains(&"DISALLOW_REUSE") {
            return self.used.map_or(Taken::Untold, |step| Taken::UpTo(Step(step)));
        }
        let skew = self.skew.and_then(|skew| u64::try_from(skew).ok()).unwrap_or(0);
        Taken::Ahead(skew.saturating_add(self.window.unwrap_or(USUAL_WINDOW) / 2))
    }

    fn left_behind(&self) -> Vec<LeftBehind> {
        let has = |option| self.seen.contains(&option);
        let reuse = self.is_totp && !has("DISALLOW_REUSE");
        let all = [
            self.skew.filter(|skew| *skew != 0).map(LeftBehind::Skew),
            self.window.filter(|window| *window != USUAL_WINDOW).map(LeftBehind::Window),
            has("RATE_LIMIT").then_some(LeftBehind::RateLimit),
            reuse.then_some(LeftBehind::Reuse),
            (self.grace > 0).then_some(LeftBehind::Grace(self.grace)),
            (self.scratch_codes > 0).then_some(LeftBehind::ScratchCodes(self.scratch_codes)),
        ];
        all.into_iter().flatten().collect()
    }
}

/// Steps, with their sign.
fn skew(text: &str) -> Result<i64, ForeignFault> {
    let wanted = "steps, with or without a sign";
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let steps = i64::try_from(number(digits, "a TIME_SKEW", wanted)?);
    let steps = steps.map_err(|_| ForeignFault::new("a TIME_SKEW beyond all times", wanted))?;
    Ok(if text.starts_with('-') { -steps } else { steps })
}

/// The codes that this project accepts by default, too.
const USUAL_WINDOW: u64 = 3;
const NAMES: [&str; 8] = [
    "TOTP_AUTH",
    "HOTP_COUNTER",
    "STEP_SIZE",
    "WINDOW_SIZE",
    "TIME_SKEW",
    "RATE_LIMIT",
    "DISALLOW_REUSE",
    "RESETTING_TIME_SKEW",
];
const LOGINS: [&str; 10] = ["LAST0", "LAST1", "LAST2", "LAST3", "LAST4", "LAST5", "LAST6", "LAST7", "LAST8", "LAST9"];
const WANTED: &str = "an option of google-authenticator after a quote and a blank, or a scratch code of 8 digits";
const VALUES: &str = "as many as google-authenticator writes";

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "BTR2XZ3WVDG6K7SD5NASGIRLKA\n";

    fn read_text(text: &str) -> Result<ForeignKey, ForeignFault> {
        read(text.as_bytes())
    }

    fn fault(after_the_secret: &str) -> String {
        read_text(&format!("{SECRET}{after_the_secret}")).err().map(|fault| fault.to_string()).unwrap_or_default()
    }

    #[test]
    fn a_file_after_logins_is_read_with_what_stays_behind() {
        let file = "\" RESETTING_TIME_SKEW 59865444+10 59865444+11\n\" RATE_LIMIT 3 30 1795963343 1795963343\n\
                    \" WINDOW_SIZE 17\n\" DISALLOW_REUSE 59865444\n\" STEP_SIZE 60\n\" TIME_SKEW -4\n\" LAST0 192.0.2.1 1795963343\n\
                    \" LAST1 192.0.2.2 1795963343\n\" TOTP_AUTH\n45212003\n10377908\n";
        let key = read_text(&format!("{SECRET}{file}")).unwrap();
        assert_eq!(key.secret.as_ref().map(|secret| secret.expose().len()).ok(), Some(16));
        assert_eq!(key.moving, Moving::Time(Period::new(60).unwrap()));
        assert_eq!((key.algorithm, key.digits.get()), (Algorithm::Sha1, 6));
        let left = [
            LeftBehind::Skew(-4),
            LeftBehind::Window(17),
            LeftBehind::RateLimit,
            LeftBehind::Grace(2),
            LeftBehind::ScratchCodes(2),
        ];
        assert_eq!(key.left_behind, left);
    }

    #[test]
    fn a_counter_is_the_one_that_is_accepted_next() {
        let key = read_text(&format!("{SECRET}\" HOTP_COUNTER 4\n")).unwrap();
        assert_eq!((key.moving, key.left_behind), (Moving::Counter(4), Vec::new()));
    }

    #[test]
    fn reuse_that_was_allowed_is_told() {
        assert_eq!(read_text(&format!("{SECRET}\" TOTP_AUTH")).unwrap().left_behind, [LeftBehind::Reuse]);
    }

    #[test]
    fn a_short_secret_is_read_and_its_length_told() {
        let key = read_text("GEZDGNBVGY3TQOJQ\n\" TOTP_AUTH\n").unwrap();
        assert_eq!(key.secret.err().map(|error| error.found), Some(10));
    }

    #[test]
    fn a_fault_names_its_line_and_repeats_nothing() {
        let cases = [
            ("\" TOTP_AUTH\n\" PIN 1\n", "line 3: found an option of another program"),
            ("\" TOTP_AUTH\n\" TOTP_AUTH\n", "line 3: found TOTP_AUTH twice"),
            ("\" TOTP_AUTH\nroot:$y$j9T$:0:\n", "line 3: found a line that is neither"),
            ("\" TOTP_AUTH 1\n", "line 2: found TOTP_AUTH with 1 values"),
            ("\" STEP_SIZE 10\n", "line 2: found period \"10\"; wanted 15 to 120 seconds"),
            ("\" STEP_SIZE 99999999999999999999\n", "line 2: found a STEP_SIZE that is not one"),
            ("\" HOTP_COUNTER -1\n", "line 2: found a counter that is not one"),
            ("\" HOTP_COUNTER 9223372036854775807\n", "line 2: found a counter above that"),
            ("\" HOTP_COUNTER 0\n", "found neither TOTP_AUTH nor HOTP_COUNTER"),
            ("\" HOTP_COUNTER 1\n\" TOTP_AUTH\n", "found both"),
            ("1234567\n", "line 2: found a line that is neither"),
            ("\" TIME_SKEW x\n", "line 2: found a TIME_SKEW that is not one"),
            ("\" DISALLOW_REUSE 7 x\n", "line 2: found a step of DISALLOW_REUSE that is not one"),
        ];
        for (text, wanted) in cases {
            assert!(fault(text).starts_with(wanted), "{text}: {}", fault(text));
        }
        assert!(read(b"\xff\xfe\n").is_err() && read(b"").is_err());
    }
}
