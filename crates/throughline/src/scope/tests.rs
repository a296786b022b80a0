use std::cell::Cell;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::Waker;
use std::time::Duration;

use futures_core::Stream;
use throughline_core::Reason;
use throughline_core::freshness::{Freshness, Mark, Marks, Target};
use throughline_core::grant::Task;
use throughline_core::time::Clock;
use throughline_core::{Context, Tenant};

use super::*;
use crate::fixture::World;

fn tenant() -> Result<String, NoScopeError> {
    current().map(|cx| cx.tenant().to_string())
}

fn acme() -> Result<String, NoScopeError> {
    Ok("acme".into())
}

fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut TaskContext::from_waker(Waker::noop()))
}

/// Gives `n` items, one for each poll, each the tenant it was polled in.
struct Items(usize);

impl Stream for Items {
    type Item = Result<String, NoScopeError>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        let left = self.0;
        self.0 = left.saturating_sub(1);
        Poll::Ready((left > 0).then(tenant))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.0, Some(self.0))
    }
}

fn next<S: Stream>(stream: Pin<&mut S>) -> Poll<Option<S::Item>> {
    stream.poll_next(&mut TaskContext::from_waker(Waker::noop()))
}

#[tokio::test]
async fn a_scope_ends_where_its_future_ends() {
    let world = World::new();
    let cx = world.context("acme");
    assert!(tenant().is_err());
    assert_eq!(cx.scope(async { tenant() }).await, acme());
    assert!(tenant().is_err());

    // Between two polls, nothing of it is visible.
    let mut scoped = pin!(cx.scope(async {
        let before = tenant();
        tokio::task::yield_now().await;
        (before, tenant())
    }));
    assert!(poll_once(scoped.as_mut()).is_pending());
    assert!(tenant().is_err());
    assert_eq!(poll_once(scoped.as_mut()), Poll::Ready((acme(), acme())));
    assert!(tenant().is_err());
}

#[tokio::test]
async fn scopes_nest_and_the_inner_one_ends_first() {
    let world = World::new();
    let (acme, globex) = (world.context("acme"), world.context("globex"));
    let seen = acme.scope(async {
        let mut seen = vec![tenant()];
        seen.push(globex.scope(async { tenant() }).await);
        seen.push(globex.bind(tenant)());
        seen.push(tenant());
        seen
    });
    let seen: Vec<_> = seen.await.into_iter().map(Result::unwrap).collect();
    assert_eq!(seen, ["acme", "globex", "globex", "acme"]);
}

// failure: X29
#[tokio::test]
async fn work_runs_in_the_context_it_was_handed_over_with() {
    let world = World::new();
    let (cx, other) = (world.context("acme"), world.context("globex"));
    // Created under `acme`, first polled under `globex`.
    let scoped = cx.scope(async { tenant() });
    let bound = cx.bind(tenant);
    let mut stream = Box::pin(cx.scope_stream(Items(1)));
    let spawned = cx.spawn(async { tenant() });
    drop(cx);
    other
        .scope(async {
            assert_eq!(scoped.await, acme());
            assert_eq!(bound(), acme());
            assert_eq!(next(stream.as_mut()), Poll::Ready(Some(acme())));
            assert_eq!(spawned.await.unwrap(), acme());
        })
        .await;
}

#[tokio::test]
async fn a_panic_or_a_dropped_future_leaves_nothing_behind() {
    let world = World::new();
    let cx = world.context("acme");
    let panics = || -> () { panic!("{:?}", tenant().is_ok()) };
    let caught = catch_unwind(AssertUnwindSafe(cx.bind(panics)));
    assert_eq!(*caught.unwrap_err().downcast::<String>().unwrap(), "true");
    assert!(tenant().is_err());

    let mut scoped = Box::pin(cx.scope(async { panic!("in a poll") }));
    let caught = catch_unwind(AssertUnwindSafe(|| -> Poll<()> {
        poll_once(scoped.as_mut())
    }));
    assert!(caught.is_err());
    assert!(tenant().is_err());

    // A destructor that runs when the future is dropped still knows whose work it was.
    struct Told(Arc<Mutex<Option<Result<String, NoScopeError>>>>);
    impl Drop for Told {
        fn drop(&mut self) {
            *self.0.lock().unwrap() = Some(tenant());
        }
    }
    let told = Arc::new(Mutex::new(None));
    let held = Told(Arc::clone(&told));
    let mut scoped = Box::pin(cx.scope(async move {
        let _held = held;
        std::future::pending::<()>().await;
    }));
    assert!(poll_once(scoped.as_mut()).is_pending());
    drop(scoped);
    assert_eq!(*told.lock().unwrap(), Some(acme()));
    assert!(tenant().is_err());
}

// failure: A9
#[tokio::test]
async fn only_the_identity_crosses() {
    tokio::task_local! {
        static TRANSACTION: Cell<u32>;
    }
    let unrelated = || TRANSACTION.try_with(Cell::get).ok();
    let cx = World::new().context("acme");
    let mut set = JoinSet::new();
    let crossed = TRANSACTION.scope(Cell::new(7), async {
        cx.spawn_on(&mut set, async move { (tenant(), unrelated()) });
        let stay = cx.bind(unrelated);
        let thread = cx.bind(move || (tenant(), unrelated()));
        // On the same task nothing is taken away either.
        assert_eq!((unrelated(), stay()), (Some(7), Some(7)));
        [
            cx.spawn(async move { (tenant(), unrelated()) })
                .await
                .unwrap(),
            cx.spawn_blocking(move || (tenant(), unrelated()))
                .await
                .unwrap(),
            set.join_next().await.unwrap().unwrap(),
            std::thread::spawn(thread).join().unwrap(),
        ]
    });
    for (tenant, transaction) in crossed.await {
        assert_eq!((tenant, transaction), (acme(), None));
    }
}

#[test]
fn a_stream_is_polled_in_its_context_and_is_otherwise_itself() {
    let cx = World::new().context("acme");
    let mut stream = pin!(cx.scope_stream(Items(2)));
    for left in [2, 1] {
        assert_eq!(stream.size_hint(), (left, Some(left)));
        assert_eq!(next(stream.as_mut()), Poll::Ready(Some(acme())));
        assert!(tenant().is_err());
    }
    assert_eq!(next(stream.as_mut()), Poll::Ready(None));
}

/// A world with a feed that is turned by hand.
fn with_feed() -> (World, Arc<Mutex<Marks>>) {
    let marks = Arc::new(Mutex::new(Marks::new(Duration::from_secs(1_000_000))));
    let feed = Arc::clone(&marks);
    let check = move |cx: &Context, now| feed.lock().unwrap().check(cx, now);
    let world = World::with_freshness(Freshness::feed(check));
    for tenant in ["acme", "globex"] {
        let tenant = Tenant::new(tenant).unwrap();
        marks.lock().unwrap().confirm(&tenant, world.clock.now());
    }
    (world, marks)
}

fn revoke(marks: &Mutex<Marks>, world: &World, tenant: &str) {
    let target = Target::Tenant(Tenant::new(tenant).unwrap());
    let mark = Mark::not_before(target, world.clock.now());
    marks.lock().unwrap().apply(mark);
}

#[test]
fn work_that_outlives_its_request_learns_that_it_was_revoked() {
    let (world, marks) = with_feed();
    let (cx, other) = (world.context("acme"), world.context("globex"));
    let guard = |cx: &TenantContext| {
        let answer = cx.guard(&world.domain);
        answer.map_err(|refusal| refusal.reason())
    };
    // The token's own end is not the work's.
    world.clock.turn(10_000);
    assert_eq!((guard(&cx), guard(&other)), (Ok(()), Ok(())));
    revoke(&marks, &world, "acme");
    assert_eq!((guard(&cx), guard(&other)), (Err(Reason::Revoked), Ok(())));
    let globex = Tenant::new("globex").unwrap();
    marks.lock().unwrap().set_suspended(&globex, true);
    assert_eq!(guard(&other), Err(Reason::TenantSuspended));
    marks.lock().unwrap().set_suspended(&globex, false);
    marks.lock().unwrap().lose(&globex);
    assert_eq!(guard(&other), Err(Reason::FreshnessUnknown));
}

#[test]
fn without_a_feed_work_is_believed_for_the_time_that_was_said_and_no_longer() {
    let world = World::with_freshness(Freshness::lifetime_only(Duration::from_secs(600)));
    let cx = world.context("acme");
    world.clock.turn(600);
    assert_eq!(cx.guard(&world.domain), Ok(()));
    let mut stream = pin!(cx.guard_stream(world.domain.clone(), Items(9)));
    assert_eq!(next(stream.as_mut()), Poll::Ready(Some(Ok(acme()))));
    world.clock.turn(1);
    let refusal = cx.guard(&world.domain).unwrap_err();
    assert_eq!(refusal.reason(), Reason::FreshnessUnknown);
    assert_eq!(next(stream.as_mut()), Poll::Ready(Some(Err(refusal))));
    assert_eq!(next(stream.as_mut()), Poll::Ready(None));
}

#[test]
fn the_deadline_of_a_task_ends_its_work() {
    let (world, _marks) = with_feed();
    let deadline = world.clock.now().plus(Duration::from_secs(60));
    let task = Task::new("t-1").unwrap().until(deadline);
    let draft = world.draft("acme");
    let grant = world.context("acme").grant().clone().for_task(task);
    let cx = world.admit(draft.with_grant(grant));
    world.clock.turn(59);
    assert_eq!(cx.guard(&world.domain), Ok(()));
    world.clock.turn(1);
    let refusal = cx.guard(&world.domain).unwrap_err();
    assert_eq!(refusal.reason(), Reason::ContextExpired);
}

#[test]
fn a_guarded_stream_says_once_that_it_is_no_longer_true_and_ends() {
    let (world, marks) = with_feed();
    let cx = world.context("acme");
    let mut stream = pin!(cx.guard_stream(world.domain.clone(), Items(9)));
    assert_eq!(next(stream.as_mut()), Poll::Ready(Some(Ok(acme()))));
    revoke(&marks, &world, "globex");
    assert_eq!(next(stream.as_mut()), Poll::Ready(Some(Ok(acme()))));
    revoke(&marks, &world, "acme");
    let Poll::Ready(Some(Err(refusal))) = next(stream.as_mut()) else {
        panic!("an item of a revoked context");
    };
    assert_eq!(refusal.reason(), Reason::Revoked);
    for _ in 0..3 {
        assert_eq!(next(stream.as_mut()), Poll::Ready(None));
    }
    // One that ends by itself ends as any other.
    world.clock.turn(1);
    let cx = world.context("acme");
    let mut stream = pin!(cx.guard_stream(world.domain.clone(), Items(1)));
    assert_eq!(next(stream.as_mut()), Poll::Ready(Some(Ok(acme()))));
    for _ in 0..3 {
        assert_eq!(next(stream.as_mut()), Poll::Ready(None));
    }
}

#[test]
fn an_item_that_comes_after_the_revocation_is_not_handed_on() {
    /// Revokes while the stream waits for its item.
    struct Late<F>(F);
    impl<F: Fn() + Unpin> Stream for Late<F> {
        type Item = &'static str;

        fn poll_next(self: Pin<&mut Self>, _: &mut TaskContext<'_>) -> Poll<Option<&'static str>> {
            (self.0)();
            Poll::Ready(Some("secret"))
        }
    }
    let (world, marks) = with_feed();
    let cx = world.context("acme");
    let late = Late(|| revoke(&marks, &world, "acme"));
    let mut stream = pin!(cx.guard_stream(world.domain.clone(), late));
    let Poll::Ready(Some(Err(refusal))) = next(stream.as_mut()) else {
        panic!("an item that came too late");
    };
    assert_eq!(refusal.reason(), Reason::Revoked);
    assert_eq!(next(stream.as_mut()), Poll::Ready(None));
}

#[test]
fn a_stream_that_is_revoked_while_nothing_comes_ends_and_is_not_polled_again() {
    /// Never has an item, and counts how often it is asked.
    struct Silent<'c>(&'c Cell<u32>);
    impl Stream for Silent<'_> {
        type Item = ();

        fn poll_next(self: Pin<&mut Self>, _: &mut TaskContext<'_>) -> Poll<Option<()>> {
            self.0.set(self.0.get() + 1);
            Poll::Pending
        }
    }
    let (world, marks) = with_feed();
    let asked = Cell::new(0);
    let cx = world.context("acme");
    let mut stream = pin!(cx.guard_stream(world.domain.clone(), Silent(&asked)));
    assert!(next(stream.as_mut()).is_pending());
    revoke(&marks, &world, "acme");
    let Poll::Ready(Some(Err(refusal))) = next(stream.as_mut()) else {
        panic!("a revoked context still waits");
    };
    assert_eq!(refusal.reason(), Reason::Revoked);
    assert_eq!(next(stream.as_mut()), Poll::Ready(None));
    assert_eq!(asked.get(), 1);
}

#[test]
fn code_outside_of_any_scope_is_told_what_was_expected() {
    assert_eq!(
        current().unwrap_err().to_string(),
        "no context here, expected work that was started with `TenantContext::spawn`"
    );
}
