//! A stack with a line of pam_google_authenticator or pam_oath, as it is with ours: the options, the lines, the text, the report.

mod cut_over;
pub(crate) mod new_line;
pub(crate) mod new_text;
pub(crate) mod old_module;
pub(crate) mod old_option;
pub(crate) mod policy_block;
pub(crate) mod report;
