//! What a spoke decides: observed and desired state in, a plan or a refusal out.
