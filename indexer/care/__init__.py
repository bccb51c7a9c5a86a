"""Care for a catalogue that is indexed: near-duplicates, gaps, broken pictures, odd ones out.

`snapshot` reads a collection, `duplicates` groups items that show the same picture, `health` looks
at columns and images, `outliers` at pictures that look like another category's. Import from these
modules: what compares pictures loads libraries that nothing else needs.
"""
