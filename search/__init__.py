"""The core of vitrine: one embedding space, from encoder and store to ranked pages."""
