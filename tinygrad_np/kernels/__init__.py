"""Plain-array code: what ops compute, with no notion of gradients."""
