//! The macro that makes a list of reasons from its table, and the parsing of a word from the wire.

/// A list of reasons that has a word for each.
pub trait Worded: Sized {
    /// The word in logs and on the wire.
    fn word(&self) -> &'static str;

    /// The reason of this word.
    fn parse(word: &str) -> Option<Self>;
}

/// A word that came over the wire: a reason of the list, or one that only a newer daemon knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received<T> {
    /// Of the list.
    Known(T),
    /// As it came.
    Unknown(String),
}

impl<T: Worded> Received<T> {
    /// The word in logs and on the wire.
    pub fn word(&self) -> &str {
        match self {
            Self::Known(reason) => reason.word(),
            Self::Unknown(word) => word,
        }
    }
}

impl<T: Worded> From<String> for Received<T> {
    fn from(word: String) -> Self {
        T::parse(&word).map_or(Self::Unknown(word), Self::Known)
    }
}

impl<T: Worded> From<Received<T>> for String {
    fn from(received: Received<T>) -> Self {
        received.word().to_owned()
    }
}

/// Makes a list of reasons from its table: `Variant => "word", text;`. The type of the texts stands after the name; a list can do
/// without.
#[macro_export]
macro_rules! reason_table {
    (
        $(#[$about:meta])*
        $shown:vis enum $list:ident -> $text_type:ty {
            $($(#[$note:meta])* $variant:ident $({ $(#[$field_note:meta])* $field:ident: $number:ty })? => $word:literal, $text:expr;)*
        }
    ) => {
        $crate::reason_table! {
            $(#[$about])*
            $shown enum $list {
                $($(#[$note])* $variant $({ $(#[$field_note])* $field: $number })? => $word;)*
            }
        }

        impl $list {
            const fn row_text(self) -> $text_type {
                match self {
                    $(Self::$variant { .. } => $text,)*
                }
            }
        }
    };
    (
        $(#[$about:meta])*
        $shown:vis enum $list:ident {
            $($(#[$note:meta])* $variant:ident $({ $(#[$field_note:meta])* $field:ident: $number:ty })? => $word:literal;)*
        }
    ) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        $shown enum $list {
            $($(#[$note])* $variant $({ $(#[$field_note])* $field: $number })?,)*
        }

        impl $list {
            /// Every one; its number, if it has one, is 0.
            $shown const ALL: &'static [Self] = &[$(Self::$variant $({ $field: 0 })?),*];

            /// The word in logs and on the wire.
            $shown const fn word(self) -> &'static str {
                match self {
                    $(Self::$variant { .. } => $word,)*
                }
            }
        }

        impl $crate::reasons::words::Worded for $list {
            fn word(&self) -> &'static str {
                (*self).word()
            }

            fn parse(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.word() == word)
            }
        }
    };
}
