//! Token bundles.
