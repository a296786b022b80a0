//! A handler that wants an admitted context cannot be called with a bare one.
use throughline::TenantContext;
use throughline_core::Context;

fn handle(_: &TenantContext) {}

fn call(context: &Context) {
    handle(context);
}

fn main() {}
