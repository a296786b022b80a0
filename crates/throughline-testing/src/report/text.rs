//! The report as text.

use std::fmt::{self, Write as _};

use super::{Outcome, Report};
use crate::judge::{How, Verdict};

impl Report {
    /// What an assertion fails with.
    pub(super) fn failure(&self, failed: &[&Outcome]) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = writeln!(text, "{}: {}", self.target, self.summary());
        if let Some(why) = &self.unreached {
            let _ = writeln!(
                text,
                "\nnot even an honest request was served, so nothing was tried: {why}"
            );
            return text;
        }
        if self.counts().tried() == 0 {
            let _ = writeln!(text, "\nno attack applies, so nothing was tried");
        }
        for outcome in failed {
            let _ = write!(text, "\n{outcome}");
        }
        text
    }

    fn summary(&self) -> String {
        let counts = self.counts();
        let mut text = format!(
            "{} attacks · {} refused · {} accepted",
            counts.tried(),
            counts.held,
            counts.accepted
        );
        for (count, what) in [
            (counts.neutralised, "neutralised"),
            (counts.not_judged, "not judged"),
            (counts.not_run, "not run"),
            (counts.not_applicable, "not applicable"),
            (self.left_out.len(), "left out"),
        ] {
            if count > 0 {
                let _ = write!(text, " · {count} {what}");
            }
        }
        text
    }
}

/// The figures, and everything that is not as it should be.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.target, self.summary())?;
        if let Some(why) = &self.unreached {
            return writeln!(f, "\nnot even an honest request was served: {why}");
        }
        for outcome in &self.outcomes {
            match &outcome.verdict {
                Verdict::Accepted { .. } | Verdict::NotJudged { .. } | Verdict::NotRun { .. } => {
                    write!(f, "\n{outcome}")?;
                }
                Verdict::Held { .. } | Verdict::Neutralised | Verdict::NotApplicable { .. } => {}
            }
        }
        for (id, reason) in &self.left_out {
            writeln!(f, "\nleft out: {id}, {reason}")?;
        }
        Ok(())
    }
}

/// The attack, what was sent, what came back, and why it matters.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.id, self.title)?;
        writeln!(f, "  {}", self.verdict)?;
        if let Verdict::Held { .. } | Verdict::Accepted { .. } | Verdict::NotJudged { .. } =
            self.verdict
        {
            let served = if self.may_be_served {
                ", or harmless"
            } else {
                ""
            };
            let reasons = match self.expected.is_empty() {
                true => String::new(),
                false => format!(" ({})", self.expected.join(", ")),
            };
            writeln!(f, "  expected: refused{reasons}{served}")?;
        }
        if let Some(exchange) = &self.exchange {
            block(f, "sent", &exchange.sent)?;
            block(f, "came back", &exchange.came)?;
        }
        if let (
            Some(twin),
            Verdict::Accepted {
                how: How::DiffersFromTwin,
            },
        ) = (&self.twin, &self.verdict)
        {
            block(f, "its honest twin got", &twin.came)?;
        }
        writeln!(f, "  why it matters: {}", self.why)?;
        writeln!(
            f,
            "  seen in: {} ({})",
            self.imitates.what, self.imitates.link
        )
    }
}

fn block(f: &mut fmt::Formatter<'_>, what: &str, lines: &[String]) -> fmt::Result {
    writeln!(f, "  {what}:")?;
    for line in lines {
        writeln!(f, "    {line}")?;
    }
    Ok(())
}
