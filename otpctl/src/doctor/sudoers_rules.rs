//! sudoers, as `cvtsudoers -e -f json` writes it (cvtsudoers(1)): its Defaults in their order, and its rules.

use std::collections::BTreeSet;

use serde_json::Value;

/// Everything that sudoers says.
pub(super) struct SudoersRules {
    defaults: Vec<Defaults>,
    rules: Vec<Rule>,
}

/// One `Defaults` line.
struct Defaults {
    /// Commands that it is for; none where it is for all.
    commands: Vec<String>,
    /// Is it for users, hosts or accounts only?
    narrowed: bool,
    options: Vec<(String, Value)>,
}

/// One rule, for commands with the same options.
pub(super) struct Rule {
    users: Vec<String>,
    commands: Vec<String>,
    options: Vec<(String, Value)>,
}

impl SudoersRules {
    /// Reads the JSON; `None` if it is none of sudoers.
    pub(super) fn parse(json: &[u8]) -> Option<Self> {
        let whole: Value = serde_json::from_slice(json).ok()?;
        whole.as_object()?;
        let list = |name: &str| whole.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
        let defaults = list("Defaults").iter().map(Defaults::of).collect();
        let rules = list("User_Specs").iter().flat_map(Rule::of).collect();
        Some(Self { defaults, rules })
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter()
    }

    /// Every PAM service that is named.
    pub(super) fn services(&self) -> impl Iterator<Item = &str> {
        let options = self.defaults.iter().flat_map(|one| &one.options);
        options.filter(|(name, _)| SERVICES.contains(&name.as_str())).filter_map(|(_, value)| value.as_str())
    }

    /// Commands that have a service of their own of which this holds.
    pub(super) fn commands_of(&self, wanted: &impl Fn(&str) -> bool) -> BTreeSet<String> {
        let own =
            self.defaults.iter().filter(|one| one.option("pam_service").and_then(Value::as_str).is_some_and(wanted));
        own.flat_map(|one| one.commands.iter().cloned()).collect()
    }

    /// Does this command ask whatever was typed before? By its own Defaults or, without a command, by those of all.
    pub(super) fn asks_each_time(&self, command: &str) -> bool {
        self.last("timestamp_timeout", command).and_then(number).is_some_and(|minutes| minutes == 0.0)
    }

    /// A time stamp that counts on every terminal, or for ever: where it counts, and the setting that makes it narrower.
    pub(super) fn wide_time_stamps(&self) -> Vec<(&'static str, &'static str)> {
        let is_global = self.last("timestamp_type", "").and_then(Value::as_str) == Some("global")
            || self.last("tty_tickets", "") == Some(&Value::Bool(false));
        let is_endless = self.last("timestamp_timeout", "").and_then(number).is_some_and(|minutes| minutes < 0.0);
        let global = is_global.then_some(("on every terminal of the user", "timestamp_type=tty"));
        let endless = is_endless.then_some(("without an end", "timestamp_timeout=5"));
        global.into_iter().chain(endless).collect()
    }

    /// Rules with NOPASSWD.
    pub(super) fn without_a_password(&self) -> Vec<&Rule> {
        self.rules.iter().filter(|rule| rule.option("authenticate") == Some(&Value::Bool(false))).collect()
    }

    /// `Defaults !authenticate`, also for some users or commands only.
    pub(super) fn authenticates_nobody(&self) -> bool {
        self.defaults.iter().any(|one| one.option("authenticate") == Some(&Value::Bool(false)))
    }

    /// Is a flag set for everybody?
    pub(super) fn is_set(&self, flag: &str) -> bool {
        self.last(flag, "") == Some(&Value::Bool(true))
    }

    pub(super) fn logs_output_of(&self, command: &str) -> bool {
        self.last("log_output", command) == Some(&Value::Bool(true))
    }

    /// The value that counts: the last one of this command's own lines, else the last one of all.
    fn last(&self, option: &str, command: &str) -> Option<&Value> {
        let plain = || self.defaults.iter().filter(|one| !one.narrowed);
        let own = plain().filter(|one| one.commands.iter().any(|one| one == command || one == "ALL"));
        let of_all = plain().filter(|one| one.commands.is_empty());
        let own = own.filter_map(|one| one.option(option)).next_back();
        own.or_else(|| of_all.filter_map(|one| one.option(option)).next_back())
    }
}

impl Defaults {
    fn of(value: &Value) -> Self {
        let binding = value.get("Binding").and_then(Value::as_array).cloned().unwrap_or_default();
        let commands: Vec<String> = binding.iter().filter_map(command).collect();
        Self { narrowed: commands.is_empty() && !binding.is_empty(), commands, options: options(value) }
    }

    fn option(&self, name: &str) -> Option<&Value> {
        of(&self.options, name)
    }
}

impl Rule {
    fn of(spec: &Value) -> Vec<Self> {
        let list = |value: &Value, name: &str| value.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
        let users: Vec<String> = list(spec, "User_List").iter().filter_map(user).collect();
        let all = list(spec, "Cmnd_Specs");
        let rule = |one: &Value| Self {
            users: users.clone(),
            commands: list(one, "Commands").iter().filter_map(command).collect(),
            options: options(one),
        };
        all.iter().map(rule).collect()
    }

    pub(super) fn users(&self) -> impl Iterator<Item = String> + use<> {
        self.users.clone().into_iter()
    }

    pub(super) fn commands(&self) -> impl Iterator<Item = &str> {
        self.commands.iter().map(String::as_str)
    }

    pub(super) fn allows_all(&self) -> bool {
        self.commands().any(|one| one == "ALL")
    }

    fn option(&self, name: &str) -> Option<&Value> {
        of(&self.options, name)
    }
}

/// As sudoers spells it; nothing for one that is excluded.
fn user(value: &Value) -> Option<String> {
    let kinds = [
        ("username", ""),
        ("userid", "#"),
        ("usergroup", "%"),
        ("usergid", "%#"),
        ("netgroup", "+"),
        ("nonunixgroup", "%:"),
    ];
    let is_excluded = value.get("negated").and_then(Value::as_bool) == Some(true);
    let named = kinds.iter().find_map(|(kind, sign)| {
        let found = value.get(kind)?;
        Some(format!("{sign}{}", found.as_str().map_or_else(|| found.to_string(), str::to_owned)))
    });
    named.filter(|_| !is_excluded)
}

fn command(value: &Value) -> Option<String> {
    let is_excluded = value.get("negated").and_then(Value::as_bool) == Some(true);
    value.get("command").and_then(Value::as_str).filter(|_| !is_excluded).map(str::to_owned)
}

fn options(value: &Value) -> Vec<(String, Value)> {
    let all = value.get("Options").and_then(Value::as_array).cloned().unwrap_or_default();
    all.iter().filter_map(Value::as_object).flatten().map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn of<'a>(options: &'a [(String, Value)], name: &str) -> Option<&'a Value> {
    options.iter().rev().find(|(found, _)| found == name).map(|(_, value)| value)
}

fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}

const SERVICES: [&str; 3] = ["pam_service", "pam_login_service", "pam_askpass_service"];

#[cfg(test)]
mod tests {
    use super::*;

    /// `cvtsudoers -e -f json` of sudo 1.9.13, shortened.
    const JSON: &str = r#"{"Defaults": [
        {"Options": [{"env_reset": true}, {"timestamp_type": "global"}]},
        {"Binding": [{"command": "/usr/sbin/reboot"}, {"command": "/usr/bin/id"}],
         "Options": [{"pam_service": "sudo-otp"}, {"timestamp_timeout": "0"}]},
        {"Binding": [{"username": "alice"}], "Options": [{"pam_service": "typo"}, {"log_output": true}]},
        {"Options": [{"rootpw": true}, {"log_output": true}, {"targetpw": false}]},
        {"Binding": [{"command": "/usr/bin/passwd"}], "Options": [{"pam_service": "sudo-otp"}]},
        {"Binding": [{"command": "/usr/bin/otpctl"}], "Options": [{"log_output": false}]},
        {"Options": [{"timestamp_timeout": "-1"}]}],
     "User_Specs": [
        {"User_List": [{"username": "alice"}, {"usergroup": "wheel"}, {"username": "eve", "negated": true}], "Host_List": [{"hostname": "ALL"}],
         "Cmnd_Specs": [{"Options": [{"setenv": true}], "Commands": [{"command": "ALL"}]}]},
        {"User_List": [{"username": "bob"}], "Cmnd_Specs": [
            {"Options": [{"authenticate": false}], "Commands": [{"command": "/usr/bin/vi"}, {"command": "/bin/sh", "negated": true}]},
            {"Options": [{"authenticate": true}], "Commands": [{"command": "/bin/ls"}]}]}]}"#;

    #[test]
    fn what_sudo_writes_is_read() {
        let rules = SudoersRules::parse(JSON.as_bytes()).unwrap();
        assert_eq!(rules.services().collect::<Vec<_>>(), ["sudo-otp", "typo", "sudo-otp"]);
        let commands = rules.commands_of(&|service: &str| service == "sudo-otp");
        assert_eq!(commands.into_iter().collect::<Vec<_>>(), ["/usr/bin/id", "/usr/bin/passwd", "/usr/sbin/reboot"]);
        assert!(rules.asks_each_time("/usr/bin/id") && !rules.asks_each_time("/usr/bin/passwd"));
        assert_eq!(rules.wide_time_stamps().len(), 2);
        assert!(rules.is_set("rootpw") && !rules.is_set("targetpw"));
        assert!(rules.logs_output_of("/bin/x") && !rules.logs_output_of("/usr/bin/otpctl"));
        let free: Vec<(Vec<String>, Vec<&str>)> = rules
            .without_a_password()
            .into_iter()
            .map(|rule| (rule.users().collect(), rule.commands().collect()))
            .collect();
        assert_eq!(free, [(vec!["bob".to_owned()], vec!["/usr/bin/vi"])]);
        let all: Vec<Vec<String>> =
            rules.all().filter(|rule| rule.allows_all()).map(|rule| rule.users().collect()).collect();
        assert_eq!(all, [["alice", "%wheel"]]);
        assert!(!rules.authenticates_nobody());
        assert!(SudoersRules::parse(b"[]").is_none() && SudoersRules::parse(b"no").is_none());
    }
}
