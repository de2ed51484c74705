//! A user on the command line: a name, or `uid:NUMBER` for an account whose name is not UTF-8 or stands for several accounts.

use std::ffi::OsString;

use clap::builder::{OsStringValueParser, TypedValueParser};
use nix::unistd::Uid;
use otp_core::accounts::{account_of, named};
use otp_core::keys::key::ValueError;
use otp_protocol::interface::UserName;

/// As a call names them; without a name, the daemon takes the caller or everybody.
pub(crate) fn user_name(user: Option<&str>) -> Result<Option<UserName>, ValueError> {
    user.map(UserName::new).transpose()
}

/// Reads one.
pub(crate) fn user() -> impl TypedValueParser<Value = String> {
    OsStringValueParser::new().try_map(read)
}

fn read(typed: OsString) -> Result<String, &'static str> {
    let name = typed.into_string().map_err(|_| "not UTF-8; give the uid instead, as uid:NUMBER")?;
    Ok(own_name(&name).unwrap_or(name))
}

/// The daemon asks the account database about nobody but the caller, where that is all they may ask: of several names that their uid
/// has, it takes the first.
fn own_name(name: &str) -> Option<String> {
    let caller = Uid::effective();
    let own = !caller.is_root() && named(name).ok()??.uid == caller.as_raw();
    own.then(|| account_of(caller.as_raw()).ok()?)?.map(|account| account.name)
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt as _;

    use super::*;

    #[test]
    fn a_name_that_is_not_utf_8_is_refused_with_the_way_round_it() {
        let error = read(OsString::from_vec(b"j\xf6rg".to_vec())).unwrap_err();
        assert!(error.contains("uid:NUMBER"), "{error}");
        assert_eq!(read("jörg".into()), Ok("jörg".to_owned()));
    }
}
