//! The data of responses, which report how they are sent.

use std::io::IoSlice;
use std::sync::Arc;

use bytes::{Buf, Bytes};

use super::activity::OpenRequest;

/// A part of a response. Its request is open until it is sent, since hyper drops the body of a
/// response as soon as it has taken the last part from it.
#[derive(Debug)]
pub(super) struct Unsent<D> {
    data: D,
    open: Option<Arc<OpenRequest>>,
}

impl<D> Unsent<D> {
    pub(super) fn new(data: D, open: Option<Arc<OpenRequest>>) -> Self {
        if let Some(open) = &open {
            open.activity().add_unsent_part();
        }
        Self { data, open }
    }
}

impl<D: Buf> Buf for Unsent<D> {
    fn remaining(&self) -> usize {
        self.data.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.data.chunk()
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        self.data.chunks_vectored(slices)
    }

    fn advance(&mut self, count: usize) {
        self.data.advance(count);
        if let Some(open) = &self.open {
            open.activity().record_sent(count);
        }
    }

    fn copy_to_bytes(&mut self, length: usize) -> Bytes {
        if let Some(open) = &self.open {
            open.activity().record_sent(length);
        }
        self.data.copy_to_bytes(length)
    }
}

impl<D> Drop for Unsent<D> {
    fn drop(&mut self) {
        if let Some(open) = &self.open {
            open.activity().remove_unsent_part();
        }
    }
}
