//! The VeraId protocol.
