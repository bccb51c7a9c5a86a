"""Training of the bundled model, and of models on a catalogue of your own."""
