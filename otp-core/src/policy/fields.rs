//! Fields that the host's policy and a service's table share, each checked against its range.

use crate::decision::limits::{DISABLE_AT, Limits, Wait, Window};
use crate::decision::origin::Origin;
use crate::policy::toml_table::{Table, TableError};

/// `back` and `forward`.
pub(crate) fn window(mut table: Table<'_>, default: Window) -> Result<Window, TableError> {
    let back = ranged(&mut table, "back", default.back, 0..=2)?;
    let forward = ranged(&mut table, "forward", default.forward, 0..=2)?;
    table.end()?;
    Ok(Window { back, forward })
}

/// How many guesses each origin has, and how it waits between them.
pub(crate) fn guesses(mut table: Table<'_>, default: Limits) -> Result<([u32; 5], Wait), TableError> {
    let mut guesses = default.guesses;
    for (guess, origin) in guesses.iter_mut().zip(Origin::ALL) {
        let number = ranged(&mut table, origin.as_str(), u64::from(*guess), 3..=88)?;
        *guess = u32::try_from(number).unwrap_or(*guess);
    }
    let sum: u32 = guesses.iter().sum();
    if sum > DISABLE_AT {
        let what = format!("the guesses of all origins add up to {sum}; wanted at most {DISABLE_AT}");
        return Err(table.error_here(what));
    }
    let wait = wait(&mut table, default.wait)?;
    table.end()?;
    Ok((guesses, wait))
}

fn wait(table: &mut Table<'_>, default: Wait) -> Result<Wait, TableError> {
    let Some(found) = table.string("wait")? else { return Ok(default) };
    match found.value {
        "growing" => Ok(Wait::Growing),
        "none" => Ok(Wait::None),
        other => Err(table.error(&found, format!("wait is {other:?}; wanted \"growing\" or \"none\""))),
    }
}

/// A whole number within `range`, or the default.
pub(crate) fn ranged<'d>(
    table: &mut Table<'d>,
    name: &'d str,
    default: u64,
    range: std::ops::RangeInclusive<u64>,
) -> Result<u64, TableError> {
    let Some(found) = table.integer(name)? else { return Ok(default) };
    let number = u64::try_from(found.value).ok().filter(|number| range.contains(number));
    number.ok_or_else(|| {
        let wanted = if range.start() == range.end() { String::new() } else { format!(" to {}", range.end()) };
        let what = format!("{name} is {}; wanted {}{wanted}", found.value, range.start());
        table.error(&found, what)
    })
}
