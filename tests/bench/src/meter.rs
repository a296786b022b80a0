//! Rows, and what measures them.

use crate::Error;

/// Measures a piece of work: nanoseconds in one binary, allocations in the other.
pub trait Meter {
    /// What `work` costs.
    fn measure(&self, work: &mut dyn FnMut()) -> u64;
}

/// One measured operation.
pub struct Row {
    name: &'static str,
    batch: Batch,
}

/// Measures so many operations; none when one of them did not answer as it should.
type Batch = Box<dyn FnMut(&dyn Meter, usize) -> Option<u64>>;

impl Row {
    /// An operation over inputs that `make` makes beforehand. `run` says whether it went as it
    /// should.
    pub fn new<I: 'static>(
        name: &'static str,
        mut make: impl FnMut() -> I + 'static,
        mut run: impl FnMut(I) -> bool + 'static,
    ) -> Self {
        let batch = move |meter: &dyn Meter, size: usize| {
            let mut inputs: Vec<I> = (0..size).map(|_| make()).collect();
            let mut held = true;
            let cost = meter.measure(&mut || {
                for input in inputs.drain(..) {
                    held &= run(input);
                }
            });
            held.then_some(cost)
        };
        Self {
            name,
            batch: Box::new(batch),
        }
    }

    /// What it measures.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The mean cost of an operation over a batch of `size`.
    ///
    /// # Errors
    ///
    /// An operation of the batch did not answer as it should.
    pub fn measure(&mut self, meter: &dyn Meter, size: usize) -> Result<f64, Error> {
        match (self.batch)(meter, size) {
            Some(cost) => Ok(cost as f64 / size as f64),
            None => Err(format!("row `{}` did not answer as it should", self.name).into()),
        }
    }
}

impl std::fmt::Debug for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Row")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// The one in the middle.
#[must_use]
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
