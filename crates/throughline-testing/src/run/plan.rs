//! What a run would send.

use std::fmt;

use crate::attack::{Attack, Need};

/// What a run would send, without a token in it.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    attacks: Vec<Planned>,
}

/// One attack of a plan.
#[derive(Clone, Debug)]
pub struct Planned {
    id: String,
    title: String,
    missing: Vec<Need>,
    requests: Vec<Result<Vec<String>, String>>,
}

impl Plan {
    pub(super) fn add(
        &mut self,
        attack: &Attack,
        missing: Vec<Need>,
        requests: Vec<Result<Vec<String>, String>>,
    ) {
        self.attacks.push(Planned {
            id: attack.id().to_owned(),
            title: attack.title().to_owned(),
            missing,
            requests,
        });
    }

    /// Every attack, those that do not apply included.
    pub fn attacks(&self) -> impl Iterator<Item = &Planned> {
        self.attacks.iter()
    }

    /// How many requests there are, beside the four by which a run gets acquainted.
    #[must_use]
    pub fn requests(&self) -> usize {
        let sent = |attack: &Planned| attack.requests().count();
        self.attacks.iter().map(sent).sum()
    }
}

impl Planned {
    /// The id of the attack.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What is done.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.title
    }

    /// What is not at hand, so that it will not be tried.
    #[must_use]
    pub fn missing(&self) -> &[Need] {
        &self.missing
    }

    /// Its requests, honest twins included, each as the lines that are sent; tokens are named and
    /// not shown.
    pub fn requests(&self) -> impl Iterator<Item = &[String]> {
        self.requests
            .iter()
            .filter_map(|request| request.as_deref().ok())
    }

    /// Why some of it cannot be sent.
    pub fn problems(&self) -> impl Iterator<Item = &str> {
        self.requests
            .iter()
            .filter_map(|request| request.as_ref().err().map(String::as_str))
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for attack in &self.attacks {
            writeln!(f, "{}: {}", attack.id, attack.title)?;
            if !attack.missing.is_empty() {
                let needs: Vec<_> = attack.missing.iter().map(|need| need.as_str()).collect();
                writeln!(f, "  not tried, needs {}", needs.join(", "))?;
            }
            for request in &attack.requests {
                match request {
                    Ok(lines) => writeln!(f, "  {}", lines.join("\n    "))?,
                    Err(why) => writeln!(f, "  not sent: {why}")?,
                }
            }
        }
        Ok(())
    }
}
