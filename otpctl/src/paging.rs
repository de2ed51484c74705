//! The list of users, page by page. The daemon hangs up on a slow reader, and a person may leave a pager open for hours: then the next page
//! is asked for on a new connection.

use otp_protocol::client::{CallError, Client};
use otp_protocol::interface::{List, Refusal, UserList};
use otp_protocol::status::InvitedToo;

use crate::output::failure::Failure;
use crate::output::stderr;

/// Reaches the daemon.
pub(crate) type Connect = fn() -> Result<Client, Failure>;

/// Hands on each answer, in the order of uids.
pub(crate) fn each_page(
    connect: Connect,
    mut invited: InvitedToo,
    take: &mut dyn FnMut(UserList) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut after = None;
    loop {
        let begun = after;
        let wanted = List { after, invited: (invited == InvitedToo::Listed).then_some(true) };
        let listed = connect()?.call_for_more(&wanted, |page, _| {
            after = after.max(last_uid(&page));
            take(page).map_err(PageError::Taking)
        });
        match listed {
            Ok(()) => return Ok(()),
            Err(PageError::Call(CallError::Closed | CallError::Silent)) if after > begun => {}
            Err(PageError::Call(CallError::Refused(Refusal::InvalidParameter { parameter })))
                if parameter == "invited" && invited == InvitedToo::Listed =>
            {
                stderr::note("the daemon is an earlier version and does not report invitations");
                invited = InvitedToo::LeftOut;
            }
            Err(PageError::Call(error)) => return Err(error.into()),
            Err(PageError::Taking(failure)) => return Err(failure),
        }
    }
}

/// Why a list ended early.
enum PageError {
    Call(CallError),
    Taking(Failure),
}

impl From<CallError> for PageError {
    fn from(error: CallError) -> Self {
        Self::Call(error)
    }
}

fn last_uid(page: &UserList) -> Option<u32> {
    let readable = page.users.iter().map(|user| user.uid);
    readable.chain(page.unreadable.iter().map(|one| one.uid)).max()
}
