//! Tests of the whole system, linked once.

#[cfg(test)]
mod leak;
#[cfg(test)]
mod must_not_compile;
#[cfg(test)]
mod vectors;
