//! The status of a registration code: when it was made and ends, by whom, in which form, and why it is not good.

use std::collections::HashMap;

use otp_core::files::ticket::{MOST_USES, Ticket, TicketEndReason};
use otp_core::unix_time::UnixTime;
use otp_core::vault::SeenTicket;

use crate::database;
use crate::interface::{InvitationStatus, KeyStatus};

/// Names of those who had codes made, each looked up once.
#[derive(Default)]
pub(crate) struct Inviters {
    known: HashMap<u32, Option<String>>,
    /// The account database did not answer; nobody is asked about any more.
    hangs: bool,
}

impl Inviters {
    fn name(&mut self, uid: u32) -> Option<String> {
        let hangs = &mut self.hangs;
        let known = self.known.entry(uid).or_insert_with(|| {
            let answer = if *hangs { Ok(None) } else { database::account_of(uid) };
            *hangs |= answer.is_err();
            answer.ok().flatten().map(|account| account.name)
        });
        known.clone()
    }
}

/// The newest ticket of a user who has these keys; none if a key was made with it, or without it since.
pub(crate) fn invitation(
    seen: &SeenTicket,
    keys: &[KeyStatus],
    now: UnixTime,
    inviters: &mut Inviters,
) -> Option<InvitationStatus> {
    let ticket = &seen.ticket;
    let over = over(seen, now);
    let made_since = keys.iter().any(|key| key.confirmed > ticket.issued);
    if over == Some(CONFIRMED) || (over.is_some() && made_since) {
        return None;
    }
    Some(InvitationStatus {
        form: ticket.form.as_str().to_owned(),
        made: ticket.issued,
        ends: ticket.not_after,
        by: ticket.issued_by,
        by_user: inviters.name(ticket.issued_by),
        replaces: ticket.replaces,
        redeemed: ticket.uses > 0,
        over: over.map(str::to_owned),
    })
}

fn over(seen: &SeenTicket, now: UnixTime) -> Option<&'static str> {
    match &seen.ticket {
        Ticket { end: Some(end), .. } => Some(end.why.as_str()),
        _ if seen.restored => Some("restored"),
        ticket if ticket.is_good(now) => None,
        Ticket { uses: MOST_USES.., .. } => Some("redeemed-too-often"),
        _ => Some("expired"),
    }
}

const CONFIRMED: &str = TicketEndReason::Confirmed.as_str();
