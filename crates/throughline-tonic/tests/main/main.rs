//! Tests of this crate over real gRPC, linked once.

#[cfg(test)]
mod calls;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod kit;
