//! Concurrent operations.

use std::sync::Arc;

use tokio::sync::Barrier;
use tokio::task::JoinSet;

/// Runs `count` operations concurrently, and returns their results.
pub(super) async fn concurrently<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
    count: u32,
    operation: impl Fn(u32) -> F,
) -> Vec<T> {
    let start = Arc::new(Barrier::new(count as usize));
    let mut running = JoinSet::new();
    for number in 0..count {
        let (start, operation) = (Arc::clone(&start), operation(number));
        #[expect(
            clippy::disallowed_methods,
            reason = "supervised: joined, and a panic is one of the test"
        )]
        running.spawn(async move {
            start.wait().await;
            (number, operation.await)
        });
    }
    // `join_all` gives them in the order in which they end.
    let mut results = running.join_all().await;
    results.sort_unstable_by_key(|(number, _)| *number);
    results.into_iter().map(|(_, result)| result).collect()
}
