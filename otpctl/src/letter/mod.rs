//! Registration codes on paper: letters, one by one or in a stack, the notes that go apart from them, and the list that says whose
//! letter has which reference.

pub(crate) mod batch;
pub(crate) mod letter_file;
pub(crate) mod letter_list;
pub(crate) mod page;
pub(crate) mod post;
pub(crate) mod stack_file;
pub(crate) mod templates;
