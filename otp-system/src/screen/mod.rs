//! Text for people: as wide as their terminal, and in colour where that helps. Every program here writes through [`wrapped`].

mod encoding;
pub mod escape;
mod look;
mod style;
mod wrap;

pub use encoding::Encoding;
pub use look::{ColorWish, Colours, Look, has_colours};
pub use style::{bad, good, strong};
pub use wrap::{beside, columns, wrapped};
