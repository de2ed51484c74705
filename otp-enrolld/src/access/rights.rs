//! Rights (R11): one table, which `may` looks up. docs/life-of-a-key.md and otp-enrolld(8) show it to readers; a test compares them.
//!
//! Redeeming, adding and rotating want the code from root, too: a setuid program that runs as root is no admin. No group lets its
//! members invite themselves, import a token for themselves or end a suspension of their own: that would be a new second factor
//! without the old one. Confirming and cancelling need no right of their own: they act on what this connection began.

use otp_protocol::status::Sight;

/// The caller, as the kernel says, with what the group database says of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Actor {
    /// uid 0.
    Root,
    /// Anybody else, with what the groups give.
    User(u32, Groups),
}

/// Groups that give a right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Groups {
    /// otp-admin.
    pub admin: bool,
    /// otp-helpdesk.
    pub helpdesk: bool,
    /// otp-verify.
    pub verify: bool,
    /// otp-viewer.
    pub viewer: bool,
}

/// Whom a request is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Target {
    /// The uid.
    pub uid: u32,
    /// Root, or a member of otp-admin.
    pub admin: bool,
}

/// An act; the table says it in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    Invite,
    RevokeInvitation,
    ExtendInvitation,
    RequestReset,
    ListResets,
    ApproveReset,
    CancelReset,
    Redeem,
    Repudiate,
    BeginEnrolment,
    AddToken,
    ImportToken,
    ListTokens,
    RemoveToken,
    ImportKey,
    AddKey,
    Rotate,
    RenewRecoveryCodes,
    ReadStatus,
    ReadNotices,
    List,
    Suspend,
    Resume,
    ReportLost,
    TakeBackLost,
    Forget,
    Adopt,
    ListGone,
    Restored,
    Reopen,
    Rename,
    Revoke,
    SetExpiry,
    Verify,
    TryCode,
    AskBarred,
}

/// May one kind of actor do an act?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Right {
    No,
    Yes,
    /// To anybody but themselves.
    Others,
    /// To anybody but root and members of otp-admin.
    NotAdmins,
    /// To anybody but these and themselves.
    OthersNotAdmins,
    /// With a code of one of the user's keys; to redeem or repudiate, with the registration code.
    Code,
    CodeOfThatKey,
}

/// One act, and what each kind of actor may do of it. Anybody else may do nothing.
struct Row {
    act: Act,
    /// The act in words: "only root may" goes on with them.
    what: &'static str,
    root: Right,
    admin: Right,
    helpdesk: Right,
    /// The user whom it is about. A group spares them no code.
    user: Right,
    verify: Right,
    viewer: Right,
}

#[rustfmt::skip]
const TABLE: [Row; 36] = {
    use Right::{Code, CodeOfThatKey, No, NotAdmins, Others, OthersNotAdmins, Yes};
    [
        //                                                                   root  admin   helpdesk         the user       verify viewer
        row(Act::Invite,             "invite a user",                       [Yes,  Others, OthersNotAdmins, No,            No,    No]),
        row(Act::RevokeInvitation,   "take an invitation back",             [Yes,  Yes,    NotAdmins,       No,            No,    No]),
        row(Act::ExtendInvitation,   "give an invitation a later end",     [Yes,  Others, OthersNotAdmins, No,            No,    No]),
        row(Act::RequestReset,       "ask for a reset",                     [Yes,  Others, OthersNotAdmins, No,            No,    No]),
        row(Act::ListResets,         "list resets",                         [Yes,  Yes,    Yes,             Yes,           No,    Yes]),
        row(Act::ApproveReset,       "approve a reset",                     [Yes,  Others, No,              No,            No,    No]),
        row(Act::CancelReset,        "cancel a reset",                      [Yes,  Yes,    NotAdmins,       Code,          No,    No]),
        row(Act::Redeem,             "redeem a registration code",          [Code, No,     No,              Code,          No,    No]),
        row(Act::Repudiate,          "repudiate a registration code",       [Code, No,     No,              Code,          No,    No]),
        row(Act::BeginEnrolment,     "enrol a user and see the key",        [Yes,  No,     No,              No,            No,    No]),
        row(Act::AddToken,           "import or assign a token",            [Yes,  Others, No,              No,            No,    No]),
        row(Act::ImportToken,        "import unassigned tokens",            [Yes,  No,     No,              No,            No,    No]),
        row(Act::ListTokens,         "list unassigned tokens",              [Yes,  Yes,    No,              No,            No,    Yes]),
        row(Act::RemoveToken,        "remove an unassigned token",          [Yes,  Yes,    No,              No,            No,    No]),
        row(Act::ImportKey,          "import a key of another program",     [Yes,  No,     No,              No,            No,    No]),
        row(Act::AddKey,             "add a key",                           [Code, No,     No,              Code,          No,    No]),
        row(Act::Rotate,             "replace a key",                       [Code, No,     No,              Code,          No,    No]),
        row(Act::RenewRecoveryCodes, "get new recovery codes",              [Code, No,     No,              Code,          No,    No]),
        row(Act::ReadStatus,         "read a status",                       [Yes,  Yes,    Yes,             Yes,           No,    Yes]),
        row(Act::ReadNotices,        "read notices",                        [Yes,  No,     No,              Yes,           No,    No]),
        row(Act::List,               "list users",                          [Yes,  Yes,    Yes,             No,            No,    Yes]),
        row(Act::Suspend,            "suspend a user",                      [Yes,  Yes,    NotAdmins,       No,            No,    No]),
        row(Act::Resume,             "end a suspension",                    [Yes,  Others, No,              No,            No,    No]),
        row(Act::ReportLost,         "report a lost device",                [Code, No,     No,              Code,          No,    No]),
        row(Act::TakeBackLost,       "take back a report of a lost device", [Code, No,     No,              Code,          No,    No]),
        row(Act::Forget,             "forget a user",                       [Yes,  No,     No,              No,            No,    No]),
        row(Act::Adopt,              "adopt files of a former account",     [Yes,  No,     No,              No,            No,    No]),
        row(Act::ListGone,           "list accounts that are gone",         [Yes,  No,     No,              No,            No,    No]),
        row(Act::Restored,           "accept files restored from a backup", [Yes,  No,     No,              No,            No,    No]),
        row(Act::Reopen,             "reopen an origin",                    [Yes,  Others, No,              Code,          No,    No]),
        row(Act::Rename,             "rename a key",                        [Yes,  No,     No,              Yes,           No,    No]),
        row(Act::Revoke,             "revoke a key",                        [Yes,  Others, No,              CodeOfThatKey, No,    No]),
        row(Act::SetExpiry,          "set the end of a key",                [Yes,  Others, No,              CodeOfThatKey, No,    No]),
        row(Act::Verify,             "check a code",                        [Yes,  No,     No,              Yes,           Yes,   No]),
        row(Act::TryCode,            "try a code",                          [Code, No,     No,              Code,          No,    No]),
        row(Act::AskBarred,          "ask whether a user is barred",        [Yes,  No,     No,              Yes,           Yes,   No]),
    ]
};

const fn row(act: Act, what: &'static str, [root, admin, helpdesk, user, verify, viewer]: [Right; 6]) -> Row {
    Row { act, what, root, admin, helpdesk, user, verify, viewer }
}

/// On what terms it is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Terms {
    /// Without more ado.
    Freely,
    /// With one of the user's codes.
    WithACode,
    /// With a code of the key that it is about.
    WithACodeOfThatKey,
}

/// Refused, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Denial(pub String);

/// May `actor` do `act` to `target` (none for requests about nobody in particular), and on what terms?
pub(crate) fn may(actor: Actor, act: Act, target: Option<Target>) -> Result<Terms, Denial> {
    let row = TABLE.iter().find(|row| row.act == act);
    let row = row.ok_or_else(|| Denial(format!("nobody may {act:?}")))?; // a row that was forgotten allows nothing
    let (asker, groups) = match actor {
        Actor::Root => return row.root.terms(0, target).ok_or_else(|| row.denial()),
        Actor::User(uid, groups) => (uid, groups),
    };
    let own = target.is_some_and(|target| target.uid == asker);
    let columns = [
        (own, row.user),
        (groups.viewer, row.viewer),
        (groups.verify, row.verify),
        (groups.helpdesk, row.helpdesk),
        (groups.admin, row.admin),
    ];
    let mut rights = columns.into_iter().filter_map(|(counts, right)| counts.then_some(right));
    if let Some(terms) = rights.clone().find_map(|right| right.terms(asker, target)) {
        return Ok(terms);
    }
    // Anyone who may do it for others must not hear that their group may do it.
    match own && rights.any(|right| matches!(right, Right::Others | Right::OthersNotAdmins)) {
        true => Err(Denial("only root may do this for themselves; let somebody else do it".to_owned())),
        false => Err(row.denial()),
    }
}

impl Right {
    fn terms(self, asker: u32, target: Option<Target>) -> Option<Terms> {
        let another = target.is_none_or(|target| target.uid != asker);
        let no_admin = target.is_some_and(|target| !target.admin);
        match self {
            Self::Yes => Some(Terms::Freely),
            Self::Others => another.then_some(Terms::Freely),
            Self::NotAdmins => no_admin.then_some(Terms::Freely),
            Self::OthersNotAdmins => (another && no_admin).then_some(Terms::Freely),
            Self::Code => Some(Terms::WithACode),
            Self::CodeOfThatKey => Some(Terms::WithACodeOfThatKey),
            Self::No => None,
        }
    }
}

impl Row {
    /// Names those who may. Root is not among them where it needs the user's code.
    fn denial(&self) -> Denial {
        let columns = [
            (self.root, "root"),
            (self.admin, "otp-admin"),
            (self.user, "the user"),
            (self.verify, "otp-verify"),
            (self.viewer, "otp-viewer"),
            (self.helpdesk, if self.helpdesk == Right::Yes { "otp-helpdesk" } else { "otp-helpdesk (not for admins)" }),
        ];
        let may =
            columns.into_iter().filter(|(right, who)| *right != Right::No && (*right, *who) != (Right::Code, "root"));
        let names: Vec<_> = may.map(|(_, who)| who).collect();
        let names = match names.as_slice() {
            [first @ .., last] if !first.is_empty() => format!("{} and {last}", first.join(", ")),
            names => names.concat(),
        };
        Denial(format!("only {names} may {}", self.what))
    }
}

impl Actor {
    /// May they ask about somebody else at all? Anyone who may not is told nothing about another name.
    pub(crate) fn sees_others(self) -> bool {
        match self {
            Self::Root => true,
            Self::User(_, groups) => groups != Groups::default(),
        }
    }

    /// Do they look at others, and may not put their files right?
    pub(crate) fn only_views(self) -> bool {
        matches!(self, Self::User(_, Groups { admin: false, .. }))
    }

    /// How much they see of the status of `uid`. Anyone who may not change keys needs no ids of them.
    pub(crate) fn sight(self, uid: u32) -> Sight {
        match self {
            Self::Root => Sight::Whole,
            Self::User(_, Groups { admin: true, .. }) => Sight::WithoutCounts,
            Self::User(own, _) if own == uid => Sight::WithoutCounts,
            Self::User(_, Groups { helpdesk: true, .. }) => Sight::WithoutIds,
            Self::User(..) => Sight::WithoutCoolDown,
        }
    }

    /// The ground of their right over `target`, for the log: that they are root, that it is their own, or a group.
    pub(crate) fn ground(self, target: Option<u32>) -> &'static str {
        match self {
            Self::Root => "root",
            Self::User(uid, _) if target == Some(uid) => "own",
            Self::User(_, Groups { admin: true, .. }) => "otp-admin",
            Self::User(_, Groups { helpdesk: true, .. }) => "otp-helpdesk",
            Self::User(_, Groups { verify: true, .. }) => "otp-verify",
            Self::User(..) => "otp-viewer",
        }
    }
}

#[cfg(test)]
#[path = "rights_tests.rs"]
mod tests;
