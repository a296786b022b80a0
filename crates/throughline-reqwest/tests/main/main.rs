//! Tests of this crate over real sockets, linked once.

#[cfg(test)]
mod redirects;
