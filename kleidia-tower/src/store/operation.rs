//! An operation of the store traits, as a store runs it in a transaction.

use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
#[cfg(feature = "testing")]
use std::sync::Arc;

use super::StoreError;
use super::rows::Rows;

/// An operation of the store traits, to run in a transaction.
///
/// It borrows its arguments from the caller for `'a`. Only this crate creates operations, so each
/// change of a store comes with its audit records. With the feature `testing`, rows that wrap those
/// of the transaction can change or leave out what an operation writes.
pub struct Operation<'a, T> {
    name: &'static str,
    run: Box<dyn for<'r> Fn(ScopedRows<'r, 'a>) -> OperationFuture<'r, T> + Send + Sync + 'a>,
}

/// A run of an operation.
pub type OperationFuture<'r, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'r>>;

/// The rows of a transaction. What an operation borrows for `'a` outlives it.
pub(crate) struct ScopedRows<'r, 'a: 'r>(pub(crate) &'r mut dyn Rows, PhantomData<&'a ()>);

impl<'a, T> Operation<'a, T> {
    pub(crate) fn new<F>(name: &'static str, run: F) -> Self
    where
        F: for<'r> Fn(ScopedRows<'r, 'a>) -> OperationFuture<'r, T> + Send + Sync + 'a,
    {
        Self { name, run: Box::new(run) }
    }

    /// Returns the name of the store trait's method, such as `rotate_refresh_token`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Runs the operation. Commit the transaction if it succeeds, and roll it back otherwise, also
    /// if the future is dropped.
    pub fn run<'r>(&self, rows: &'r mut dyn Rows) -> OperationFuture<'r, T>
    where
        'a: 'r,
    {
        (self.run)(ScopedRows(rows, PhantomData))
    }

    /// Returns the operation on rows that wrap those of the transaction, for a store that wraps
    /// another one: to count statements, or to measure what some of them cost (feature `testing`).
    ///
    /// Such rows see each statement, also those that append audit records, and can leave it out. So
    /// never enable the feature in production.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn on_wrapped_rows<F>(self, wrap: F) -> Self
    where
        T: 'a,
        F: for<'r> Fn(&'r mut dyn Rows) -> Box<dyn Rows + 'r> + Send + Sync + 'a,
    {
        let (name, operation) = (self.name, Arc::new(self));
        Self::new(name, move |rows| {
            let (operation, mut wrapped) = (Arc::clone(&operation), wrap(rows.0));
            Box::pin(async move { operation.run(&mut *wrapped).await })
        })
    }
}

impl<T> fmt::Debug for Operation<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Operation").field(&self.name).finish()
    }
}
