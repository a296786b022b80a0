//! What every middleware here offers beside its work.

/// Access to the inner service.
macro_rules! inner_service {
    () => {
        /// The inner service.
        pub fn get_ref(&self) -> &S {
            &self.inner
        }

        /// The inner service, to be changed.
        pub fn get_mut(&mut self) -> &mut S {
            &mut self.inner
        }

        /// The inner service, taken out.
        pub fn into_inner(self) -> S {
            self.inner
        }
    };
}
