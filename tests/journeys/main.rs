//! Tests of the whole system, linked once.

#[cfg(test)]
mod leak;
#[cfg(test)]
mod must_not_compile;
#[cfg(test)]
#[path = "../python/interpreter.rs"]
mod python;
#[cfg(test)]
mod vectors;
