//! An operation of a user, and its text form in the output of the child.

use std::fmt;
use std::str::FromStr;

/// An operation. Tokens and hashes have numbers; a session has the number of its token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    LogIn { session: u32 },
    Refresh { session: u32, presented: u32, successor: u32 },
    LogOut { session: u32 },
    LogOutEverywhere,
    Disable,
    Enable,
    ChangePassword { hash: u32, kept: Option<u32> },
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::LogIn { session } => write!(f, "log-in {session}"),
            Self::Refresh { session, presented, successor } => {
                write!(f, "refresh {session} {presented} {successor}")
            }
            Self::LogOut { session } => write!(f, "log-out {session}"),
            Self::LogOutEverywhere => f.write_str("log-out-everywhere"),
            Self::Disable => f.write_str("disable"),
            Self::Enable => f.write_str("enable"),
            Self::ChangePassword { hash, kept: None } => write!(f, "change-password {hash}"),
            Self::ChangePassword { hash, kept: Some(kept) } => {
                write!(f, "change-password {hash} {kept}")
            }
        }
    }
}

impl FromStr for Operation {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let words: Vec<&str> = text.split(' ').collect();
        let number = |word: &str| word.parse::<u32>().map_err(|error| format!("{text}: {error}"));
        Ok(match *words {
            ["log-in", session] => Self::LogIn { session: number(session)? },
            ["refresh", session, presented, successor] => {
                let [session, presented] = [number(session)?, number(presented)?];
                Self::Refresh { session, presented, successor: number(successor)? }
            }
            ["log-out", session] => Self::LogOut { session: number(session)? },
            ["log-out-everywhere"] => Self::LogOutEverywhere,
            ["disable"] => Self::Disable,
            ["enable"] => Self::Enable,
            ["change-password", hash] => Self::ChangePassword { hash: number(hash)?, kept: None },
            ["change-password", hash, kept] => {
                Self::ChangePassword { hash: number(hash)?, kept: Some(number(kept)?) }
            }
            _ => return Err(format!("invalid operation {text:?}")),
        })
    }
}
