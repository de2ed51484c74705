//! Keys of other programs on their way to the daemon: files are read as their owners, keys go over one by one, and each has a row.

pub(crate) mod handover;
pub(crate) mod homes;
pub(crate) mod own_file;
pub(crate) mod report;
pub(crate) mod source_file;
pub(crate) mod tokens;
pub(crate) mod transport_key;
