//! Tests of this crate over real gRPC, linked once.

#[cfg(test)]
mod calls;
#[cfg(test)]
mod kit;
