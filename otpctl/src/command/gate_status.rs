//! `otpctl gate status`: every service that asks for a code, by which line, and whom the policy lets past.

use std::collections::BTreeSet;
use std::path::Path;

use otp_core::files::date::utc;
use otp_core::policy::WholePolicy;
use otp_core::policy::service::{ServicePolicy, Unenrolled};
use otp_core::unix_time::UnixTime;
use serde::Serialize;

use crate::arguments::GateStatusArgs;
use crate::gate::pam_copy::PAM_D;
use crate::gate::record::{self, GateState};
use crate::gate::service::GateService;
use crate::gate::shape::PASSWD;
use crate::gate::sudoers;
use crate::output::escape::escaped;
use crate::output::failure::Failure;
use crate::output::format::OutputFormat;
use crate::output::local_time::local;
use crate::output::terminal::Terminal;
use crate::stack::findings::{LOCKERS, is_left_over};
use crate::stack::modules::is_ours;
use crate::stack::reader::{LineKind, PamDirectories, ServiceStacks, StackLine, Stage};
use crate::stack::words::Dialect;

#[derive(Serialize)]
struct GateList {
    gates: Vec<ListedGate>,
    /// Changes of `otpctl gate` whose lines are gone.
    lost: Vec<LostGate>,
    /// Services that have a stack for logins, and no line of ours in it.
    ungated: Vec<String>,
}

/// A change of `otpctl gate`, and a service in which somebody else has taken its lines out.
#[derive(Serialize)]
struct LostGate {
    gate: String,
    service: String,
    state: GateState,
    until: Option<u64>,
}

#[derive(Serialize)]
struct ListedGate {
    service: String,
    /// How the change of `otpctl gate` stands; none where the line is somebody else's.
    state: Option<GateState>,
    /// When it is undone unless somebody confirms it.
    until: Option<u64>,
    lines: Vec<GateLine>,
    /// The commands of sudo that use this service.
    commands: Vec<String>,
    asked: Vec<String>,
    unenrolled: String,
    exempt: Vec<ListedExemption>,
}

/// A line of the auth stage with our module.
#[derive(Serialize)]
struct GateLine {
    file: String,
    line: usize,
    options: Vec<String>,
}

#[derive(Serialize)]
struct ListedExemption {
    who: String,
    /// The day from which on it no longer counts.
    until_day: Option<String>,
    reason: Option<String>,
}

pub(super) fn status(terminal: &mut Terminal, options: &GateStatusArgs, policy: &WholePolicy) -> Result<(), Failure> {
    let host = PamDirectories::standard();
    let list = match &options.service {
        None => all(&host, policy)?,
        Some(typed) => one(&GateService::named(typed, &host)?, &host, policy)?,
    };
    match OutputFormat::of(options.json) {
        OutputFormat::Json => terminal.json(&list),
        OutputFormat::Text => terminal.show(&list.text()),
    }
}

fn all(host: &PamDirectories, policy: &WholePolicy) -> Result<GateList, Failure> {
    let mut list = GateList { gates: Vec::new(), lost: Vec::new(), ungated: Vec::new() };
    for service in host.names().into_iter().filter(|name| !is_left_over(name)) {
        list.add(&service, host, policy)?;
    }
    record::all()?.iter().try_for_each(|gate| list.add_lost(gate))?;
    Ok(list)
}

fn one(gate: &GateService, host: &PamDirectories, policy: &WholePolicy) -> Result<GateList, Failure> {
    let mut list = GateList { gates: Vec::new(), lost: Vec::new(), ungated: Vec::new() };
    gate.services.iter().try_for_each(|service| list.add(service, host, policy))?;
    list.add_lost(&gate.name)?;
    Ok(list)
}

/// The places of our lines in these services, as FILE line NUMBER.
pub(super) fn places(gate: &GateService, host: &PamDirectories) -> Vec<String> {
    let all =
        gate.services.iter().filter_map(|service| host.read(service, Dialect::New)).flat_map(|stacks| stacks.lines);
    let places = all.filter(is_ours).map(|line| format!("{} line {}", line.place.file.display(), line.place.line));
    places.collect::<BTreeSet<_>>().into_iter().collect()
}

impl GateList {
    fn add(&mut self, service: &str, host: &PamDirectories, policy: &WholePolicy) -> Result<(), Failure> {
        let Some(stacks) = host.read(service, Dialect::New) else { return Ok(()) };
        let asking = asking(service, &stacks);
        if asking.is_empty() {
            return Ok(());
        }
        let lines: Vec<GateLine> = asking
            .iter()
            .filter(|line| is_ours(line))
            .map(|line| GateLine {
                file: line.place.file.display().to_string(),
                line: line.place.line,
                options: match &line.kind {
                    LineKind::Module { arguments, .. } => arguments.clone(),
                    _ => Vec::new(),
                },
            })
            .collect();
        if lines.is_empty() {
            self.ungated.push(service.to_owned());
            return Ok(());
        }
        let (state, until) = made_by_us(service)?;
        let rules = policy.services.iter().find(|(name, _)| name == service).map(|(_, rules)| rules.clone());
        let rules = rules.unwrap_or_default();
        self.gates.push(ListedGate {
            service: service.to_owned(),
            state,
            until,
            lines,
            commands: if service == sudoers::SERVICE { sudoers::commands() } else { Vec::new() },
            asked: rules.require.iter().map(|entry| entry.text.clone()).collect(),
            unenrolled: unenrolled(&rules),
            exempt: exempt(&rules),
        });
        Ok(())
    }

    /// The services of this gate that have none of its lines.
    fn add_lost(&mut self, gate: &str) -> Result<(), Failure> {
        for state in [GateState::Pending, GateState::InForce] {
            let Some(record) = record::read(gate, state)? else { continue };
            let of_pam = record.files.iter().filter(|file| file.path.parent() == Some(Path::new(PAM_D)));
            let services = of_pam.filter_map(|file| file.path.file_name()?.to_str());
            for service in services.filter(|name| !self.gates.iter().any(|listed| listed.service == *name)) {
                let (gate, service) = (gate.to_owned(), service.to_owned());
                self.lost.push(LostGate { gate, service, state, until: record.until });
            }
        }
        Ok(())
    }

    fn text(&self) -> String {
        let mut text: String = self.gates.iter().map(ListedGate::text).collect();
        text.extend(self.lost.iter().map(LostGate::text));
        if !self.ungated.is_empty() {
            text.push_str(&format!(
                "these ask for no code: {}\n",
                self.ungated.iter().map(|name| escaped(name)).collect::<Vec<_>>().join(", ")
            ));
        }
        text
    }
}

/// The lines of the stage in which a service asks: `auth`, and in passwd, which has none, our line before a new password. A part of
/// other services has no account stage; nor have most screen lockers.
fn asking(service: &str, stacks: &ServiceStacks) -> Vec<StackLine> {
    let auth = stacks.stage(Stage::Auth);
    match service {
        PASSWD if auth.is_empty() => stacks.stage(Stage::Password).into_iter().filter(is_ours).collect(),
        name if LOCKERS.contains(&name) || !stacks.stage(Stage::Account).is_empty() => auth,
        _ => Vec::new(),
    }
}

impl LostGate {
    fn text(&self) -> String {
        let Self { gate, service, state, until } = self;
        let until = until.filter(|_| *state == GateState::Pending);
        let end = until.map(|until| format!(", and is undone at {}", local(UnixTime::new(until)))).unwrap_or_default();
        format!(
            "{}: codes are no longer asked for: somebody has removed the lines of otpctl gate. Their record is \
             left{end}; remove it with otpctl gate disable {}\n",
            escaped(service),
            escaped(gate)
        )
    }
}

impl ListedGate {
    fn text(&self) -> String {
        let whose = match (self.state, self.until) {
            (None, _) => "written by hand".to_owned(),
            (Some(GateState::Pending), Some(until)) => {
                format!("undone at {} unless somebody confirms it", local(UnixTime::new(until)))
            }
            (Some(_), _) => "made by otpctl gate".to_owned(),
        };
        let mut text = format!("{}: {whose}\n", escaped(&self.service));
        for line in &self.lines {
            let options =
                if line.options.is_empty() { String::new() } else { format!(" ({})", line.options.join(" ")) };
            text.push_str(&format!("  line: {} line {}{}\n", escaped(&line.file), line.line, escaped(&options)));
        }
        if !self.commands.is_empty() {
            text.push_str(&format!("  commands: {}\n", escaped(&self.commands.join(", "))));
        }
        let asked = if self.asked.is_empty() { "everybody".to_owned() } else { self.asked.join(", ") };
        text.push_str(&format!("  asked: {}; {}\n", escaped(&asked), self.unenrolled));
        for one in &self.exempt {
            let until =
                one.until_day.as_ref().map_or_else(|| ", without an end".to_owned(), |day| format!(", until {day}"));
            let reason = one.reason.as_ref().map(|reason| format!(": {}", escaped(reason))).unwrap_or_default();
            text.push_str(&format!("  exempt: {}{until}{reason}\n", escaped(&one.who)));
        }
        text
    }
}

/// The state of the change that has made the gate of this service, and its end.
fn made_by_us(service: &str) -> Result<(Option<GateState>, Option<u64>), Failure> {
    let own = format!("/{service}");
    for name in record::all()? {
        for state in [GateState::Pending, GateState::InForce] {
            let Some(gate) = record::read(&name, state)? else { continue };
            let twin = name == service || gate.files.iter().any(|file| file.path.to_string_lossy().ends_with(&own));
            if twin {
                return Ok((Some(state), gate.until.filter(|_| state == GateState::Pending)));
            }
        }
    }
    Ok((None, None))
}

/// The fate of users without a key, as far as the policy says.
fn unenrolled(rules: &ServicePolicy) -> String {
    if rules.report_only {
        return "users without a key pass (report_only)".to_owned();
    }
    let until = rules.allow_until.map(|day| format!("users without a key pass until {}, and from then on ", date(day)));
    let then = match rules.unenrolled {
        Some(Unenrolled::Skip) => return "users without a key pass".to_owned(),
        Some(Unenrolled::Enrol) => "may enrol with a registration code",
        _ => "are refused",
    };
    format!("{}{then}", until.unwrap_or_else(|| "users without a key ".to_owned()))
}

fn exempt(rules: &ServicePolicy) -> Vec<ListedExemption> {
    let listed = rules.exempt.iter().map(|one| ListedExemption {
        who: one.entry.text.clone(),
        until_day: one.until.map(date),
        reason: one.reason.clone(),
    });
    listed.collect()
}

/// The day that begins then.
fn date(day: UnixTime) -> String {
    let text = utc(day);
    text.split('T').next().unwrap_or_default().to_owned()
}
